"""Values of options → one BuildRequest, and what the front end itself must do."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference
from pybuild.request import (
    BuildRequest,
    Credential,
    GitOptions,
    HookOptions,
    RunOptions,
    S3Options,
)
from pybuild.settings.annotations import read_annotations
from pybuild.settings.caches import CachePlace, read_cache_from, read_cache_to
from pybuild.settings.call import BUILD, Call, read_call
from pybuild.settings.contexts import read_build_contexts, read_context
from pybuild.settings.form import read_form
from pybuild.settings.outputs import Exports, read_outputs
from pybuild.settings.place import Place
from pybuild.settings.registries import missing_authorities, read_registries
from pybuild.settings.runs import read_run_options
from pybuild.settings.table import OPTIONS
from pybuild.settings.values import Values, name_and_value, truth

EPOCH = "SOURCE_DATE_EPOCH"
_FILES = (
    "iidfile",
    "metadata-file",
    "digest-file",
    "image-name-with-digest-file",
    "image-name-tag-with-digest-file",
)
"""In the order of ResultFiles."""


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """Files that get the result; None is not wanted.

    Attributes:
        names: Gets a line ``repository@digest`` for each tag.
        tagged_names: Gets a line ``repository:tag@digest`` for each tag.
    """

    image_id: Path | None = None
    metadata: Path | None = None
    digest: Path | None = None
    names: Path | None = None
    tagged_names: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A build that can begin.

    Attributes:
        warnings: Of reading the options.
        secrets: Values that must never be printed.
        progress: The form of the log.
        verbosity: How much the log tells, in Kaniko's words.
        timestamps: Whether every line of the log begins with the time.
        call: Whether it is built at all.
    """

    request: BuildRequest
    files: ResultFiles = ResultFiles()
    warnings: tuple[BuildWarning, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    progress: str = "auto"
    verbosity: str = "info"
    timestamps: bool = False
    call: Call = BUILD

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


@dataclass(frozen=True, slots=True)
class _Parts:
    """What several options together say."""

    exports: Exports
    build_args: tuple[tuple[str, str], ...]
    cache_from: tuple[CachePlace, ...]
    cache_to: tuple[CachePlace, ...]
    run: RunOptions
    warnings: tuple[BuildWarning, ...]


def compose(values: Values, place: Place) -> Prepared:
    """Turn options into a request.

    Raises:
        UsageError: An option is missing, malformed, or asks for what cannot be done.
    """
    parts = _parts(values, place)
    request = _request(values, place, parts)
    if request.push and not request.tags:
        raise UsageError("--push needs a name for the image", hint="give --tag HOST/NAME:TAG")
    return Prepared(
        request,
        files=_files(values, place),
        warnings=(*parts.warnings, *missing_authorities(request.registries)),
        secrets=secrets_of(values) + _run_secrets(parts.run) + place.proxy_passwords(),
        progress=_progress(values),
        verbosity=values.text("verbosity"),
        timestamps=values.flag("log-timestamp"),
        call=read_call(values),
    )


def _parts(values: Values, place: Place) -> _Parts:
    exports = read_outputs(values.many("output"), values.source("output"), place)
    arguments, of_arguments = _build_args(values, place)
    sources, of_sources = read_cache_from(values, place)
    sinks, of_sinks = read_cache_to(values, place)
    run, of_run = read_run_options(values, place)
    warnings = (*of_arguments, *of_sources, *of_sinks, *of_run)
    return _Parts(exports, arguments, sources, sinks, run, warnings)


def _request(values: Values, place: Place, parts: _Parts) -> BuildRequest:
    exports = parts.exports
    return BuildRequest(
        context=read_context(values, place),
        context_sub_path=values.text("context-sub-path"),
        state_dir=place.state_dir(values.text("state-dir")),
        now_s=place.now_s,
        dockerfile=values.text("file"),
        target=values.text("target"),
        platform=_platform(values),
        build_args=parts.build_args,
        labels=tuple(
            name_and_value(label, values.source("label")) for label in values.many("label")
        ),
        tags=_tags(values, exports.names),
        push=values.flag("push") or exports.push,
        outputs=exports.outputs,
        image=read_form(values, exports.form),
        load_socket=_load_socket(values, exports, place),
        jobs=values.number("jobs", least=1),
        state_max_bytes=values.size_bytes("state-max-bytes"),
        ignore_paths=_ignore_paths(values),
        cache_ttl_s=values.duration_s("cache-ttl"),
        check_push=not values.flag("skip-push-permission-check"),
        keep_immutable_tags=values.flag("push-ignore-immutable-tag-errors"),
        no_cache=values.flag("no-cache"),
        cache_from=parts.cache_from,
        cache_to=parts.cache_to,
        rewrite_timestamp=_rewrite(values, exports),
        source_date_epoch=_epoch(values, parts.build_args, place),
        rootfs=values.text("rootfs"),
        registries=read_registries(values, place),
        git=GitOptions(
            values.text("git-branch"), values.text("git-token"), values.text("git-user")
        ),
        s3=_s3(place),
        hook=_hook(values),
        dry_run=values.flag("dry-run"),
        build_contexts=read_build_contexts(values, place),
        no_cache_stages=values.many("no-cache-filter"),
        annotations=read_annotations(values.many("annotation"), values.source("annotation")),
        run=parts.run,
        foreign_syntax=values.text("syntax") == "ignore",
    )


def secrets_of(values: Values) -> tuple[str, ...]:
    """Every secret that the options hold."""
    return tuple(
        text
        for option in OPTIONS
        if option.secret
        for text in (values.many(option.name) or (values.text(option.name),))
        if text
    )


def _run_secrets(run: RunOptions) -> tuple[str, ...]:
    """The values of a RUN's secrets that are not in files; those are read when they are needed."""
    return tuple(secret.value for secret in run.secrets if secret.value)


def _platform(values: Values) -> Platform:
    text = values.text("platform")
    if not text:
        return Platform.host()
    if "," in text or "\n" in text:
        raise UsageError(
            f"{values.source('platform')}: more than one platform a build is not supported yet",
            hint="build each on a machine of its own and join them afterwards",
        )
    return Platform.parse(text)


def _tags(values: Values, names: tuple[Reference, ...]) -> tuple[Reference, ...]:
    given = (Reference.parse(text) for text in values.many("tag"))
    tags = tuple(dict.fromkeys((*given, *names)))
    for tag in tags:
        if tag.digest:
            raise UsageError(
                f"{values.source('tag')}: {tag} has a digest, which only a build gives"
            )
    return tags


def _load_socket(values: Values, exports: Exports, place: Place) -> Path | None:
    if values.flag("load"):
        return place.docker_socket(values.source("load"))
    return place.docker_socket(exports.load) if exports.load else None


def _ignore_paths(values: Values) -> tuple[str, ...]:
    paths = values.many("ignore-path")
    for path in paths:
        if not path.startswith("/"):
            raise UsageError(f"{values.source('ignore-path')}: {path!r} is not an absolute path")
    return tuple(dict.fromkeys("/" + posixpath.normpath(path).lstrip("/") for path in paths))


def _build_args(
    values: Values, place: Place
) -> tuple[tuple[tuple[str, str], ...], tuple[BuildWarning, ...]]:
    pairs: list[tuple[str, str]] = []
    warnings: list[BuildWarning] = []
    for text in values.many("build-arg"):
        name, value = name_and_value(text, values.source("build-arg"))
        if "=" in text:
            pairs.append((name, value))
        elif name in place.env:
            pairs.append((name, place.env[name]))
        else:
            message = f"build argument {name} has no value, and the environment has none for it"
            warnings.append(BuildWarning("BuildArgWithoutValue", message))
    return tuple(pairs), tuple(warnings)


def _epoch(values: Values, arguments: tuple[tuple[str, str], ...], place: Place) -> int | None:
    text = dict(arguments).get(EPOCH) or place.env.get(EPOCH, "")
    if not text:
        return 0 if values.flag("reproducible") else None
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise UsageError(f"{EPOCH} is {text!r}, not a number of seconds since 1970")
    return int(text)


def _rewrite(values: Values, exports: Exports) -> bool:
    in_outputs = exports.form.get("rewrite-timestamp")
    asked = values.flag("rewrite-timestamp") or values.flag("reproducible")
    return asked or (in_outputs is not None and in_outputs.values == ("true",))


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


def _progress(values: Values) -> str:
    progress = values.text("progress")
    if not values.flag("quiet"):
        return progress
    if progress not in {"auto", "quiet"}:
        raise UsageError(f"{values.source('quiet')} and --progress={progress} exclude each other")
    return "quiet"


def _files(values: Values, place: Place) -> ResultFiles:
    return ResultFiles(*(_file(name, values, place) for name in _FILES))


def _file(name: str, values: Values, place: Place) -> Path | None:
    text = values.text(name)
    if text.startswith(("http://", "https://")):  # its query may be a secret: not shown
        raise UsageError(f"not supported yet: {values.source(name)} with a URL")
    return place.path(text) if text else None
