"""Users and groups of an image, from the text of its passwd and group files; never NSS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_ID = 2**32 - 2
"""The largest uid; 2^32 - 1 is "no change" to chown(2) and setresuid(2)."""


class UnknownAccount(ValueError):  # noqa: N818 - says what was found, like the errors of the project
    """A user or a group has no entry in the image."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who a process runs as.

    Attributes:
        groups: Supplementary groups in the order of the group file.
        home: The value of HOME.
    """

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True)
class ChownResult:
    """An owner for files.

    Attributes:
        unknown: Names that have no entry: BuildKit takes 0 for them without a word.
    """

    uid: int
    gid: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PasswdEntry:
    """A line of passwd: ``name:password:uid:gid:gecos:home:shell``."""

    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A line of group: ``name:password:gid:member,member``."""

    name: str
    gid: int
    members: tuple[str, ...]


def parse_passwd(text: str) -> tuple[PasswdEntry, ...]:
    """Lines of passwd(5); those without a name or with ids that are no numbers are left out."""
    return tuple(_passwd_entries(text))


def parse_group(text: str) -> tuple[GroupEntry, ...]:
    """Lines of group(5); those without a name or with an id that is no number are left out."""
    return tuple(_group_entries(text))


def resolve_user(spec: str, passwd: str | None, group: str | None) -> Account:
    """Who ``USER spec`` is.

    ``user[:group]``, each a name or a number, as BuildKit's ``executor/oci/user.go`` and runc's
    ``GetExecUser`` read it: two numbers need no file; a number alone takes its group and its
    supplementary groups from passwd and group where it has an entry, else group 0; an explicit
    group means no further ones; ``root`` is 0 also without files. Nobody is root. The group itself
    is the first of the supplementary ones, as containerd gives it to a process.

    Args:
        spec: As in the image's configuration; may be empty.
        passwd: The text of ``/etc/passwd``; None where there is none.
        group: The text of ``/etc/group``; None where there is none.

    Raises:
        UnknownAccount: A name without an entry, or a number out of range.
    """
    user_text, _, group_text = spec.partition(":")
    users = parse_passwd(passwd or "")
    groups = parse_group(group or "")

    uid, gid, name, home = _find_user(user_text or "root", users)
    if group_text:
        explicit = _find_group(group_text, groups)
        return Account(uid, explicit, (explicit,), home)
    further = (g.gid for g in groups if name and name in g.members and g.gid != gid)
    return Account(uid, gid, (gid, *further), home)


def resolve_chown(spec: str, passwd: str | None, group: str | None) -> ChownResult:
    """Who ``--chown=spec`` is.

    As in BuildKit's ``solver/llbsolver/file``: a number alone is uid and gid, a name brings its
    gid from passwd, a group that has no entry leaves the gid as the user set it, and an unknown
    user is 0:0. Unknown names are returned, so that the caller can warn.

    Raises:
        UnknownAccount: A number out of range.
    """
    user_text, _, group_text = spec.partition(":")
    unknown: list[str] = []

    uid = gid = _number(user_text) or 0
    if _number(user_text) is None:
        found = next((u for u in parse_passwd(passwd or "") if u.name == user_text), None)
        if found is not None:
            uid, gid = found.uid, found.gid
        elif user_text:
            unknown.append(user_text)

    number = _number(group_text)
    if number is not None:
        gid = number
    elif group_text:
        entry = next((g for g in parse_group(group or "") if g.name == group_text), None)
        if entry is not None:
            gid = entry.gid
        else:
            unknown.append(group_text)
    return ChownResult(uid, gid, tuple(unknown))


def _find_user(text: str, users: tuple[PasswdEntry, ...]) -> tuple[int, int, str, str]:
    number = _number(text)
    for user in users:
        if user.name == text if number is None else user.uid == number:
            return user.uid, user.gid, user.name, user.home or "/"
    if number is None:
        raise UnknownAccount(f"unable to find user {text}: no matching entries in passwd file")
    return number, 0, "", "/"


def _find_group(text: str, groups: tuple[GroupEntry, ...]) -> int:
    number = _number(text)
    if number is not None:
        return number
    for group in groups:
        if group.name == text:
            return group.gid
    raise UnknownAccount(f"unable to find group {text}: no matching entries in group file")


def _number(text: str) -> int | None:
    if text == "root":
        return 0
    if not _is_decimal(text):
        return None
    value = int(text)
    if value > MAX_ID:
        raise UnknownAccount(f"{text} is out of range: uids and gids end at {MAX_ID}")
    return value


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _passwd_entries(text: str) -> Iterator[PasswdEntry]:
    for fields in _lines(text, count=7):
        name, _, uid, gid, _, home, *_ = fields
        if name and _is_id(uid) and _is_id(gid):
            yield PasswdEntry(name, int(uid), int(gid), home)


def _group_entries(text: str) -> Iterator[GroupEntry]:
    for fields in _lines(text, count=4):
        name, _, gid, members, *_ = fields
        if name and _is_id(gid):
            names = (member.strip() for member in members.split(","))
            yield GroupEntry(name, int(gid), tuple(member for member in names if member))


def _lines(text: str, *, count: int) -> Iterator[list[str]]:
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            fields = stripped.split(":")
            yield fields + [""] * (count - len(fields))


def _is_id(text: str) -> bool:
    return _is_decimal(text) and int(text) <= MAX_ID
