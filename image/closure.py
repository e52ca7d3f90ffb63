"""Close the prefix: its libraries are inside, and no path outside steers loader, libc, git or TLS.

The tree at `/` belongs to somebody else's image while a RUN is prepared, runs or has run.
Programs with its libraries, its `/etc` or its plug-ins would be its programs.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from image.layout import PREFIX, Layout, library_folder, loader

# Loaded by name at run time, so that nothing links to it: libc wants it to cancel and to end
# threads.
LOADED_BY_NAME = ("libgcc_s.so.1",)

# What stays where it is: the container's own resolver files, which no image provides.
CONTAINER_FILES = (b"/etc/hosts", b"/etc/hostname", b"/etc/resolv.conf", b"/etc/mtab")


def close_prefix(layout: Layout) -> None:
    """Copy the libraries that the programs need, and turn all paths into the prefix."""
    programs = [path for path in elf_files(layout.prefix) if path.name != "busybox"]
    copy_libraries(programs, layout)
    shutil.copy2(loader().resolve(), layout.lib / loader().name)

    for program in programs:
        if ".so" not in program.name:
            relocate(program)

    # patchelf moves sections, so bytes are exchanged last.
    for file in elf_files(layout.prefix):
        if file.name != "busybox":
            file.write_bytes(close_paths(file.read_bytes()))


def elf_files(folder: Path) -> Iterator[Path]:
    """Programs and libraries below a folder; links are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def copy_libraries(programs: list[Path], layout: Layout) -> None:
    """Copy the libraries that programs link to, directly and through other libraries."""
    needed = {name: Path("/lib") / library_folder() / name for name in LOADED_BY_NAME}
    for program in programs:
        listing = subprocess.run(
            ["/usr/bin/ldd", program], check=False, capture_output=True, text=True
        )
        for name, target in re.findall(r"(\S+) => (not found|/\S+)", listing.stdout):
            if target == "not found":
                raise SystemExit(f"{program}: the library {name} is not there")
            if not Path(target).is_relative_to(layout.out):
                needed[name] = Path(target)

    for name, target in sorted(needed.items()):
        shutil.copy2(target.resolve(), layout.lib / name)


def relocate(program: Path) -> None:
    """Have a program started by our loader, with our libraries.

    DT_RPATH and not DT_RUNPATH: it also serves what the libraries themselves need, and what
    they open by name.
    """
    own_loader = f"{PREFIX}/lib/{loader().name}"
    for options in (
        ["--set-interpreter", own_loader],
        ["--force-rpath", "--set-rpath", f"{PREFIX}/lib"],
    ):
        subprocess.run(["/usr/bin/patchelf", *options, program], check=True)


def close_paths(content: bytes) -> bytes:
    """Exchange paths in a compiled file by paths of the same length in the prefix.

    `/usr/lib` and `/pybuild` have eight bytes each; of a name in `/etc` the first nine bytes
    become `/pybuild/`, so that `/etc/ssl/certs` is `/pybuild/certs` and `/etc/passwd` is
    `/pybuild/wd`. Most of these lead nowhere, as they should; `root.CONFIGURATION` has those
    that do not.
    """
    folder = library_folder().encode()
    nowhere = (PREFIX.encode() + b"/none/").ljust(len(folder) + 5, b"0") + b"/"
    for old, new in (
        (b"/usr/lib/", b"/pybuild/"),
        (b"/usr/bin/", b"/pybuild/"),
        (b"/usr/share/", b"/pybuild/s/"),
        (b"/lib/" + folder + b"/", nowhere),
        # The loader's last resort; the kernel's own tree has no library.
        (b"\0/lib/\0", b"\0/sys/\0"),
    ):
        if len(old) != len(new):
            raise AssertionError(f"{old!r} and {new!r} differ in length")
        content = content.replace(old, new)
    return re.sub(rb"/etc/[\w./-]{4,}", closed_name, content)


def closed_name(match: re.Match[bytes]) -> bytes:
    """The name inside the prefix that stands in for a name in /etc."""
    name = match[0]
    if name in CONTAINER_FILES:
        return name
    return PREFIX.encode() + b"/" + name[len(PREFIX) + 1 :]
