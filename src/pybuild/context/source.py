"""The one place that knows the forms a context is written in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pybuild.context.git import GitRepository
from pybuild.context.http_context import HttpContext
from pybuild.context.http_get import Getter
from pybuild.context.local import LocalDirectory
from pybuild.context.piped_dockerfile import STANDARD_INPUT, PipedDockerfile
from pybuild.context.s3 import S3Archive
from pybuild.context.secrets import RemoteSecrets
from pybuild.context.tar import StandardInput, TarFile
from pybuild.errors import ContextError
from pybuild.events import Emit, ignore
from pybuild.http import Transport
from pybuild.ports import ContextSource
from pybuild.request import BuildRequest

_WHAT_WORKS = (
    "give a directory, a tar file, - (an archive on standard input), https://host/context.tar.gz,"
    " s3://bucket/key, or a git repository (https://host/repo.git#ref:directory)"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a context is made from."""

    request: BuildRequest
    stdin: BinaryIO
    emit: Emit
    transport: Transport
    secrets: RemoteSecrets

    @property
    def text(self) -> str:
        return self.request.context

    @property
    def sub_path(self) -> str:
        return self.request.context_sub_path


def _directory(asked: _Asked) -> ContextSource:
    return LocalDirectory(Path(asked.text.removeprefix("dir://")), asked.sub_path)


def _tar_file(asked: _Asked) -> ContextSource:
    return TarFile(Path(asked.text.removeprefix("tar://")), asked.sub_path)


def _path(asked: _Asked) -> ContextSource:
    return _tar_file(asked) if Path(asked.text).is_file() else _directory(asked)


def _standard_input(asked: _Asked) -> ContextSource:
    if asked.request.dockerfile == STANDARD_INPUT:
        raise ContextError(
            "standard input cannot be both the build context and the Dockerfile",
            hint="give one of them as a path",
        )
    return StandardInput(asked.stdin, asked.sub_path)


def _s3(asked: _Asked) -> ContextSource:
    return S3Archive.parse(asked.text, asked.request.s3, asked.sub_path)


def _git(asked: _Asked) -> ContextSource:
    return GitRepository.parse(
        asked.text, asked.request.git, asked.sub_path, asked.emit, asked.secrets
    )


def _http(asked: _Asked) -> ContextSource:
    return HttpContext(asked.text, Getter(asked.transport, asked.secrets), asked.sub_path)


def _not_yet(form: str) -> Callable[[_Asked], ContextSource]:
    def refuse(_asked: _Asked) -> ContextSource:
        raise ContextError(f"{form} as the context is not supported yet", hint=_WHAT_WORKS)

    return refuse


def _refuse(message: str) -> Callable[[_Asked], ContextSource]:
    def refuse(_asked: _Asked) -> ContextSource:
        raise ContextError(message, hint=_WHAT_WORKS)

    return refuse


_AZURE = (
    r"https://[^/]*\.blob\.core\."
    r"(windows\.net|chinacloudapi\.cn|cloudapi\.de|usgovcloudapi\.net)/"
)
# The first form whose pattern matches from the start; the last one takes everything.
_FORMS: tuple[tuple[re.Pattern[str], Callable[[_Asked], ContextSource]], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"$", _refuse("no context is given")),
        (r"(-|tar://stdin)$", _standard_input),
        (r"tar://", _tar_file),
        (r"dir://", _directory),
        (r"s3://", _s3),
        (r"(git|ssh)://|[\w.-]+@[\w.-]+:|https?://[^#?]*\.git([?#]|$)", _git),
        (r"gs://", _not_yet("a Google Cloud Storage object (gs://)")),
        (_AZURE, _not_yet("an Azure blob")),
        (r"https?://", _http),
        (r"[A-Za-z][A-Za-z0-9+.-]*:(//|:)", _refuse("the context's kind of address is not known")),
        (r"", _path),
    )
)


def source_for(
    request: BuildRequest,
    stdin: BinaryIO,
    *,
    emit: Emit = ignore,
    transport: Transport | None = None,
    secrets: Mapping[str, bytes] | None = None,
) -> ContextSource:
    """The source of a request's context, chosen by how it is written.

    Args:
        request: Its context, sub-path, git and S3 options count, and whether its Dockerfile is
            standard input.
        stdin: Read only where the context or the Dockerfile is standard input.
        emit: Gets warnings about what a context leaves out.
        transport: Fetches what lies at a URL; None is one with the request's proxies.
        secrets: Of the build, by id; only ``HTTP_AUTH_…`` and ``GIT_AUTH_…`` are read.

    Raises:
        ContextError: The form is not known or not supported yet.
    """
    if transport is None:
        proxies = request.registries.proxies
        transport = Transport({name.removesuffix("_proxy"): url for name, url in proxies})
    asked = _Asked(request, stdin, emit, transport, RemoteSecrets(secrets or {}))
    make = next(make for pattern, make in _FORMS if pattern.match(request.context))
    source = make(asked)
    return PipedDockerfile(source, stdin) if request.dockerfile == STANDARD_INPUT else source
