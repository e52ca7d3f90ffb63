"""Docker's ``--output``: what is exported where, and in which form.

Grammar (buildx ``ParseOutput``)::

    output = "-"                    the target's files as a tar on standard output
           | path                   one field that does not begin with "type=": a directory
           | key "=" value {"," …}  comma-separated values, quoted as in CSV

``dest=-`` is standard output, and so is no ``dest=`` where one file is written: but type=docker
without it is loaded into the daemon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pybuild.errors import UsageError
from pybuild.oci.reference import Reference
from pybuild.request import Output
from pybuild.settings.lists import fields
from pybuild.settings.place import Place
from pybuild.settings.values import Given, truth

_FORM = frozenset(
    {"compression", "compression-level", "force-compression", "oci-mediatypes", "rewrite-timestamp"}
)
"""Keys that shape the image itself, which is one for all outputs."""
_TRUTHS = frozenset({"force-compression", "oci-mediatypes", "rewrite-timestamp"})

_FILE = frozenset({"dest"})
_LAYOUT = _FORM | {"dest", "tar", "name"}
_NAMED = _FORM | {"name", "push"}
_KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "oci": _LAYOUT,
        "docker": _LAYOUT,
        "tar": _FILE,
        "local": _FILE,
        "image": _NAMED,
        "registry": _NAMED,
        "cacheonly": frozenset(),
    }
)
"""What each type of BuildKit's exporters takes."""

_ANYWAY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "mode": frozenset({"copy"}),
        "name-canonical": frozenset({"true", "false"}),
        "oci-artifact": frozenset({"true", "false"}),
        "platform-split": frozenset({"false"}),
        "prefer-nondist-layers": frozenset({"false"}),
        "push-by-digest": frozenset({"false"}),
        "registry.insecure": frozenset({"false"}),
        "store": frozenset({"true", "false"}),
        "unpack": frozenset({"false"}),
    }
)
"""BuildKit's other keys, and the values that ask for what happens anyway."""

_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "registry.insecure": "name the registry: --insecure-registry HOST",
        "source-date-epoch": "set the variable SOURCE_DATE_EPOCH",
    }
)
_STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Exports:
    """What the ``--output`` options ask for together.

    Attributes:
        load: Where the image is to be loaded into the Docker daemon: the option as given.
        names: More tags of the image.
        form: Keys of the image's form that are given, with their values.
    """

    outputs: tuple[Output, ...]
    push: bool
    load: str
    names: tuple[Reference, ...]
    form: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One ``--output``: where is how to name it in an error."""

    kind: str
    keys: Mapping[str, str]
    where: str

    def truth(self, key: str, default: str) -> bool:
        return truth(self.keys.get(key, default), f"{self.where}: {key}")


def read_outputs(texts: Sequence[str], source: str, place: Place) -> Exports:
    """Read every ``--output``.

    Raises:
        UsageError: One asks for what there is not, is not of docker's form, or contradicts another.
    """
    every = [_read(text, source) for text in texts]
    to_daemon = [want for want in every if want.kind == "docker" and not want.keys.get("dest")]
    to_files = [want for want in every if "dest" in _KEYS[want.kind] and want not in to_daemon]
    pushed = [
        want
        for want in every
        if "push" in _KEYS[want.kind] and want.truth("push", str(want.kind == "registry"))
    ]
    return Exports(
        outputs=_distinct([_output(want, place) for want in to_files], source),
        push=bool(pushed),
        load=to_daemon[0].where if to_daemon else "",
        names=tuple(Reference.parse(name) for want in every for name in _names(want)),
        form=_form(every),
    )


def _read(text: str, source: str) -> _Wanted:
    where = f"{source} {text}"
    if text == _STDOUT:
        return _Wanted("tar", {"dest": text}, where)
    if "," not in text and not text.startswith("type="):
        return _Wanted("local", {"dest": text}, where)
    keys = dict(fields(text, source))
    kind = keys.pop("type", "")
    if kind not in _KEYS:
        raise UsageError(f"{where}: the type is not one of {', '.join(_KEYS)}")
    for key, value in keys.items():
        if key not in _KEYS[kind] and value not in _ANYWAY.get(key, ()):
            raise _not_taken(key, value, kind, where)
    return _Wanted(kind, keys, where)


def _not_taken(key: str, value: str, kind: str, where: str) -> UsageError:
    if any(key in taken for taken in _KEYS.values()):
        return UsageError(f"{where}: type={kind} has no {key}=")
    return UsageError(f"{where}: {key}={value} is not supported yet", hint=_HINTS.get(key, ""))


def _output(want: _Wanted, place: Place) -> Output:
    tar = want.kind != "local" and want.truth("tar", "true")
    if want.kind == "docker" and not tar:
        raise UsageError(f"{want.where}: a docker archive is always one file")
    destination = want.keys.get("dest", "") or (_STDOUT if tar else "")
    if not destination:
        raise UsageError(f"{want.where}: dest= is missing", hint="name the directory to write")
    if destination != _STDOUT:
        return Output(want.kind, place.path(destination), tar)
    if not tar:
        raise UsageError(
            f"{want.where}: a directory cannot be written to standard output",
            hint="name the directory to write",
        )
    return Output(want.kind, None, tar)


def _distinct(outputs: Sequence[Output], source: str) -> tuple[Output, ...]:
    destinations = [output.destination for output in outputs]
    for place, destination in enumerate(destinations):
        if destination in destinations[:place]:
            where = destination or "standard output"
            raise UsageError(f"{source}: two outputs are written to {where}")
    return tuple(outputs)


def _names(want: _Wanted) -> list[str]:
    """The names in ``name=``, comma-separated within their quotes."""
    return [name.strip() for name in want.keys.get("name", "").split(",") if name.strip()]


def _form(every: Iterable[_Wanted]) -> Mapping[str, Given]:
    form: dict[str, Given] = {}
    for want in every:
        for key in sorted(_FORM & want.keys.keys()):
            value = want.keys[key]
            if key in _TRUTHS:
                value = str(want.truth(key, "")).lower()
            agree(form.setdefault(key, Given((value,), want.where)), value, key, want.where)
    return form


def agree(earlier: Given, value: str, key: str, where: str) -> None:
    """Hold that one build makes one image.

    Raises:
        UsageError: The same key has another value elsewhere.
    """
    if earlier.values != (value,):
        raise UsageError(
            f"{where}: {key}={value} contradicts {earlier.source}",
            hint="one build makes one image: ask for one form of it",
        )
