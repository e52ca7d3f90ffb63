"""Values of options → one BuildRequest, and what the front end itself must do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.oci.platform import Platform
from pybuild.oci.reference import DOCKER_HUB, Reference
from pybuild.request import (
    BuildRequest,
    Credential,
    GitOptions,
    HookOptions,
    Mirror,
    RegistryOptions,
    S3Options,
)
from pybuild.settings.exports import read_caches, read_outputs
from pybuild.settings.place import Place
from pybuild.settings.table import OPTIONS
from pybuild.settings.values import Values, truth

EPOCH = "SOURCE_DATE_EPOCH"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_SCP_FORM = re.compile(r"[\w.-]+@[\w.-]+:")  # git@host:path


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """Files that get the result; None is not wanted."""

    image_id: Path | None = None
    metadata: Path | None = None
    digest: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A build that can begin.

    Attributes:
        warnings: Of reading the options.
        secrets: Values that must never be printed.
        progress: The form of the log.
        verbosity: How much the log tells, in Kaniko's words.
    """

    request: BuildRequest
    files: ResultFiles = ResultFiles()
    warnings: tuple[BuildWarning, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    progress: str = "auto"
    verbosity: str = "info"

    def with_warnings(self, warnings: tuple[BuildWarning, ...]) -> Prepared:
        """The same build, with more to warn of."""
        return replace(self, warnings=self.warnings + warnings)

    def with_credentials(self, credentials: tuple[Credential, ...]) -> Prepared:
        """The same build, with credentials that a platform lends; given ones win over them."""
        registries = self.request.registries
        joined = replace(registries, credentials=registries.credentials + credentials)
        return replace(
            self,
            request=replace(self.request, registries=joined),
            secrets=self.secrets + tuple(credential.password for credential in credentials),
        )


def compose(values: Values, place: Place) -> Prepared:
    """Turn options into a request.

    Raises:
        UsageError: An option is missing, malformed, or asks for what cannot be done.
    """
    exports = read_outputs(values.many("output"), values.source("output"), place)
    arguments, warnings = _build_args(values, place)
    sources, from_warnings = read_caches(values.many("cache-from"), values.source("cache-from"))
    sinks, to_warnings = read_caches(values.many("cache-to"), values.source("cache-to"))
    request = BuildRequest(
        context=_context(values, place),
        context_sub_path=values.text("context-sub-path"),
        state_dir=place.state_dir(values.text("state-dir")),
        now_s=place.now_s,
        dockerfile=values.text("file"),
        target=values.text("target"),
        platform=_platform(values),
        build_args=arguments,
        labels=tuple(_pair(label, values.source("label")) for label in values.many("label")),
        tags=_tags(values),
        push=values.flag("push") or exports.push,
        outputs=exports.outputs,
        no_cache=values.flag("no-cache"),
        cache_from=sources,
        cache_to=sinks,
        rewrite_timestamp=values.flag("rewrite-timestamp") or exports.rewrite_timestamp,
        source_date_epoch=_epoch(arguments, place),
        rootfs=values.text("rootfs"),
        registries=_registries(values, place),
        git=GitOptions(
            values.text("git-branch"), values.text("git-token"), values.text("git-user")
        ),
        s3=_s3(place),
        hook=_hook(values),
        dry_run=values.flag("dry-run"),
    )
    if request.push and not request.tags:
        raise UsageError("--push needs a name for the image", hint="give --tag HOST/NAME:TAG")
    return Prepared(
        request,
        files=_files(values, place),
        warnings=warnings + from_warnings + to_warnings,
        secrets=secrets_of(values) + place.proxy_passwords(),
        progress=values.text("progress"),
        verbosity=values.text("verbosity"),
    )


def secrets_of(values: Values) -> tuple[str, ...]:
    """Every secret that the options hold."""
    texts = (values.text(option.name) for option in OPTIONS if option.secret)
    return tuple(text for text in texts if text)


def _context(values: Values, place: Place) -> str:
    text = values.text("context")
    if not text:
        raise UsageError(
            "the build context is missing", hint="name a directory: pybuild build [OPTIONS] ."
        )
    return local_context(text, place)


def local_context(text: str, place: Place) -> str:
    """A context as the request wants it: a path absolute and resolved, all else as it is."""
    scheme, separator, rest = text.partition("://")
    if text == "-" or (scheme == "tar" and rest == "stdin"):
        return "-"
    if separator and scheme in {"dir", "tar"}:  # Kaniko's spelling of what a path says itself
        return str(place.path(rest))
    if separator or _SCP_FORM.match(text):
        return text
    return str(place.path(text))


def _platform(values: Values) -> Platform:
    text, host = values.text("platform"), Platform.host()
    if not text:
        return host
    source = values.source("platform")
    if "," in text or "\n" in text:
        raise UsageError(
            f"{source}: more than one platform a build is not supported yet",
            hint="build each on a machine of its own and join them afterwards",
        )
    platform = Platform.parse(text)
    if platform != host:
        raise UsageError(
            f"{source}: {platform} on a {host} machine is not supported yet",
            hint=f"run this build on a {platform} machine",
        )
    return platform


def _tags(values: Values) -> tuple[Reference, ...]:
    tags = tuple(dict.fromkeys(Reference.parse(text) for text in values.many("tag")))
    for tag in tags:
        if tag.digest:
            raise UsageError(
                f"{values.source('tag')}: {tag} has a digest, which only a build gives"
            )
    return tags


def _pair(text: str, source: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name:
        raise UsageError(f"{source}: {text!r} is not of the form NAME=VALUE")
    return name, value


def _build_args(
    values: Values, place: Place
) -> tuple[tuple[tuple[str, str], ...], tuple[BuildWarning, ...]]:
    pairs: list[tuple[str, str]] = []
    warnings: list[BuildWarning] = []
    for text in values.many("build-arg"):
        name, value = _pair(text, values.source("build-arg"))
        if "=" in text:
            pairs.append((name, value))
        elif name in place.env:
            pairs.append((name, place.env[name]))
        else:
            message = f"build argument {name} has no value, and the environment has none for it"
            warnings.append(BuildWarning("BuildArgWithoutValue", message))
    return tuple(pairs), tuple(warnings)


def _epoch(arguments: tuple[tuple[str, str], ...], place: Place) -> int | None:
    text = dict(arguments).get(EPOCH) or place.env.get(EPOCH, "")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise UsageError(f"{EPOCH} is {text!r}, not a number of seconds since 1970")
    return int(text)


def _registries(values: Values, place: Place) -> RegistryOptions:
    source = values.source("registry-mirror")
    mirrors = (_mirror(text, source) for text in values.many("registry-mirror"))
    return RegistryOptions(
        insecure_hosts=frozenset(values.many("insecure-registry")),
        insecure_pull=values.flag("insecure-pull"),
        insecure_push=values.flag("insecure"),
        mirrors=tuple(mirrors),
        credentials=_credentials(values),
        config_files=place.config_files(values.text("dockerconfig")),
        auth_config=place.env.get("DOCKER_AUTH_CONFIG", ""),
        proxies=place.proxies(),
    )


def _mirror(text: str, source: str) -> Mirror:
    registry, equals, target = text.rpartition("=")
    if "://" in target:
        raise UsageError(
            f"{source}: {text!r} has a scheme", hint="name the host alone: mirror.example.com"
        )
    host, _, prefix = target.partition("/")
    if not host or (equals and not registry):
        raise UsageError(f"{source}: {text!r} is not of the form HOST=MIRROR[/PREFIX]")
    return Mirror(_canonical(registry or DOCKER_HUB), host, prefix.strip("/"))


def _credentials(values: Values) -> tuple[Credential, ...]:
    user, password = values.text("username"), values.text("password")
    if not user and not password:
        return ()
    if not user or not password:
        missing = "password" if user else "username"
        raise UsageError(
            f"the {missing} for the registry {values.text('registry')} is missing",
            hint=f"give the input {missing} or set PYBUILD_{missing.upper()}",
        )
    return (Credential(_canonical(_host(values.text("registry"))), user, password),)


def _host(text: str) -> str:
    """The host in what people give for a registry: ``https://index.docker.io/v1/`` too."""
    return text.rpartition("://")[2].partition("/")[0]


def _canonical(host: str) -> str:
    return DOCKER_HUB if host in _HUB_NAMES else host


def _s3(place: Place) -> S3Options:
    force = place.env.get("S3_FORCE_PATH_STYLE") or "false"
    return S3Options(
        endpoint=place.env.get("S3_ENDPOINT", ""),
        region=place.env.get("AWS_REGION", ""),
        force_path_style=truth(force, "S3_FORCE_PATH_STYLE"),
    )


def _hook(values: Values) -> HookOptions:
    script, image = values.text("pre-build"), values.text("pre-build-image")
    if image and not script:
        raise UsageError(
            f"{values.source('pre-build-image')} without commands", hint="give --pre-build too"
        )
    return HookOptions(script, image)


def _files(values: Values, place: Place) -> ResultFiles:
    paths = (values.text(name) for name in ("iidfile", "metadata-file", "digest-file"))
    return ResultFiles(*(place.path(text) if text else None for text in paths))
