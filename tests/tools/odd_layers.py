"""A base image of all that layers can hold, made by GNU tar and crane, and its twin: a directory
with what an image built on it must hold."""

# Names in images are bytes, which pathlib cannot hold.
# ruff: noqa: PTH101, PTH103, PTH118, PTH123, PTH211

import os
import shutil
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.services.programs import program

OLD_S = 978_307_200
"""The time of the base's files: 2001."""

# linux/capability.h, struct vfs_cap_data: revision 2, effective; CAP_NET_RAW permitted.
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
LARGEST_NAME = b"n" * 255
NOT_UTF8 = b"caf\xe9-\xff\xfe"
FILES_A_DIRECTORY = 1000

# Paths of the first layer that the second replaces or whites out.
REPLACED = ("dir-to-link", "link-to-dir", "file-to-dir", "dir-to-file", "link-to-file")
GONE = ("gone/file", "gone/directory", "opaque")
SECOND_LAYER = f"""
mkdir kinds; cd kinds
ln -s ../names dir-to-link
mkdir link-to-dir file-to-dir; echo new > link-to-dir/new; echo new > file-to-dir/new
echo new > dir-to-file; echo new > link-to-file
cd ..; mkdir -p gone opaque/below
touch gone/.wh.file gone/.wh.directory opaque/.wh..wh..opq
echo new > opaque/new; echo new > opaque/below/new
mkdir names; echo layer-2 > "names/{"m" * 255}"
"""

RUN = r"""
chmod 6711 /odd/plain
chmod g-s /odd/set-gid
mkdir /made; echo once > /made/a; mkdir -p /made/x/y
ln /made/a /made/x/y/b; ln /made/a /links/one/of-the-run
rm /links/one/first
mknod /made/zero c 1 5; mkfifo -m 620 /made/fifo; chown 70000:80000 /made/fifo
truncate -s 8388608 /made/hole; echo end >> /made/hole
ln -s nowhere /made/dangling; chown -h 5:6 /made/dangling
rm -r /kinds/link-to-dir; ln -s dir-to-file /kinds/link-to-dir
rm /kinds/dir-to-file; mkdir -m 1777 /kinds/dir-to-file
rm -r /opaque/below; mkdir /opaque/below; echo run > /opaque/below/run
echo run > "/names/$(printf 'run-\351\377')"
rm -r /many/000; mv /many/001 /many/moved; echo changed > /many/002/0000
"""
"""What the RUN does: with what a static busybox and a kernel can do, without /dev and /proc."""

COPIED = {b"set-id": 0o6755, LARGEST_NAME: 0o644, NOT_UTF8: 0o640, b"a b\tc\nd": 0o600}
"""Names and modes of the context's files."""


@dataclass(frozen=True)
class Odd:
    """The layers as tars, the twin, and the context of the build."""

    layers: tuple[Path, ...]
    twin: Path
    context: Path
    files: int


def make(folder: Path, files: int) -> Odd:
    """Make all of it below a folder, with this many small files besides the odd ones."""
    first, second, twin = folder / "first", folder / "second", folder / "twin"
    _first_layer(first, files)
    _shell(second, f"set -e\n{SECOND_LAYER}")
    for tree in (first, second):
        _age(tree)
    subprocess.run(["cp", "-a", "--sparse=always", first, twin], check=True)

    for name in [*(f"kinds/{name}" for name in REPLACED), *GONE]:
        path = twin / name
        path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
    layers = (_tar(first), _tar(second))
    extract = ["tar", "--exclude=.wh.*", "-C", twin, "-xpf", layers[1]]
    subprocess.run(extract, check=True)

    context = _context(folder / "context")
    subprocess.run(
        ["cp", "-rP", "--preserve=mode,links", context / "tree", twin / "copied"], check=True
    )
    subprocess.run(["chroot", twin, "/bin/busybox", "sh", "-ec", RUN], check=True)
    return Odd(layers, twin, context, files)


def push(odd: Odd, reference: str) -> None:
    """Push the base."""
    layers = [f"--new_layer={layer}" for layer in odd.layers]
    crane = program("crane")
    subprocess.run([crane, "append", *layers, "-t", reference], check=True, capture_output=True)
    platform = ["--set-platform", f"linux/{_architecture()}", "-t", reference]
    subprocess.run([crane, "mutate", reference, *platform], check=True, capture_output=True)


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def _first_layer(tree: Path, files: int) -> None:
    for name in ("bin", "etc", "odd/sticky", "names", "gone/directory/deep", "many"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/:/bin/busybox\n")
    _odd_files(tree / "odd")
    _names(os.fsencode(tree / "names"))
    _shell(
        tree,
        """
mkdir -p links/one links/two/deep opaque/below
echo linked > links/one/first; ln links/one/first links/two/second
ln links/one/first links/two/deep/third
echo old > gone/file; echo old > gone/directory/deep/file
echo old > opaque/old; echo old > opaque/below/old
mkdir kinds; cd kinds
mkdir dir-to-link dir-to-file; echo old > dir-to-link/old; echo old > dir-to-file/old
ln -s ../names link-to-dir; ln -s ../bin/busybox link-to-file; echo old > file-to-dir
""",
    )
    _many(tree / "many", files)


def _odd_files(folder: Path) -> None:
    modes = {"set-uid": 0o4755, "set-gid": 0o2755, "plain": 0o644, "closed": 0, "capable": 0o755}
    for name, mode in modes.items():
        path = folder / name
        path.write_text(f"{name}\n")
        os.chown(path, 12345, 3_000_000)  # the second is too large for octal digits in a header
        path.chmod(mode)
    os.setxattr(folder / "capable", "security.capability", CAPABILITY)
    os.setxattr(folder / "plain", "user.note", b"bytes \0\xff=\n")
    (folder / "sticky").chmod(0o3777)
    os.mknod(folder / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(folder / "loop", stat.S_IFBLK | 0o640, os.makedev(7, 300))
    os.mkfifo(folder / "fifo", 0o640)
    (folder / "link").symlink_to("/not/there")
    os.chown(folder / "link", 12, 34, follow_symlinks=False)
    with (folder / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(8 << 20)
        file.write(b"end")
        file.truncate(9 << 20)


def _names(folder: bytes) -> None:
    for name in (LARGEST_NAME, NOT_UTF8, b"new\nline", b" space ", b"\\x41", b"-rf"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(name)
    deep = os.path.join(folder, *[b"d" * 200] * 5)
    os.makedirs(deep)
    os.symlink(b"\xff" * 300, os.path.join(deep, LARGEST_NAME))


def _many(folder: Path, files: int) -> None:
    for number in range(files):
        directory, name = divmod(number, FILES_A_DIRECTORY)
        path = folder / f"{directory:03}" / f"{name:04}"
        if not name:
            path.parent.mkdir()
        path.write_bytes(b"%d\n" % number)


def _context(folder: Path) -> Path:
    tree = os.fsencode(folder / "tree")
    os.makedirs(os.path.join(tree, b"deep"))
    for name, mode in COPIED.items():
        path = os.path.join(tree, name)
        with open(path, "wb") as file:
            file.write(name)
        os.chmod(path, mode)
    os.symlink(b"../" + NOT_UTF8, os.path.join(tree, b"deep/link"))
    return folder


def _age(tree: Path) -> None:
    """Old times for everything, so that a change of them would be seen."""
    for directory, _, names in os.walk(os.fsencode(tree), topdown=False):
        for name in (*names, b"."):
            path = os.path.join(directory, name)
            os.utime(path, (OLD_S, OLD_S), follow_symlinks=False)


def _shell(folder: Path, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True)


def _tar(tree: Path) -> Path:
    """A layer with sparse files and extended attributes, as no builder but GNU tar makes it."""
    target = tree.with_suffix(".tar.gz")
    command = [
        "tar", "--format=pax", "--sparse", "--xattrs", "--xattrs-include=*", "--numeric-owner",
        "-C", tree, "-czf", target, ".",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return target
