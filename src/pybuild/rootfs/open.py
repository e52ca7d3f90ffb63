"""Choose the way to have trees to run in."""

from __future__ import annotations

import re
from pathlib import Path

from pybuild import events, ports
from pybuild.errors import HostUnsupported, UsageError
from pybuild.rootfs import probe
from pybuild.rootfs.inplace import InplaceRootfs
from pybuild.rootfs.overlay import OverlayRootfs
from pybuild.rootfs.probe import Availability
from pybuild.rootfs.run import confine

MODES = ("auto", "overlay", "inplace")


def open_rootfs(mode: str, state_dir: Path, emit: events.Emit) -> ports.Rootfs:
    """Open a backend; call it before any thread exists and any credential is read.

    Args:
        mode: One of ``MODES``; ``auto`` takes the first that works.
        state_dir: Where ``overlay`` keeps its trees.
        emit: Gets Debug events, and a warning of what will not work.

    Raises:
        UsageError: There is no such mode.
        HostUnsupported: None that mode allows works here; names every reason.
        StateError: The state directory cannot be written.
    """
    if mode not in MODES:
        raise UsageError(f"rootfs {mode!r} is not known", hint=f"use one of {', '.join(MODES)}")
    _refuse_threads()

    refused = []
    tries = {"overlay": lambda: probe.overlay(state_dir), "inplace": probe.inplace}
    for name in ("overlay", "inplace") if mode == "auto" else (mode,):
        found = tries[name]()
        if found.available:
            return _open(found, state_dir, emit)
        emit(events.Debug(f"rootfs: not {name}: {found.reason}"))
        refused.append(found)
    raise HostUnsupported(
        "no RUN can run here: " + "; ".join(f"{it.name}: {it.reason}" for it in refused),
        hint="; or ".join(it.hint for it in refused if it.hint),
    )


def _open(found: Availability, state_dir: Path, emit: events.Emit) -> ports.Rootfs:
    emit(events.Debug(f"rootfs: {found.name} {found.note}".rstrip()))
    if found.name == "inplace":
        return InplaceRootfs(state_dir, emit)
    if found.limit:
        emit(events.BuildWarning("SingleIdMap", found.limit))
    own_processes = found.fresh_proc or not confine.signals_stay_inside()
    return OverlayRootfs(
        state_dir,
        emit,
        found.id_map,
        own_processes=own_processes,
        own_network=found.own_network,
        own_hostname=found.own_hostname,
    )


def _refuse_threads() -> None:
    """A namespace made now would not be that of a thread made before."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    threads = re.search(r"^Threads:\s*(\d+)$", status, re.MULTILINE)
    if threads and int(threads[1]) > 1:
        raise RuntimeError("open_rootfs was called in a process that has threads already")
