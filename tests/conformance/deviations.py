"""Where ours differs from BuildKit on purpose; docs/deviations.md tells users."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Deviation:
    """A part of an observation that is to differ.

    Attributes:
        case: The case's name.
        place: Keys and indexes that lead to the part.
        ours: What ours has there; ABSENT where it has nothing.
        reason: Why that is better.
    """

    case: str
    place: tuple[str | int, ...]
    ours: Any
    reason: str


ABSENT = object()

XATTRS = "extended attributes belong to a file; BuildKit keeps none but security.capability"
TIMES = (
    "a directory's time is what the RUN has made it, whether its layer comes from a cache or not"
)
NOTED = {"user.note": b"hello".hex()}

DEVIATIONS = (
    Deviation("run/capabilities_of_files", ("files", "/noted", "xattrs"), NOTED, XATTRS),
    Deviation("run/capabilities_of_files", ("files", "/d/noted", "xattrs"), NOTED, XATTRS),
    Deviation("run/times", ("files", "/d", "mtime"), 1000000000, TIMES),
    Deviation(
        "run/times",
        ("files", "/etc"),
        {"type": "directory", "mode": "0755", "owner": "0:0", "mtime": 1234567890},
        TIMES,
    ),
    Deviation(
        "refused/names_on_scratch",
        ("refused",),
        ABSENT,
        "an unknown name is root with a warning, as in an image with accounts",
    ),
)


def apply(case: str, golden: dict[str, Any]) -> dict[str, Any]:
    """The golden of a case, changed where ours differs on purpose."""
    for deviation in DEVIATIONS:
        if deviation.case == case:
            *way, last = deviation.place
            part: Any = golden
            for key in way:
                part = part[key]
            if deviation.ours is ABSENT:
                del part[last]
            else:
                part[last] = deviation.ours
    return golden
