"""An archive in an S3 bucket, or in a store that speaks its protocol, as the context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybuild.context.tar import unpack
from pybuild.errors import ContextError
from pybuild.ports import FetchedContext
from pybuild.request import S3Options

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_CHUNK_BYTES = 1 << 20
_CONNECT_TIMEOUT_S = 10
_READ_TIMEOUT_S = 60
_ATTEMPTS = 5

# Error codes of the S3 API: (what it means, hint).
_CAUSES = {
    "NoSuchBucket": ("there is no such bucket", "check the bucket's name and the region"),
    "AccessDenied": ("access was refused", "allow s3:GetObject on this key"),
    "403": ("access was refused", "allow s3:GetObject on this key"),
    "InvalidAccessKeyId": ("the access key is not known", "check AWS_ACCESS_KEY_ID"),
    "SignatureDoesNotMatch": ("the secret key is wrong", "check AWS_SECRET_ACCESS_KEY"),
    "ExpiredToken": ("the session has expired", "renew AWS_SESSION_TOKEN"),
    "PermanentRedirect": ("the bucket is in another region", "set AWS_REGION"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "set AWS_REGION"),
}
_MISSING = {"NoSuchKey", "404"}


@dataclass(frozen=True, slots=True)
class S3Archive:
    """``s3://bucket/key``: a tar, compressed or not."""

    bucket: str
    key: str
    options: S3Options
    sub_path: str = ""

    @classmethod
    def parse(cls, text: str, options: S3Options, sub_path: str = "") -> S3Archive:
        """Read ``s3://bucket/key``.

        Raises:
            ContextError: It names no object.
        """
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not bucket:
            raise ContextError(
                f"{text} names no bucket", hint="write s3://bucket/path/context.tar.gz"
            )
        if not key or key.endswith("/"):
            raise _prefix_not_yet(text)
        return cls(bucket, key, options, sub_path)

    def fetch(self, into: Path) -> FetchedContext:
        """Unpack the object while it is downloaded.

        Raises:
            ContextError: It cannot be had, or is not a tar.
        """
        return unpack(self._chunks(), into, self.sub_path, source=self._url)

    @property
    def _url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def _chunks(self) -> Iterator[bytes]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - it is heavy

        try:
            client = self._client()
            try:
                body = client.get_object(Bucket=self.bucket, Key=self.key)["Body"]
            except ClientError as error:
                raise self._failed(client, error) from error
            yield from body.iter_chunks(_CHUNK_BYTES)
        except (BotoCoreError, ValueError) as error:  # ValueError: not a URL as endpoint
            raise self._unreachable(error) from error

    def _client(self) -> Any:
        import boto3  # noqa: PLC0415 - it costs 0.2 s
        from botocore.config import Config  # noqa: PLC0415 - the same

        options = self.options
        path_style = options.force_path_style and options.endpoint
        # A session of its own: the default one would keep credentials for the whole process.
        return boto3.session.Session().client(
            "s3",
            endpoint_url=options.endpoint or None,
            region_name=options.region or None,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_READ_TIMEOUT_S,
                retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                s3={"addressing_style": "path" if path_style else "auto"},
            ),
        )

    def _failed(self, client: Any, error: ClientError) -> ContextError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            if self._is_prefix(client):
                return _prefix_not_yet(self._url)
            return ContextError(
                f"cannot fetch the context {self._url}: there is no such object",
                hint="check the bucket and the key",
            )
        message, hint = _CAUSES.get(code, (f"the store answered {code or 'with an error'}", ""))
        return ContextError(f"cannot fetch the context {self._url}: {message}", hint=hint)

    def _is_prefix(self, client: Any) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - it is heavy

        try:
            listing = client.list_objects_v2(Bucket=self.bucket, Prefix=self.key + "/", MaxKeys=1)
        except (BotoCoreError, ClientError):
            return False
        return bool(listing.get("KeyCount"))

    def _unreachable(self, error: Exception) -> ContextError:
        from botocore import exceptions  # noqa: PLC0415 - it is heavy

        subject = f"cannot fetch the context {self._url}"
        if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
            return ContextError(
                f"{subject}: there are no AWS credentials",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the job a role",
            )
        return ContextError(
            f"{subject}: {' '.join(str(error).split())[:300]}",
            hint="check S3_ENDPOINT and the network of this job",
        )


def _prefix_not_yet(url: str) -> ContextError:
    return ContextError(
        f"{url} names a prefix, and a prefix as a tree is not supported yet",
        hint="put one archive into the bucket and write s3://bucket/path/context.tar.gz",
    )
