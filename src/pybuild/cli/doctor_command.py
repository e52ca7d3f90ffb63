"""``pybuild doctor``: what this place can do, found out by trying, and what it exposes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pybuild.cli.invocation import Invocation
from pybuild.cli.surroundings import Machine, Row, exposed_rows, process_rows
from pybuild.errors import HostUnsupported, UsageError
from pybuild.rootfs.abilities import abilities
from pybuild.rootfs.probe import Availability, probe
from pybuild.rootfs.run.syscalls import landlock_abi
from pybuild.settings.values import Values, from_environment

_NOTHING = "nothing that is known"


Probe = Callable[[Path], Sequence[Availability]]
"""Tries every backend below a state directory."""


def run(invocation: Invocation) -> int:
    """Print what was tried and how to grant what is missing; 7 where no RUN is possible."""
    return examine(invocation, probe)


def examine(invocation: Invocation, try_backends: Probe) -> int:
    """Do so with a probe; the exit code is the answer.

    Raises:
        UsageError: There are arguments.
        HostUnsupported: There can be no state directory.
    """
    if invocation.arguments:
        raise UsageError(f"doctor takes no arguments, not {invocation.arguments[0]!r}")
    place = invocation.place()
    values = Values(from_environment(invocation.env))
    state_dir = place.state_dir(values.text("state-dir"))
    _make(state_dir)
    backends = try_backends(state_dir)
    system = os.uname()
    machine = Machine(
        invocation.env, invocation.in_image, Path("/"), system.release, system.machine, landlock_abi
    )
    config_files = place.config_files(values.text("dockerconfig"))
    here = [*process_rows(machine), ("state directory", str(state_dir))]
    for line in report(backends, here, exposed_rows(machine, config_files)):
        invocation.out.line(line)
    able = any(backend.available for backend in backends)
    return 0 if able else HostUnsupported.exit_code


def report(
    backends: Sequence[Availability], here: Sequence[Row], exposed: Sequence[Row]
) -> Iterator[str]:
    """The doctor's answer, in tables.

    Args:
        backends: Ways to run a RUN, in the order in which ``auto`` takes them.
        here: What the process is and may do.
        exposed: What the place lends to everybody in it.
    """
    yield "Root filesystem of a RUN (auto takes the first that is available):"
    yield from _table(_backend_rows(backends))
    yield ""
    for backend in backends:
        if backend.available:
            yield f"What a RUN may ask for ({backend.name}):"
            yield from _table(abilities(backend))
            yield ""
    yield "This process:"
    yield from _table(here)
    yield ""
    yield "Exposed here; a RUN in place can reach what its user may read:"
    yield from _table(exposed) if exposed else (f"  {_NOTHING}",)


def _backend_rows(backends: Iterable[Availability]) -> list[Row]:
    rows: list[Row] = []
    for backend in backends:
        if backend.available:
            rows.append((backend.name, f"available {backend.note}".rstrip()))
            if backend.limit:
                rows.append(("", f"limit: {backend.limit}"))
            continue
        rows.append((backend.name, f"not available: {backend.reason}"))
        if backend.hint:
            rows.append(("", f"hint: {backend.hint}"))
    return rows


def _table(rows: Sequence[Row]) -> Iterator[str]:
    width = max(len(name) for name, _ in rows)
    return (f"  {name:{width}}  {text}".rstrip() for name, text in rows)


def _make(state_dir: Path) -> None:
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostUnsupported(
            f"the state directory {state_dir} cannot be made: {error.strerror}",
            hint="give PYBUILD_STATE_DIR a writable directory",
        ) from error
