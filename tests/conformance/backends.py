"""The same cases in a plain container and by overlay, as root or less: the same layers."""

from collections.abc import Sequence
from pathlib import Path

from conformance import action, host
from conformance.action import Built
from conformance.case_file import Case
from conformance.deviations import DEVIATIONS
from tools import few_rights

RIGHTS = (few_rights.ROOT, few_rights.MANY_IDS[0])
"""Overlay as root, and in a user namespace with a full map."""

CONTAINED = frozenset(deviation.case for deviation in DEVIATIONS if deviation.in_place)
"""Cases in which a plain container cannot do what overlay does."""

_EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
_CLAMPED = ("--rewrite-timestamp",)


def in_a_container(cases: Sequence[Case], folder: Path) -> dict[str, Built]:
    """Build in a plain container, times clamped."""
    return action.build(cases, folder, _CLAMPED, _EPOCH)


def by_overlay(
    cases: Sequence[Case], folder: Path, rights: str, *, clamped: bool = True
) -> dict[str, Built]:
    """Build on this machine, with the rights of somebody; times clamped or not."""
    with few_rights.rights(rights) as options:
        return host.build(
            cases,
            folder,
            before=["setpriv", *options] if options else [],
            flags=_CLAMPED if clamped else (),
            env=_EPOCH if clamped else None,
        )


def differing(here: dict[str, Built], there: dict[str, Built]) -> list[str]:
    """The cases whose layers are not the same, and those that were not built."""
    failed = [f"{name}: {one.log}" for name, one in (here | there).items() if one.status != 0]
    return failed + [name for name in there if here[name].layers != there[name].layers]
