"""Projects that the end-to-end tests build: as directories, git repositories and archives."""

import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tools.services import machine

AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


def whoami(target: Path) -> Path:
    """A copy of the Go service of the examples."""
    shutil.copytree(machine.ROOT / "examples/whoami", target)
    return target


def project(target: Path, files: Mapping[str, str]) -> Path:
    """A directory with these files, and a static busybox beside them."""
    target.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy("/bin/busybox", target / "busybox")
    return target


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory."""
    done = subprocess.run(
        ["git", *AUTHOR, *arguments], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def repository(directory: Path, bare: Path, branch: str = "main") -> str:
    """Commit a directory on a branch and push it to a bare repository; gives the commit."""
    if not (directory / ".git").is_dir():
        git(directory, "init", "-q", "-b", branch)
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "change")
    if not bare.is_dir():
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    git(directory, "push", "-q", "-f", str(bare), f"HEAD:refs/heads/{branch}")
    return git(directory, "rev-parse", "HEAD")


def archive(directory: Path, target: Path) -> Path:
    """A tar.gz of a directory's content."""
    with tarfile.open(target, "w:gz") as tar:
        tar.add(directory, arcname=".")
    return target
