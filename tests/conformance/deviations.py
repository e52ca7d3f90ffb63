"""Where ours differs from BuildKit on purpose; docs/deviations.md tells users."""

from dataclasses import dataclass
from typing import Any


class Anything:
    """Equal to all."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Deviation:
    """A part of an observation that is to differ.

    Attributes:
        case: The case's name.
        place: Keys and indexes that lead to the part; ``refused`` where one of the two refuses
            what the other builds.
        ours: What ours has there; ABSENT where it has nothing, ANYTHING where it varies.
        reason: Why that is better, or what cannot be had.
        in_place: Whether it holds in a plain container alone, and not by overlay.
    """

    case: str
    place: tuple[str | int, ...]
    ours: Any
    reason: str
    in_place: bool = False


ABSENT = object()
ANYTHING = Anything()

XATTRS = "extended attributes belong to a file; BuildKit keeps none but security.capability"
TIMES = (
    "a directory's time is what the RUN has made it, whether its layer comes from a cache or not"
)
NOTED = {"user.note": b"hello".hex()}

COMMIT = "a file of a git repository is as old as its commit: the same layer from each build"
COMMITTED = 981173106
GIT_FILES = {
    "add/git": ("/out/file", "/out/program", "/out/sub/link"),
    "add/git_checksum": ("/out/file",),
    "add/git_flags": ("/linked/d/f", "/owner/d/f"),
    "add/git_keep_dir": ("/out/file", "/without/file"),
    "add/git_query": ("/folder/g", "/ref/file", "/tag/file"),
    "add/git_ref": ("/default/g", "/folder/g", "/tag/file"),
    "add/git_submodule": ("/out/.gitmodules", "/out/file", "/out/module/file"),
    "ignore/of_git_context": ("/out/.dockerignore", "/out/ignored", "/out/kept"),
    "contexts/git": ("/all/file", "/all/new", "/all/sub/file", "/sub/file"),
}
READ_ONLY = "in a plain container a mount is a copy: what is written there is dropped, and said"
NO_NETWORK = "a RUN without network needs a namespace: refused where none can be made"

DEVIATIONS = (
    *(
        Deviation(case, ("files", path, "mtime"), COMMITTED, COMMIT)
        for case, paths in GIT_FILES.items()
        for path in paths
    ),
    Deviation(
        "contexts/directory_as_base",
        ("history",),
        ["layer: local source for rootfs", "layer: COPY f /etc/f # buildkit"],
        "each layer has its entry; BuildKit's name the wrong ones",
    ),
    Deviation(
        "copy/parents_missing",
        ("refused",),
        "not found",
        "a source without wildcards must be there, with --parents as without",
    ),
    Deviation(
        "onbuild/unknown_is_kept",
        ("refused",),
        "unknown",
        "a trigger that can never run is told to who writes it",
    ),
    Deviation(
        "run/without_command",
        ("refused",),
        "argument",
        "a RUN that says nothing is a mistake",
    ),
    Deviation(
        "refused/link_chown_name",
        ("refused",),
        ABSENT,
        "an unknown name is root with a warning, as without --link",
    ),
    Deviation(
        "run/device",
        ("refused",),
        "device",
        "a RUN without its device is another RUN; the stable frontend drops the flag silently",
    ),
    Deviation("run/mount_bind_context", ("files", "/ro"), ABSENT, READ_ONLY, in_place=True),
    Deviation(
        "run/mount_cache_read_only", ("files", "/out", "text"), "kept\n", READ_ONLY, in_place=True
    ),
    Deviation("refused/mount_read_only", ("refused",), ABSENT, READ_ONLY, in_place=True),
    Deviation("run/network_none", ("refused",), "namespace", NO_NETWORK, in_place=True),
    Deviation("run/network_of_the_build", ("refused",), "namespace", NO_NETWORK, in_place=True),
    Deviation(
        "refused/network_none_reaches_nothing",
        ("refused",),
        "namespace",
        NO_NETWORK,
        in_place=True,
    ),
    *(
        Deviation(
            case,
            ("files", "/out", "text"),
            ANYTHING,
            f"{what} of a plain container is the container's own; a warning says so",
            in_place=True,
        )
        for case, what in (
            ("run/hostname", "the host name"),
            ("arg/sandbox_hostname", "the host name"),
            ("run/shm_size", "/dev/shm"),
        )
    ),
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


def apply(case: str, golden: dict[str, Any], *, in_place: bool = True) -> dict[str, Any]:
    """The golden of a case, changed where ours differs on purpose, in place or by overlay."""
    for deviation in DEVIATIONS:
        if deviation.case == case and (in_place or not deviation.in_place):
            *way, last = deviation.place
            part: Any = golden
            for key in way:
                part = part[key]
            if deviation.ours is ABSENT:
                del part[last]
            else:
                part[last] = deviation.ours
    return golden
