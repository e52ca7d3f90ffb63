# ruff: noqa: PTH118 - paths in images are bytes, which pathlib does not take
"""Where things lie in our own image, for RUNs in place."""

from __future__ import annotations

import os
from dataclasses import dataclass

# What a RUN needs and no image brings: kernel filesystems, and the builder's own prefix.
_NEVER_MOVED = (b"proc", b"sys", b"dev")
# Written while builds run; everything else below the prefix stays as the image has it.
_WRITTEN = (b"stages", b"state", b"own", b"aside", b"mounts", b"tmp")


@dataclass(frozen=True, slots=True)
class Layout:
    """The root that trees take turns in, and the builder's prefix below it.

    Attributes:
        root: Ends with no slash but its own.
        prefix: Relative to the root.
    """

    root: bytes = b"/"
    prefix: bytes = b"pybuild"

    @property
    def home(self) -> bytes:
        """The builder's prefix."""
        return os.path.join(self.root, self.prefix)

    @property
    def marker(self) -> bytes:
        """The file that says: this is our image, its root may be replaced."""
        return os.path.join(self.home, b".pybuild-image")

    @property
    def stages(self) -> bytes:
        """Where the trees of stages lie, parked."""
        return os.path.join(self.home, b"stages")

    @property
    def aside(self) -> bytes:
        """Where our own root lies while a tree is in its place."""
        return os.path.join(self.home, b"aside")

    @property
    def mounts(self) -> bytes:
        """Where what RUNs have mounted lies before and after, on the trees' filesystem."""
        return os.path.join(self.home, b"mounts")

    @property
    def temporary(self) -> bytes:
        """For files of the moment, on the trees' filesystem."""
        return os.path.join(self.home, b"tmp")

    @property
    def working_directories(self) -> tuple[bytes, ...]:
        """Where builds write, whatever the state directory is."""
        return tuple(os.path.join(self.home, name) for name in _WRITTEN)

    @property
    def never_moved(self) -> frozenset[bytes]:
        """The kernel's filesystems and the prefix, relative to the root."""
        return frozenset({*_NEVER_MOVED, self.prefix})

    def pins(self, mount_points: dict[int, bytes]) -> frozenset[bytes]:
        """What stays where it is, relative to the root; mounts below other pins left out."""
        fixed = self.never_moved
        above = self.root.rstrip(b"/") + b"/"
        inside = {
            point.removeprefix(above) for point in mount_points.values() if point.startswith(above)
        }
        return fixed | {path for path in inside if path and path.split(b"/", 1)[0] not in fixed}

    def written(self, state_dir: bytes) -> frozenset[bytes]:
        """Paths relative to the prefix that may change while a RUN runs."""
        state = os.path.relpath(state_dir, self.home)
        return frozenset({*_WRITTEN, *([] if state.startswith(b"..") else [state])})
