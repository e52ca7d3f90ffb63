# ruff: noqa: PTH103, PTH104, PTH106, PTH118, PTH119 - paths in images are bytes, which pathlib does not take
"""Find out, by trying, which backends work here, and say what is missing for the others."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from pybuild.errors import StateError
from pybuild.rootfs import idmaps, places
from pybuild.rootfs.inplace import refusal
from pybuild.rootfs.layout import Layout
from pybuild.rootfs.run import syscalls
from pybuild.rootfs.run.userns import IdMap
from pybuild.rootfs.starter import own_process

_CAP_SYS_ADMIN = 21  # linux/capability.h
# Without one of these a tree cannot be unpacked, or a RUN's USER cannot be taken.
_NEEDED_IN_PLACE = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
}
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend works here.

    Attributes:
        name: ``overlay`` or ``inplace``.
        reason: Why not; empty where it works.
        hint: How to grant what is missing.
        note: How it works here, or empty.
        limit: What does not work although the backend does, or empty.
        id_map: For ``overlay``: the user namespace to enter; None where none is needed.
        fresh_proc: For ``overlay``: a RUN can have a ``/proc`` of its own.
        own_network: For ``overlay``: it can have a network namespace.
        own_hostname: For ``overlay``: it can have a name of its own for the machine.
    """

    name: str
    reason: str = ""
    hint: str = ""
    note: str = ""
    limit: str = ""
    id_map: IdMap | None = None
    fresh_proc: bool = True
    own_network: bool = True
    own_hostname: bool = True

    @property
    def available(self) -> bool:
        """Whether a RUN can run with it."""
        return not self.reason


def probe(state_dir: Path) -> tuple[Availability, ...]:
    """Try every backend, in the order in which ``auto`` takes them; changes nothing."""
    try:
        found = overlay(state_dir)
    except StateError as error:
        found = Availability("overlay", error.message, error.hint)
    return found, inplace()


def overlay(state_dir: Path) -> Availability:
    """Mount an overlay below the state directory, in a process of its own.

    With CAP_SYS_ADMIN as we are, else in a user namespace: one with many ids, or with one.

    Raises:
        StateError: The state directory cannot be written.
    """
    if syscalls.permitted_capabilities() >> _CAP_SYS_ADMIN & 1:
        found = _try_overlay(state_dir, None)
        return found if found.available else replace(found, hint=_WHERE)

    reasons = []
    for id_map in idmaps.candidates():
        found = _try_overlay(state_dir, id_map)
        if found.available:
            return found
        reasons.append(found.reason)
    # The map of all ids may be refused for another reason than the one id; the same is said once.
    reason = "; ".join(dict.fromkeys(reasons))
    return Availability(
        "overlay",
        f"the process does not have CAP_SYS_ADMIN, and a user namespace cannot be used: {reason}",
        f"{_RIGHTS}; {_WHERE}",
    )


_RIGHTS = (
    "let seccomp, AppArmor and user.max_user_namespaces allow user namespaces, or start the"
    " container with --privileged, or use the pybuild-action image as it is, which needs no rights"
)
_WHERE = (
    "put --state-dir on a filesystem that is not itself an overlay (a volume), and let"
    " seccomp and AppArmor allow mount"
)
_ONE_ID = (
    "one user id only: files of other owners and a RUN with USER are not possible; install"
    " newuidmap (package uidmap) and give this user ranges in /etc/subuid and /etc/subgid"
)


def _try_overlay(state_dir: Path, id_map: IdMap | None) -> Availability:
    more = [json.dumps(id_map)] if id_map else []
    try:
        with places.trial(state_dir / "trees") as directory:
            done = subprocess.run(
                own_process("pybuild.rootfs.run.tryout", str(directory), *more),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={},
                timeout=_TIMEOUT_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Availability("overlay", f"trying it in {state_dir} failed: {error}")
    if done.returncode:
        said = (done.stdout or done.stderr).decode(errors="replace").strip()
        return Availability("overlay", f"trying it in {state_dir} failed: {said}")
    return Availability(
        "overlay",
        note=_note(id_map),
        limit=_ONE_ID if id_map and id_map.single else "",
        id_map=id_map,
        **json.loads(done.stdout),
    )


def _note(id_map: IdMap | None) -> str:
    if id_map is None:
        return ""
    if id_map.single:
        return "in a user namespace with one id"
    by = f", mapped by {id_map.programs[0]}" if id_map.programs else ""
    return f"in a user namespace with {sum(count for _, _, count in id_map.uids)} ids{by}"


def inplace(layout: Layout | None = None) -> Availability:
    """Look whether this is our own image, we are root in it, and its root can be written."""
    layout = layout or Layout()
    if reason := refusal(layout):
        return Availability("inplace", reason, "run the pybuild-action image, as root")

    permitted = syscalls.permitted_capabilities()
    missing = [name for name, number in _NEEDED_IN_PLACE.items() if not permitted >> number & 1]
    if missing:
        names = ", ".join(missing)
        hint = f"add the capabilities {names} to the container"
        return Availability("inplace", f"the process does not have {names}", hint)
    try:
        _try_rename(layout)
    except OSError as error:
        hint = "start the container without a read-only root and without a volume at /pybuild"
        return Availability("inplace", f"names cannot move into the root: {error}", hint)
    return Availability("inplace")


def _try_rename(layout: Layout) -> None:
    """A directory moves between the trees' place and the root, as all of them will."""
    os.makedirs(layout.temporary, exist_ok=True)
    place = tempfile.mkdtemp(dir=layout.temporary)
    in_root = os.path.join(layout.root, os.path.basename(place))
    status = os.lstat(layout.root)
    try:
        os.rename(place, in_root)
        os.rename(in_root, place)
    finally:
        os.rmdir(place)
        os.utime(layout.root, ns=(status.st_atime_ns, status.st_mtime_ns))
