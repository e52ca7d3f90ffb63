# ruff: noqa: PTH103, PTH104, PTH106, PTH112, PTH114, PTH115, PTH118, PTH211, PTH119, PTH120 - paths in images are bytes, which pathlib does not take
"""Trees take turns in the root: ours goes aside, a stage's comes in, and back again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pybuild.errors import HostUnsupported, IntegrityError
from pybuild.rootfs import activation
from pybuild.rootfs.layout import Layout

MountPoints = Callable[[], dict[int, bytes]]


@contextmanager
def active(layout: Layout, tree: bytes, mount_points: MountPoints) -> Iterator[activation.Merge]:
    """Have a tree in the root while the block runs; afterwards both are where they were.

    Nothing is deleted and nothing copied. Whatever the block leaves in the root belongs to the
    tree, but for pins, and mounts that were renamed with their directory go back.

    Yields:
        What moved into the root.

    Raises:
        HostUnsupported: The tree has no directory where a mount needs one.
        IntegrityError: The tree could not be parked again.
    """
    before = mount_points()
    pins = layout.pins(before)
    try:
        theirs = activation.plan(activation.lister(tree), pins)
    except activation.BlockedError as error:
        raise _blocked(error) from error
    ours = activation.plan(activation.lister(layout.root), pins)

    with _set_aside(layout, ours, pins):
        try:
            activation.move(theirs, tree, layout.root)
            yield theirs
        finally:
            _park(layout, tree, before, mount_points())


@contextmanager
def _set_aside(layout: Layout, ours: activation.Merge, pins: frozenset[bytes]) -> Iterator[None]:
    os.makedirs(layout.aside, exist_ok=True)
    links: dict[bytes, bytes] = {}
    times: dict[bytes, tuple[int, int]] = {}
    try:
        activation.move(ours, layout.root, layout.aside)
        links, times = _links(layout.aside, ours), _times(layout.aside)
        yield
    finally:
        _restore_links(layout.aside, links)
        _restore_times(times)
        back = activation.plan(activation.lister(layout.aside), pins)
        activation.move(back, layout.aside, layout.root)
        for path in reversed(back.all_merges()):
            if path:
                os.rmdir(os.path.join(layout.aside, path))


def _links(aside: bytes, ours: activation.Merge) -> dict[bytes, bytes]:
    """The links that our root is made of: a RUN that walks the whole root reaches them."""
    paths = (os.path.join(aside, path) for path in ours.all_moves())
    return {path: os.readlink(path) for path in paths if os.path.islink(path)}


def _restore_links(aside: bytes, links: dict[bytes, bytes]) -> None:
    os.makedirs(aside, exist_ok=True)
    for path, target in links.items():
        if not os.path.islink(path) or os.readlink(path) != target:
            if os.path.lexists(path):
                os.rename(path, path + b".changed")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)


def _times(aside: bytes) -> dict[bytes, tuple[int, int]]:
    seen = {}
    for directory, _, _ in os.walk(aside):
        status = os.lstat(directory)
        seen[directory] = (status.st_atime_ns, status.st_mtime_ns)
    return seen


def _restore_times(times: dict[bytes, tuple[int, int]]) -> None:
    for directory, both in times.items():
        if os.path.isdir(directory):
            os.utime(directory, ns=both)


def _park(layout: Layout, tree: bytes, before: dict[int, bytes], after: dict[int, bytes]) -> None:
    pins = layout.pins(before) | layout.pins(after)
    try:
        os.lstat(tree)  # a RUN can have removed even this
        leaving = activation.plan(activation.lister(layout.root), pins)
        activation.move(leaving, layout.root, tree)
        for point, moved_to in sorted(_renamed(before, after)):
            if os.path.lexists(moved_to):
                os.rename(moved_to, point)
    except (OSError, activation.BlockedError) as error:
        _clear(layout, pins)
        raise IntegrityError(
            f"the command left a tree that cannot be moved out of the root: {error}",
            hint="look for a command that renames mounted directories or writes to /pybuild",
        ) from error


def _clear(layout: Layout, pins: frozenset[bytes]) -> None:
    """Free the root of a tree that is lost, so that our own can come back."""
    os.makedirs(layout.temporary, exist_ok=True)
    lost = tempfile.mkdtemp(prefix=b"lost-", dir=layout.temporary)
    activation.move(activation.plan(activation.lister(layout.root), pins), layout.root, lost)


def _renamed(before: dict[int, bytes], after: dict[int, bytes]) -> set[tuple[bytes, bytes]]:
    """Directories that were renamed with mounts in them: (where it was, where it is)."""
    pairs = set()
    for mount_id, point in before.items():
        now = after.get(mount_id, point)
        while point != now and os.path.basename(point) == os.path.basename(now):
            point, now = os.path.dirname(point), os.path.dirname(now)  # noqa: PLW2901 - the loop is the search
        if point != now:
            pairs.add((point, now))
    return pairs


def _blocked(error: activation.BlockedError) -> HostUnsupported:
    path, pin = os.fsdecode(error.path), os.fsdecode(error.pin)
    return HostUnsupported(
        f"/{path} of the image is not a directory, but /{pin} is mounted in this container",
        hint=f"start the container without a mount at /{pin}, or with CAP_SYS_ADMIN for overlay",
    )
