"""``pybuild doctor``: what this place can do, found out by trying."""

from __future__ import annotations

from pathlib import Path

from pybuild.cli.invocation import Invocation
from pybuild.errors import HostUnsupported, UsageError
from pybuild.settings.values import Values, from_environment


def run(invocation: Invocation) -> int:
    """Print what was tried and how to grant what is missing; 7 where no RUN is possible."""
    if invocation.arguments:
        raise UsageError(f"doctor takes no arguments, not {invocation.arguments[0]!r}")
    from pybuild.rootfs.probe import probe  # noqa: PLC0415 - only the doctor pays for it

    out, place = invocation.out, invocation.place()
    values = Values(from_environment(invocation.env))
    state_dir = place.state_dir(values.text("state-dir"))
    _make(state_dir)
    found = probe(state_dir)
    for backend in found:
        verdict = "available" if backend.available else f"not available: {backend.reason}"
        out.line(f"rootfs {backend.name}: {verdict}")
        if backend.hint and not backend.available:
            out.line(f"  hint: {backend.hint}")
    out.line(f"state directory: {state_dir}")
    for path in place.config_files(values.text("dockerconfig")):
        if path.is_file():
            out.line(f"registry credentials: {path}")
    able = any(backend.available for backend in found)
    return 0 if able else HostUnsupported.exit_code


def _make(state_dir: Path) -> None:
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostUnsupported(
            f"the state directory {state_dir} cannot be made: {error.strerror}",
            hint="give PYBUILD_STATE_DIR a writable directory",
        ) from error
