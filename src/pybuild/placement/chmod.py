"""``--chmod``: octal or symbolic, the same for every file, whatever the umask.

The symbolic form is chmod(1)'s as BSD's setmode(3) reads it, which is what BuildKit uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from pybuild.placement.errors import PlacementError
from pybuild.tree.entry import Entry, Kind

_LARGEST_MODE = 0o7777
_SET_ID = 0o6000
_STICKY = 0o1000
_ALL_BUT_STICKY = 0o6777
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_WHO = {"a": _ALL_BUT_STICKY, "u": 0o4700, "g": 0o2070, "o": 0o007}
_PERMISSIONS = {"r": 0o444, "w": 0o222, "x": 0o111, "X": 0o111, "s": _SET_ID, "t": _STICKY}
_EXECUTE = 0o111
_PARENT = 0o755  # BuildKit makes parents by mkdir, under umask 022

_CLAUSE = re.compile(r"(?P<who>[augo]*)(?P<actions>(?:[-+=][rwxXstugo]*)+)")
_ACTION = re.compile(r"(?P<operator>[-+=])(?P<permissions>[rwxXstugo]*)")


@dataclass(frozen=True, slots=True)
class _Bits:
    """Set or clear bits; ``if_executable`` does it to directories and what somebody may execute."""

    set: int = 0
    clear: int = 0
    if_executable: bool = False


@dataclass(frozen=True, slots=True)
class _Like:
    """Give some classes the permissions that another one has by now (``g=u``)."""

    operator: str
    source: str
    targets: str


_Change = _Bits | _Like


@dataclass(frozen=True, slots=True)
class Chmod:
    """What becomes of modes.

    Attributes:
        parents: The mode of directories that are made for the destination.
    """

    parents: int
    _changes: tuple[_Change, ...]

    def mode_of(self, entry: Entry) -> int:
        """The mode of an entry's copy; a symbolic link keeps its own."""
        if entry.kind is Kind.SYMLINK:
            return entry.mode
        is_executable = entry.kind is Kind.DIRECTORY or bool(entry.mode & _EXECUTE)
        mode = entry.mode
        for change in self._changes:
            mode = _applied(change, mode, is_executable=is_executable)
        return mode


def parse_chmod(text: str) -> Chmod:
    """The value of ``--chmod``.

    Grammar of the symbolic form, from chmod(1)::

        mode    ::= clause [, clause ...]
        clause  ::= [who ...] action [action ...]
        action  ::= op [perm ...]
        who     ::= a | u | g | o
        op      ::= + | - | =
        perm    ::= r | s | t | w | x | X | u | g | o

    Raises:
        PlacementError: It is neither, with BuildKit's words.
    """
    if re.fullmatch(r"[0-7]+", text) and int(text, 8) <= _LARGEST_MODE:
        mode = int(text, 8)
        return Chmod(mode & _PARENT, (_Bits(set=mode, clear=_LARGEST_MODE),))
    if not text or text[0].isdigit():
        raise PlacementError(
            f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
        )
    clauses = [_CLAUSE.fullmatch(clause) for clause in text.split(",")]
    changes: list[_Change] = []
    for clause in clauses:
        if clause is None:
            raise PlacementError(f"invalid chmod parameter: '{text}': invalid syntax")
        for action in _ACTION.finditer(clause["actions"]):
            changes += _changes(clause["who"], action["operator"], action["permissions"])
    return Chmod(_PARENT, tuple(changes))


def _changes(who: str, operator: str, permissions: str) -> Iterator[_Change]:
    """What one action does, in order; a class to copy from ends the permissions before it."""
    mask = 0
    for letter in who:
        mask |= _WHO[letter]

    runs = re.split(r"([ugo])", permissions)
    classes = [*runs[1::2], ""]
    for run, source in zip(runs[::2], classes, strict=True):
        bits, executable, mask = _bits(run, operator, mask)
        if bits or (operator == "=" and len(classes) == 1):
            yield _plain(operator, mask, bits)
        if executable:
            yield _Bits(set=executable & (mask or ~0), if_executable=True)
        if source:
            yield _Like(operator, source, _targets(mask))


def _bits(run: str, operator: str, mask: int) -> tuple[int, int, int]:
    """The bits of permissions, those that X sets, and the mask, which t adds itself to."""
    bits = executable = 0
    for letter in run:
        if letter == "X" and operator != "-":
            executable = _PERMISSIONS[letter]
        elif letter not in "st" or not mask or mask & ~_WHO["o"]:  # others have no such bits
            bits |= _PERMISSIONS[letter]
            if letter == "t":
                mask |= _STICKY
    return bits, executable, mask


def _targets(mask: int) -> str:
    return "".join(one for one, shift in _SHIFTS.items() if not mask or mask & 0o4 << shift)


def _plain(operator: str, mask: int, bits: int) -> _Bits:
    chosen = bits & (mask or ~0)
    match operator:
        case "+":
            return _Bits(set=chosen)
        case "-":
            return _Bits(clear=chosen)
        case _:
            return _Bits(set=chosen, clear=mask or _ALL_BUT_STICKY)


def _applied(change: _Change, mode: int, *, is_executable: bool) -> int:
    match change:
        case _Bits():
            if change.if_executable and not is_executable:
                return mode
            return mode & ~change.clear | change.set
        case _Like():
            return _like(change, mode)
        case _:
            assert_never(change)


def _like(change: _Like, mode: int) -> int:
    value = mode >> _SHIFTS[change.source] & 0o7
    for target in set(change.targets):
        shift = _SHIFTS[target]
        if change.operator == "=":
            mode &= ~(0o7 << shift)
        if change.operator == "-":
            mode &= ~(value << shift)
        else:
            mode |= value << shift
    return mode
