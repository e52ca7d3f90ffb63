"""``pybuild version``."""

from __future__ import annotations

from importlib.metadata import version

from pybuild.cli.invocation import Invocation
from pybuild.errors import UsageError


def run(invocation: Invocation) -> int:
    """Print the version."""
    if invocation.arguments:
        raise UsageError(f"version takes no arguments, not {invocation.arguments[0]!r}")
    invocation.out.line(f"pybuild {version('pybuild-action')}")
    return 0
