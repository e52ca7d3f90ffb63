"""A layer on its way onto a tree, entry by entry."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from pybuild.errors import IntegrityError
from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Entry, Kind, Tree
from pybuild.tree.links import resolve
from pybuild.tree.touched import TouchedPaths
from pybuild.tree.walk import join


class Target(Tree, Protocol):
    """The tree that a layer goes onto: a ``TreeIndex``."""

    def is_directory(self, path: bytes) -> bool:
        """Whether there is a directory at exactly this path."""

    def put(self, entry: Entry) -> None:
        """Set one name."""

    def remove(self, path: bytes) -> None:
        """Take away a name and all below it."""

    def new_file_id(self) -> int:
        """A number that no file has yet."""


class LayerUpdate:
    """Puts the entries of one layer onto a tree, each as it comes.

    Directories merge, all else replaces. Whiteouts of both kinds hide what was there before this
    layer, never what the layer itself wrote (OCI image-spec, layer.md, "Whiteouts"), wherever in
    the layer they stand. Links in the way to a name are followed inside the root, as containerd
    does: a layer's ``lib/x`` lands in ``usr/lib`` of a merged-usr base. A hard link becomes an
    entry like its target's, both with the same ``file_id``.
    """

    def __init__(self, tree: Target) -> None:
        self._tree = tree
        self._touched = TouchedPaths()

    def add(self, entry: Entry) -> None:
        """Put one entry.

        Raises:
            IntegrityError: A hard link to what is not there or is a directory.
            LinkLoop: A name behind more than 40 links.
        """
        if entry.kind is Kind.OPAQUE:
            self._empty(entry.path)
            return
        path = self._real(entry.path)
        match entry.kind:
            case Kind.WHITEOUT:
                self._hide(path)
            case Kind.HARDLINK:
                self._link(entry, path)
            case _:
                is_own = entry.path == path and not entry.file_id
                self._write(entry if is_own else replace(entry, path=path, file_id=0))

    def _write(self, entry: Entry) -> None:
        self._tree.put(entry)
        self._touched.add(entry.path)

    def _empty(self, path: bytes) -> None:
        """Hide what a directory holds; it is made where it is missing, as containerd does."""
        if not self._tree.is_directory(path):
            path = resolve(self._tree, ImagePath.parse(path)).relative
        if not self._tree.is_directory(path):
            self._write(Entry(path, Kind.DIRECTORY, mode=0o755))
        self._hide_below(path)

    def _hide(self, path: bytes) -> None:
        if path in self._touched or not path:
            self._hide_below(path)
        else:
            self._tree.remove(path)

    def _hide_below(self, path: bytes) -> None:
        for name in self._tree.children(path):
            self._hide(join(path, name))

    def _link(self, entry: Entry, path: bytes) -> None:
        target = self._tree.get(self._real(entry.link))
        if target is None or target.kind is Kind.DIRECTORY:
            raise IntegrityError(
                f"the layer is broken: {ImagePath.parse(entry.path)} is a hard link to "
                f"{ImagePath.parse(entry.link)}, which is not a file before it"
            )
        if not target.file_id:
            target = replace(target, file_id=self._tree.new_file_id())
            self._tree.put(target)
        self._write(target.at(path))

    def _real(self, path: bytes) -> bytes:
        if self._tree.is_directory(path.rpartition(b"/")[0]):
            return path
        return resolve(self._tree, ImagePath.parse(path), follow_last=False).relative
