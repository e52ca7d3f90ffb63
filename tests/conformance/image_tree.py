"""What an image is made of: its layers laid over each other, as plain values to compare.

Written without the project's own code, which is what it judges.
"""

import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
XATTR = "SCHILY.xattr."
TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
}
LONGEST_TEXT = 300


@dataclass
class Node:
    """A file of any type; several names may lead to one."""

    facts: dict[str, Any]
    names: set[str] = field(default_factory=set)


Tree = dict[str, Node]


class Layout:
    """An OCI layout in a directory, with one image."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        index = json.loads((directory / "index.json").read_text())
        self.manifest = self._document(index["manifests"][0]["digest"])
        if "manifests" in self.manifest:
            self.manifest = self._document(self.manifest["manifests"][0]["digest"])
        self.config = self._document(self.manifest["config"]["digest"])

    def tree(self, layers: int | None = None) -> Tree:
        """The tree of all layers, or of the lowest ones."""
        tree: Tree = {}
        for layer in (self.manifest["layers"] or [])[:layers]:
            with tarfile.open(self._blob(layer["digest"])) as archive:
                lay_over(tree, archive)
        return tree

    def _blob(self, digest: str) -> Path:
        return self.directory / "blobs" / digest.replace(":", "/")

    def _document(self, digest: str) -> Mapping[str, Any]:
        return json.loads(self._blob(digest).read_text())


def lay_over(tree: Tree, archive: tarfile.TarFile) -> None:
    """Change a tree as a layer says (OCI image specification, layer.md)."""
    members = [(clean(member.name), member) for member in archive]
    for path, _ in members:
        folder, _, name = path.rpartition("/")
        if name == OPAQUE:
            remove_below(tree, folder)
        elif name.startswith(WHITEOUT):
            remove(tree, f"{folder}/{name.removeprefix(WHITEOUT)}")

    for path, member in members:
        if not path.rpartition("/")[2].startswith(WHITEOUT):
            put(tree, path, member, archive)


def put(tree: Tree, path: str, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
    """Put one entry into a tree, in the place of what was there."""
    node = tree[clean(member.linkname)] if member.islnk() else Node(facts(member, archive))
    replaced = tree.get(path)
    if replaced is not None:
        replaced.names.discard(path)
        if replaced.facts["type"] == "directory" and not member.isdir():
            remove_below(tree, path)
    node.names.add(path)
    tree[path] = node


def facts(member: tarfile.TarInfo, archive: tarfile.TarFile) -> dict[str, Any]:
    """What an archive says about an entry, its name apart."""
    found: dict[str, Any] = {
        "type": TYPES[member.type],
        "mode": f"{member.mode:04o}",
        "owner": f"{member.uid}:{member.gid}",
        "mtime": int(member.mtime),
    }
    if member.issym():
        found["target"] = member.linkname
        del found["mode"]  # means nothing
    if member.isdev() and not member.isfifo():
        found["device"] = f"{member.devmajor}:{member.devminor}"
    if member.isfile():
        content = archive.extractfile(member)
        assert content is not None
        found |= shown(content.read())
    xattrs = {
        name.removeprefix(XATTR): value.encode("utf-8", "surrogateescape").hex()
        for name, value in sorted(member.pax_headers.items())
        if name.startswith(XATTR)
    }
    return found | ({"xattrs": xattrs} if xattrs else {})


def shown(content: bytes) -> dict[str, Any]:
    """A content for people to read where it is a short text, else its digest."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if len(text) == len(content) <= LONGEST_TEXT:
        return {"text": text}
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def clean(name: str) -> str:
    """A name of a tar entry as an absolute path."""
    return str(PurePosixPath("/", name))


def remove(tree: Tree, path: str) -> None:
    """Remove an entry, and what is below it."""
    remove_below(tree, path)
    if path in tree:
        tree.pop(path).names.discard(path)


def remove_below(tree: Tree, folder: str) -> None:
    """Remove everything below a directory."""
    for path in [path for path in tree if path.startswith(f"{folder.rstrip('/')}/")]:
        tree.pop(path).names.discard(path)
