"""What is a change: the one answer for every way to run a step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from pybuild.errors import HostUnsupported
from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Candidate, Entry, Kind, Tree
from pybuild.tree.paths import PackedPaths
from pybuild.tree.walk import walk

_NO_INODE = (0, 0)
_NO_DEVICE = (0, 0)


class Changes:
    """The layer between a recorded tree and what candidates say of it now.

    Entries come in bytewise order of their paths, each time anew, for they are kept packed; of the
    names of one file the first is the file, the others are hard links to it.
    """

    def __init__(self) -> None:
        self._found = PackedPaths()
        self._files: dict[tuple[int, int], int] = {}  # inode → file_id

    def __iter__(self) -> Iterator[Entry]:
        first_names: dict[int, bytes] = {}
        # What is below a whiteout, or below a directory that is none any more, is not walked.
        for entry in walk(self._found):
            if not entry.file_id:
                yield entry
                continue
            first = first_names.setdefault(entry.file_id, entry.path)
            is_first = first == entry.path
            yield replace(entry, file_id=0) if is_first else hard_link(entry, first)

    def add(self, candidate: Candidate) -> None:
        """Take in what is at a path now; what was said of it earlier does not count any more."""
        now = candidate.entry
        if now is None:
            self._found.put(Entry(candidate.path, Kind.WHITEOUT, mode=0))
            return
        file_id = 0
        if now.kind is Kind.FILE and candidate.links > 1 and candidate.inode != _NO_INODE:
            file_id = self._files.setdefault(candidate.inode, len(self._files) + 1)
        self._found.put(now if now.file_id == file_id else replace(now, file_id=file_id))

    def include(self, made: Iterable[Entry]) -> None:
        """Take in what was made before the command ran; what it changed of that goes before."""
        for entry in made:
            if self._found.get(entry.path) is None:
                self._found.put(entry)

    def discard(self, path: bytes) -> None:
        """Nothing is different at a path, whatever was said of it earlier."""
        self._found.remove(path)


def changes(
    recorded: Tree,
    candidates: Iterable[Candidate],
    hash_file: Callable[[bytes], bytes],
    *,
    clamp_s: int | None = None,
    unset_xattrs: Collection[bytes] = (),
) -> Changes:
    """Compare candidates with a recorded tree.

    A name is in the layer iff type, mode, uid, gid, size, mtime (whole seconds), device, link
    target, xattrs or content differ. The topmost vanished name becomes one whiteout; what is
    below it, or below a directory that is no directory any more, goes with it. The root itself
    is never in a layer, as with BuildKit.

    Args:
        recorded: The tree before, with the digests of its files.
        candidates: Names that may have changed; unchanged ones and repetitions do no harm, but
            one that is left out is taken as unchanged. Taken one by one; only what differs is
            kept.
        hash_file: The raw sha256 of a file of the tree as it is now, by path; called only where
            everything but the content is known to be equal.
        clamp_s: Later times count as this one, on both sides: where the layer's times are
            clamped, a directory whose time alone moved on is no change.
        unset_xattrs: Extended attributes that this place refused when the tree was made; a file
            that was not written since still has them, although the disk does not say so.

    Raises:
        HostUnsupported: A character device 0:0, which overlayfs and layers use for deletions.
    """
    found = Changes()
    for candidate in candidates:
        if not candidate.path:
            continue
        before = recorded.get(candidate.path)
        whole = _with_unset(candidate, before, unset_xattrs) if unset_xattrs else candidate
        if _differs(before, whole.entry, hash_file, clamp_s):
            found.add(whole)
        else:
            found.discard(whole.path)
    return found


def _with_unset(
    candidate: Candidate, before: Entry | None, unset_xattrs: Collection[bytes]
) -> Candidate:
    """The candidate with what the place could not keep of its extended attributes."""
    now = candidate.entry
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
    after: Entry | None,
    hash_file: Callable[[bytes], bytes],
    clamp_s: int | None,
) -> bool:
    if after is None:
        return before is not None
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


def hard_link(entry: Entry, to: bytes) -> Entry:
    """A FILE's entry as one more name of the file at another path."""
    return replace(entry, kind=Kind.HARDLINK, link=to, size=0, xattrs=(), digest=b"", file_id=0)
