"""``created_by`` texts, as BuildKit writes them (dockerfile2llb ``commitToHistory`` callers)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pybuild.dockerfile.instructions import Add, Copy
from pybuild.oci.config import History

COMMENT = "buildkit.dockerfile.v0"
"""The comment that tools look for to tell a Dockerfile's entries."""


def made_layer(created_by: str) -> History:
    """The entry of a step with a layer; ``created`` is filled in when it has run."""
    return History(created_by=created_by, comment=COMMENT)


def made_none(created_by: str) -> History:
    """The entry of an instruction that only changes the configuration."""
    return History(created_by=created_by, comment=COMMENT, empty_layer=True)


def run_text(argv: Iterable[str], args: Mapping[str, str]) -> str:
    """``RUN |N k=v … /bin/sh -c cmd # buildkit``; args are the ARGs in scope."""
    words = list(argv)
    if args:
        words = [f"|{len(args)}", *(f"{name}={value}" for name, value in args.items()), *words]
    return f"RUN {' '.join(words)} # buildkit"


def copy_text(
    instruction: Copy | Add, sources: Iterable[str], destination: str, flags: Mapping[str, str]
) -> str:
    """``COPY [--chown=…] [--chmod=…] source… destination # buildkit``."""
    name = "ADD" if isinstance(instruction, Add) else "COPY"
    options = [f"--{flag}={value}" for flag, value in flags.items() if value]
    return " ".join([name, *options, *sources, destination, "# buildkit"])


def pairs_text(name: str, pairs: Iterable[tuple[str, str | None]]) -> str:
    """``ENV a=b c=d``."""
    words = [key if value is None else f"{key}={value}" for key, value in pairs]
    return " ".join([name, *words])


def words_text(name: str, words: Iterable[str]) -> str:
    """``CMD ["a" "b"]``, as Go prints a slice of quoted strings."""
    return f"{name} [{' '.join(json.dumps(word, ensure_ascii=False) for word in words)}]"


def list_text(name: str, words: Iterable[str]) -> str:
    """``EXPOSE [80/tcp]``."""
    return f"{name} [{' '.join(words)}]"
