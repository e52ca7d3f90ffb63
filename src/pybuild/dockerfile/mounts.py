"""The value of ``RUN --mount``: comma-separated options → what they say.

Keys, their order and the errors are BuildKit's (``instructions/commands_runmount.go``): an option
is judged by the type that stands before it, as in ``required`` before ``type=secret``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pybuild.dockerfile.flags import did_you_mean
from pybuild.dockerfile.source import Problem

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARINGS = ("shared", "private", "locked")
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})  # Go strconv.ParseBool
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_MAX_ID = 2**32 - 1
_MAX_MODE = 0o7777
_SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{0,20})?) ?(?:([kmgtp])i?b?|b)?", re.IGNORECASE)
_SIZE_UNITS = "kmgtp"  # docker/go-units RAMInBytes: powers of 1024
_FIELD = re.compile(r'"((?:[^"]|"")*)"|([^",]*)')
_SHORT = {"dst": "target", "destination": "target"}
_VARIABLE = re.compile(r"\$.")
_VARIABLE_NAME = re.compile(r"[^=\0]+")


@dataclass(slots=True)
class MountOptions:
    """What a mount's text says; None where it says nothing.

    Attributes:
        from_: A stage, a named context or an image, or empty.
        id: Of a cache, a secret or an agent, or empty.
        sharing: Of a cache, or empty.
        read_only: Where nothing is said: true for ``bind`` alone counts.
        size_bytes: Of a tmpfs; 0 is no limit.
    """

    type: str = "bind"
    from_: str = ""
    source: str = ""
    target: str = ""
    id: str = ""
    sharing: str = ""
    env: str = ""
    read_only: bool | None = None
    required: bool = False
    size_bytes: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


def mounted_from(text: str) -> tuple[str, str]:
    """The stage, context or image that a mount takes files from, or empty; and its target.

    Both as written: what a stage is made of must be known before its variables are.

    Raises:
        Problem: The text is malformed, or names the source by a variable.
    """
    pairs = (field.partition("=") for field in _fields(text))
    said = {_SHORT.get(key.lower(), key.lower()): value for key, equals, value in pairs if equals}
    name = said.get("from", "")
    if _VARIABLE.search(name):
        raise Problem(
            "'from' doesn't support variable expansion, define alias stage instead",
            hint="write FROM with the variable and a name, and mount from that name",
        )
    if said.get("type", "bind").lower() in {"tmpfs", "secret", "ssh"}:
        return "", ""
    return name, said.get("target", "")


def read_mount(text: str, expand: Callable[[str], str]) -> MountOptions:
    """The options of a mount, values expanded.

    Raises:
        Problem: An option is unknown, does not belong to the type, or has a wrong value.
    """
    options = MountOptions()
    for field in _fields(text):
        key, equals, value = field.partition("=")
        key = key.lower()
        if not equals and key not in _SWITCHES:
            raise Problem(f"invalid field '{field}' must be a key=value pair")
        value = expand(value) if equals else "true"
        if key in _TEXTS:
            setattr(options, _TEXTS[key], value)
        elif key in _SETTERS:
            _SETTERS[key](options, key, value)
        else:
            near = did_you_mean(key, [*_TEXTS, *_SETTERS])
            raise Problem(f"unexpected key '{key}' in '{field}'{near}")
    _check(options)
    return options


def _fields(text: str) -> list[str]:
    """The fields of one CSV record (RFC 4180), as Go's encoding/csv reads them."""
    if not text:
        raise Problem("failed to parse csv mounts: EOF")
    fields: list[str] = []
    position = 0
    while True:
        match = _FIELD.match(text, position)
        quoted, plain = match.groups() if match else (None, "")
        fields.append(quoted.replace('""', '"') if quoted is not None else plain)
        position = match.end() if match else position
        if position == len(text):
            return fields
        if text[position] != ",":
            raise Problem('failed to parse csv mounts: a bare " in a field')
        position += 1


def _type(options: MountOptions, _: str, value: str) -> None:
    if value.lower() not in _TYPES:
        raise Problem(f'unsupported mount type "{value}"{did_you_mean(value.lower(), _TYPES)}')
    options.type = value.lower()


def _read_only(options: MountOptions, key: str, value: str) -> None:
    options.read_only = _switch(key, value)


def _writable(options: MountOptions, key: str, value: str) -> None:
    options.read_only = not _switch(key, value)


def _required(options: MountOptions, key: str, value: str) -> None:
    _belongs(options, key, "secret", "ssh")
    options.required = _switch(key, value)


def _size(options: MountOptions, key: str, value: str) -> None:
    _belongs(options, key, "tmpfs")
    match = _SIZE.fullmatch(value)
    if match is None:
        raise Problem(f"invalid value for {key}: {value}", hint="write it as in 64m or 1.5g")
    power = 1 + _SIZE_UNITS.index(match[2].lower()) if match[2] else 0
    options.size_bytes = int(float(match[1]) * 1024**power)


def _sharing(options: MountOptions, _: str, value: str) -> None:
    if value.lower() not in _SHARINGS:
        near = did_you_mean(value.lower(), _SHARINGS)
        raise Problem(f'unsupported sharing value "{value}"{near}')
    options.sharing = value.lower()


def _mode(options: MountOptions, key: str, value: str) -> None:
    options.mode = _number(key, value, 8, _MAX_MODE)


def _uid(options: MountOptions, key: str, value: str) -> None:
    options.uid = _number(key, value, 10, _MAX_ID)


def _gid(options: MountOptions, key: str, value: str) -> None:
    options.gid = _number(key, value, 10, _MAX_ID)


def _env(options: MountOptions, key: str, value: str) -> None:
    # BuildKit passes over env in a mount of another type, and over a name that is none.
    _belongs(options, key, "secret")
    if not _VARIABLE_NAME.fullmatch(value):
        raise Problem(f"invalid value for {key}: {value}", hint="give a variable's name")
    options.env = value


_TEXTS = {
    "from": "from_",
    "source": "source",
    "src": "source",
    "target": "target",
    "dst": "target",
    "destination": "target",
    "id": "id",
}
"""Keys whose value is taken as it is, by the option they set."""

_SETTERS: dict[str, Callable[[MountOptions, str, str], None]] = {
    "type": _type,
    "readonly": _read_only,
    "ro": _read_only,
    "readwrite": _writable,
    "rw": _writable,
    "required": _required,
    "size": _size,
    "sharing": _sharing,
    "mode": _mode,
    "uid": _uid,
    "gid": _gid,
    "env": _env,
}
_SWITCHES = frozenset({"readonly", "ro", "readwrite", "rw", "required"})


def _belongs(options: MountOptions, key: str, *types: str) -> None:
    if options.type not in types:
        raise Problem(
            f"unexpected key '{key}' for mount type '{options.type}'",
            hint=f"it belongs to type={' and type='.join(types)}, which stands before it",
        )


def _switch(key: str, value: str) -> bool:
    if value not in _TRUE | _FALSE:
        raise Problem(f"invalid value for {key}: {value}", hint="give true or false")
    return value in _TRUE


def _number(key: str, value: str, base: int, highest: int) -> int:
    digits = "01234567" if base == 8 else "0123456789"  # noqa: PLR2004 - octal, as modes are
    if not value or value.strip(digits) or len(value) > len(str(_MAX_ID)):
        raise Problem(f"invalid value {value} for {key}")
    number = int(value, base)
    if number > highest:
        raise Problem(f"invalid value {value} for {key}")
    return number


def _check(options: MountOptions) -> None:
    """BuildKit's validateMount."""
    if options.type in {"bind", "tmpfs"}:
        for key in ("mode", "uid", "gid"):
            if getattr(options, key) is not None:
                raise Problem(f'{key} not allowed for "{options.type}" type mounts')
    if options.type == "secret":
        _check_secret(options)
    if options.sharing and options.type != "cache":
        raise Problem(f"invalid cache sharing set for {options.type} mount")
    if options.type == "ssh" and options.source:
        raise Problem("ssh does not support source")


def _check_secret(options: MountOptions) -> None:
    if options.from_:
        raise Problem("secret mount should not have a from")
    if options.sharing:
        raise Problem("secret mount should not define sharing")
    if not (options.source or options.target or options.id):
        raise Problem("invalid secret mount. one of source, target required")
    if options.source and options.id:
        raise Problem("both source and id can't be set")
