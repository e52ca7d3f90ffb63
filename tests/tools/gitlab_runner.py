"""A job of an expanded pipeline as gitlab-runner's docker executor starts it.

The image's entrypoint is what the job says; its command looks for a shell, which reads the script
from standard input (gitlab-runner ``shells/bash.go``). The commands of the script do not get that
input.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

PROJECT_DIR = "/builds/group/project"

_SHELLS = ("/usr/local/bin/bash", "/usr/bin/bash", "/bin/bash",
           "/usr/local/bin/sh", "/usr/bin/sh", "/bin/sh", "/busybox/sh")  # fmt: skip
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<name>\w+))")
_DOTENV_LINE = re.compile(r"[A-Za-z0-9_]+=[^\n]*")
_DOTENV_BYTES = 5 * 1024
_DOTENV_VARIABLES = 20


def command() -> list[str]:
    """What the container of a job runs."""
    branches = "".join(f"elif [ -x {shell} ]; then exec {shell}\n" for shell in _SHELLS)
    return ["sh", "-c", f"{branches.removeprefix('el')}else echo shell not found; exit 1\nfi\n"]


def environment(job: Mapping[str, Any], predefined: Mapping[str, str]) -> dict[str, str]:
    """The variables of a job; what a value refers to is filled in, unless it says not to."""
    raw = {name: value for name, value in job["variables"].items() if isinstance(value, dict)}
    texts = {name: spec["value"] for name, spec in raw.items()} | {
        name: value for name, value in job["variables"].items() if name not in raw
    }
    known = {**predefined, **texts}
    fixed = {name for name, spec in raw.items() if spec.get("expand") is False}

    def value(match: re.Match[str]) -> str:
        return "$" if match["dollar"] else known.get(match["braced"] or match["name"], "")

    filled = {
        name: text if name in fixed else _VARIABLE.sub(value, text) for name, text in texts.items()
    }
    return {**predefined, **filled}


def script(job: Mapping[str, Any]) -> str:
    """What the shell reads."""
    lines = ["set -e", f"cd {PROJECT_DIR}"]
    for line in job["script"]:
        lines += [f"echo {shlex.quote('$ ' + line)}", line]
    text = "\n".join(lines)
    return f": | eval {shlex.quote(text)}\n"


def dotenv(text: str) -> dict[str, str]:
    """The variables that a later job gets, read by GitLab's rules for ``reports:dotenv``."""
    lines = text.splitlines()
    assert len(text.encode()) <= _DOTENV_BYTES
    assert len(lines) <= _DOTENV_VARIABLES
    assert all(_DOTENV_LINE.fullmatch(line) for line in lines), lines
    return dict(line.split("=", 1) for line in lines)
