"""The directory of a context, and paths and small files that must not lead out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pybuild.errors import ContextError

LARGEST_TEXT_BYTES = 16 << 20
"""Of a Dockerfile or an ignore file; BuildKit takes 16 MiB a message."""


def new_tree(into: Path) -> Path:
    """A new directory in into, resolved, with the mode that the root of a context has.

    into itself can stay closed to other users: what lies in a context may be set-uid.
    """
    tree = into.resolve() / "tree"
    tree.mkdir()
    tree.chmod(0o755)
    return tree


def directory_below(root: Path, sub_path: str) -> Path:
    """The directory sub_path of a context, which may be reached by links inside the context only.

    Args:
        root: The context, absolute and resolved.
        sub_path: As the user gave it; empty is the context itself.

    Raises:
        ContextError: It is not a directory, or lies outside.
    """
    if not sub_path.strip("/"):
        return root
    found = resolve_below(root, root / sub_path.strip("/"))
    if found is None or not found.is_dir():
        raise ContextError(
            f"the context has no directory {sub_path}",
            hint="give a directory relative to the root of the context",
        )
    return found


def resolve_below(root: Path, path: Path) -> Path | None:
    """Where path ends when its links are followed; None where nothing is there.

    Raises:
        ContextError: It ends outside root.
    """
    try:
        found = path.resolve(strict=True)
    except FileNotFoundError:
        found = path.resolve()
        if found.is_relative_to(root):
            return None
    except OSError as error:
        raise ContextError(f"cannot read {path}: {error.strerror}") from error
    except RuntimeError as error:  # Python 3.11 and 3.12 report a loop of links so
        raise ContextError(f"cannot read {path}: too many symbolic links") from error
    if not found.is_relative_to(root):
        raise ContextError(
            f"{path.relative_to(root) if path.is_relative_to(root) else path} leads out of the"
            " context",
            hint="a context may only be read inside its own directory",
        )
    return found


def read_text(path: Path, what: str) -> str:
    """Read a resolved path as UTF-8 text.

    Args:
        path: Without symbolic links: one that appears in the meantime is not followed.
        what: Names the file in errors.

    Raises:
        ContextError: It is not a regular file, too large, unreadable, or not UTF-8.
    """
    # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ContextError(f"{what} is not a file")
            data = file.read(LARGEST_TEXT_BYTES + 1)
    except OSError as error:
        raise ContextError(f"cannot read {what}: {error.strerror}") from error
    if len(data) > LARGEST_TEXT_BYTES:
        raise ContextError(f"{what} is larger than {LARGEST_TEXT_BYTES >> 20} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ContextError(
            f"{what} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}",
            hint="save the file as UTF-8",
        ) from error
