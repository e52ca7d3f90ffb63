"""What is a change: the one answer for every way to run a step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from pybuild.errors import HostUnsupported
from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Candidate, Entry, Kind, Tree
from pybuild.tree.walk import ancestors

_NO_INODE = (0, 0)
_NO_DEVICE = (0, 0)


def changes(
    recorded: Tree,
    candidates: Iterable[Candidate],
    hash_file: Callable[[bytes], bytes],
    *,
    clamp_s: int | None = None,
    unset_xattrs: Collection[bytes] = (),
) -> tuple[Entry, ...]:
    """The layer between a recorded tree and what candidates say of it now.

    A name is in the layer iff type, mode, uid, gid, size, mtime (whole seconds), device, link
    target, xattrs or content differ. The topmost vanished name becomes one whiteout; what is
    below it, or below a directory that is no directory any more, goes with it. The root itself
    is never in a layer, as with BuildKit.

    Args:
        recorded: The tree before, with the digests of its files.
        candidates: Names that may have changed; unchanged ones and repetitions do no harm, but
            one that is left out is taken as unchanged.
        hash_file: The raw sha256 of a file of the tree as it is now, by path; called only where
            everything but the content is known to be equal.
        clamp_s: Later times count as this one, on both sides: where the layer's times are
            clamped, a directory whose time alone moved on is no change.
        unset_xattrs: Extended attributes that this place refused when the tree was made; a file
            that was not written since still has them, although the disk does not say so.

    Returns:
        Entries in bytewise order of their paths; of the names of one file the first is the file,
        the others are hard links to it.

    Raises:
        HostUnsupported: A character device 0:0, which overlayfs and layers use for deletions.
    """
    latest: dict[bytes, Candidate] = {}
    for candidate in candidates:
        if candidate.path:
            latest[candidate.path] = _with_unset(candidate, recorded, unset_xattrs)

    covered: set[bytes] = set()
    changed: list[Candidate | Entry] = []
    for path in sorted(latest):
        candidate = latest[path]
        before = recorded.get(path)
        if candidate.entry is None or candidate.entry.kind is not Kind.DIRECTORY:
            covered.add(path)

        if candidate.entry is None:
            if before is not None and covered.isdisjoint(ancestors(path)):
                changed.append(Entry(path, Kind.WHITEOUT, mode=0))
        elif _differs(before, candidate.entry, hash_file, clamp_s):
            changed.append(candidate)

    return _with_hard_links(changed)


def _with_unset(candidate: Candidate, recorded: Tree, unset_xattrs: Collection[bytes]) -> Candidate:
    """The candidate with what the place could not keep of its extended attributes."""
    now = candidate.entry
    before = recorded.get(candidate.path) if unset_xattrs and now is not None else None
    if now is None or before is None or _identity(before) != _identity(now):
        return candidate  # the kernel drops capabilities when a file is written or changes hands

    kept = [pair for pair in before.xattrs if pair[0] in unset_xattrs]
    if not kept:
        return candidate
    xattrs = tuple(sorted({**dict(kept), **dict(now.xattrs)}.items()))
    return replace(candidate, entry=replace(now, xattrs=xattrs))


def _identity(entry: Entry) -> tuple[object, ...]:
    is_directory = entry.kind is Kind.DIRECTORY
    written = 0 if is_directory else entry.mtime_s  # files come and go in a directory
    return entry.kind, entry.uid, entry.gid, entry.size, entry.link, written


def _differs(
    before: Entry | None,
    after: Entry,
    hash_file: Callable[[bytes], bytes],
    clamp_s: int | None,
) -> bool:
    if after.kind is Kind.CHARACTER_DEVICE and after.device == _NO_DEVICE:
        raise HostUnsupported(
            f"{ImagePath.parse(after.path)} is a character device 0:0, "
            "which layers use for deletions",
            hint="remove it in the same RUN",
        )
    if before is None or _attributes(before, clamp_s) != _attributes(after, clamp_s):
        return True
    if after.kind is not Kind.FILE or not after.size:
        return False
    # Without a recorded digest nobody can say that the bytes are the same; a file too many in a
    # layer is better than a change that is lost.
    return not before.digest or hash_file(after.path) != before.digest


def _attributes(entry: Entry, clamp_s: int | None) -> tuple[object, ...]:
    # Linux has no mode of a symlink (lstat always says 0777), but tar headers carry any.
    mode = 0 if entry.kind is Kind.SYMLINK else entry.mode
    return (
        entry.kind,
        mode,
        entry.uid,
        entry.gid,
        entry.size,
        entry.mtime_s if clamp_s is None else min(entry.mtime_s, clamp_s),
        entry.device,
        entry.link,
        entry.xattrs,
    )


def _with_hard_links(changed: Iterable[Candidate | Entry]) -> tuple[Entry, ...]:
    first_names: dict[tuple[int, int], bytes] = {}
    layer: list[Entry] = []
    for item in changed:
        if isinstance(item, Entry):
            layer.append(item)
            continue

        entry = item.entry
        if entry is None:
            continue
        if entry.kind is Kind.FILE and item.links > 1 and item.inode != _NO_INODE:
            first = first_names.setdefault(item.inode, item.path)
            if first != item.path:
                entry = hard_link(entry, first)
        layer.append(entry)
    return tuple(layer)


def hard_link(entry: Entry, to: bytes) -> Entry:
    """A FILE's entry as one more name of the file at another path."""
    return replace(entry, kind=Kind.HARDLINK, link=to, size=0, xattrs=(), digest=b"")
