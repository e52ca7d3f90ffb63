"""Where things are in the finished image, and where they are while it is assembled."""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

PREFIX = "/pybuild"

# Debian's names of the machine's library folder and of the dynamic loader, by `uname -m`.
LIBRARY_FOLDERS = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}
LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}


@dataclass(frozen=True)
class Layout:
    """The folders of a root that is being assembled under `out`."""

    out: Path

    @property
    def prefix(self) -> Path:
        """What will be `/pybuild`."""
        return self.out / PREFIX.lstrip("/")

    @property
    def bin(self) -> Path:
        """The programs, and the shell's applets: all there is on PATH."""
        return self.prefix / "bin"

    @property
    def interpreter(self) -> Path:
        """The Python interpreter, under a name that no `pkill python` in a RUN finds."""
        return self.prefix / "libexec" / "pybuild"

    @property
    def git_core(self) -> Path:
        """Git's own programs: what `/usr/lib/git-core` becomes when paths are closed."""
        return self.prefix / "git-core"

    @property
    def lib(self) -> Path:
        """The shared libraries and the loader."""
        return self.prefix / "lib"

    @property
    def stdlib(self) -> Path:
        """Python's standard library."""
        return self.lib / f"python{python_version()}"

    @property
    def packages(self) -> Path:
        """Third-party packages and ours: the folder that Debian's `site` looks into."""
        return self.stdlib / "dist-packages"

    @property
    def own(self) -> Path:
        """What the links of the root point into, and so where every mount of a caller lands."""
        return self.prefix / "own"


def python_version() -> str:
    """The interpreter's version as folders are named for it, such as `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def library_folder() -> str:
    """Debian's folder name for this machine's libraries."""
    return LIBRARY_FOLDERS[platform.machine()]


def loader() -> Path:
    """The dynamic loader of the build stage."""
    return Path(LOADERS[platform.machine()])
