"""What a RUN may ask for where a backend works: the rows of docs/backends.md, for the doctor."""

from __future__ import annotations

from pybuild.rootfs.probe import Availability

Row = tuple[str, str]

_YES = "yes"
_REFUSED = "refused before anything runs"
_AS_WE_MAY = "yes, up to what this process may give"
_IN_PLACE: tuple[Row, ...] = (
    ("--mount=type=bind", "a copy; what is written is dropped, and warned about unless rw"),
    ("--mount=type=cache", _YES),
    ("--mount=type=tmpfs", "on disk, without a limit; a size is warned about"),
    ("--mount=type=secret", "on disk while the RUN lasts, then overwritten"),
    ("--mount=type=ssh", _YES),
    ("--network=none", _REFUSED),
    ("hostname", "the container's own; another is warned about"),
    ("--add-host", _YES),
    ("--shm-size", "the container's own; another is warned about"),
    ("--ulimit", _AS_WE_MAY),
)


def abilities(found: Availability) -> tuple[Row, ...]:
    """What is asked for, and what comes of it.

    Args:
        found: A backend that works here.
    """
    if found.name == "inplace":
        return _IN_PLACE
    owner = "yes, for root only" if found.id_map and found.id_map.single else _YES
    return (
        ("--mount=type=bind", "yes; writes are refused, with rw dropped"),
        ("--mount=type=cache", _YES),
        ("--mount=type=tmpfs", "yes, with its size"),
        ("--mount=type=secret", f"{owner}, in memory"),
        ("--mount=type=ssh", owner),
        ("--network=none", _YES if found.own_network else f"{_REFUSED}: no network namespace"),
        ("hostname", _YES if found.own_hostname else f"{_REFUSED}: no UTS namespace"),
        ("--add-host", _YES),
        ("--shm-size", _YES),
        ("--ulimit", _AS_WE_MAY),
    )
