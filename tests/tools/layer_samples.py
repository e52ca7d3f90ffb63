"""Layers made by hand for the tests, and trees as they really are."""

# Paths of images are bytes, which pathlib cannot hold.
# ruff: noqa: PTH115, PTH118, PTH123, PTH208

import gzip
import os
import stat

from pybuild.archive import writer
from pybuild.digest import sha256_of
from pybuild.layers.apply import unpack_layer
from pybuild.oci import media
from pybuild.tree.entry import Entry, Kind

S = 1_000_000_000
OWN = {"uid": os.geteuid(), "gid": os.getegid()}


def file(path, data=b"", **fields):
    return Entry(path, Kind.FILE, size=len(data), **{**OWN, "mtime_ns": S, **fields}), data


def directory(path, mode=0o755, **fields):
    return Entry(path, Kind.DIRECTORY, mode, **{**OWN, "mtime_ns": S, **fields}), b""


def symlink(path, target, **fields):
    return Entry(path, Kind.SYMLINK, 0o777, link=target, **{**OWN, "mtime_ns": S, **fields}), b""


def hard_link(path, target):
    return Entry(path, Kind.HARDLINK, link=target, **OWN), b""


def tar_of(*members):
    parts = [writer.header(entry) + data + writer.padding(len(data)) for entry, data in members]
    return b"".join(parts) + writer.END


def apply_layer(chunks, root, **options):
    """Unpack a layer and give what it says."""
    entries = []
    unpack_layer(chunks, root, record=entries.append, **options)
    return tuple(entries)


def apply_tar(data, root, **options):
    options = {"media_type": media.OCI_LAYER_GZIP, "diff_id": sha256_of(data), **options}
    options.setdefault("warn", fail)
    return apply_layer(iter([gzip.compress(data, 1)]), root, **options)


def apply_members(root, *members, **options):
    return apply_tar(tar_of(*members), root, **options)


def fail(message):
    """Take no warning but that owners cannot be set, which only root can do."""
    if OWN["uid"] == 0 or not message.startswith("owners cannot be set here"):
        raise AssertionError(message)


def walk(root):
    """Everything below root as it is: path → what an entry says, content instead of digest."""
    found = {}
    pending = [b""]
    while pending:
        directory_ = pending.pop()
        for name in os.listdir(os.path.join(os.fsencode(root), directory_)):
            path = os.path.join(directory_, name)
            found[path] = described(os.path.join(os.fsencode(root), path))
            if found[path][0] == "directory":
                pending.append(path)
    return found


def described(path):
    status = os.lstat(path)
    kind, content = "special", b""
    if stat.S_ISDIR(status.st_mode):
        kind = "directory"
    elif stat.S_ISLNK(status.st_mode):
        kind, content = "symlink", os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as opened:
            kind, content = "file", opened.read()
    mode = stat.S_IMODE(status.st_mode)
    return kind, mode, status.st_uid, status.st_gid, status.st_mtime_ns, content
