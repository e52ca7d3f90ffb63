"""What this process may do, and what the container lends to everybody in it: read, not tried."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_STATUS = "proc/self/status"
_SECCOMP = {"0": "off", "1": "strict", "2": "filter"}  # proc_pid_status(5)
_CAPABILITIES = {
    "00000000a80425fb": "a container's default",
    "00000000800405fb": "podman's default",
    "000001ffffffffff": "all",
    "0000000000000000": "none",
}
"""Sets that people know; the numbers are those of linux/capability.h."""

_SOCKETS = (
    "run/docker.sock",
    "var/run/docker.sock",
    "run/containerd/containerd.sock",
    "run/podman/podman.sock",
    "run/crio/crio.sock",
)
_SECRETS = ("run/secrets", "var/run/secrets")
_CREDENTIALS = (
    ".aws/credentials",
    ".config/gcloud/application_default_credentials.json",
    ".azure/msal_token_cache.json",
    ".git-credentials",
    ".netrc",
    ".ssh/id_rsa",
    ".ssh/id_ed25519",
    ".ssh/id_ecdsa",
    ".kube/config",
)
"""Below HOME."""
_VARIABLES = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_WEB_IDENTITY_TOKEN_FILE", "KUBECONFIG")
_MOST_FILES = 20


@dataclass(frozen=True, slots=True)
class Machine:
    """What is read.

    Attributes:
        root: The root directory.
        release: The kernel's (``uname -r``).
        machine: ``uname -m``.
        landlock_abi: Raises OSError where there is none.
    """

    env: Mapping[str, str]
    in_image: bool
    root: Path
    release: str
    machine: str
    landlock_abi: Callable[[], int]


Row = tuple[str, str]
"""A name and what is said of it."""


def process_rows(machine: Machine) -> list[Row]:
    """What this process is and may do."""
    status = _status(machine.root / _STATUS)
    capabilities = status.get("CapEff", "")
    known = _CAPABILITIES.get(capabilities, "")
    seccomp = status.get("Seccomp", "")
    privileges = {"0": "may grow", "1": "never grow (no_new_privs)"}
    return [
        ("image", "our own" if machine.in_image else "not our own: this is a host"),
        ("kernel", f"{machine.release} {machine.machine}"),
        ("user", _user(status)),
        ("capabilities", _noted(capabilities or "unknown", known)),
        ("seccomp", _SECCOMP.get(seccomp, "unknown")),
        ("privileges", privileges.get(status.get("NoNewPrivs", ""), "unknown")),
        ("landlock", _landlock(machine.landlock_abi)),
    ]


def exposed_rows(machine: Machine, config_files: tuple[Path, ...]) -> list[Row]:
    """Sockets, secrets and credentials that are there; never what is in them.

    Args:
        machine: Where to look.
        config_files: Docker's, which need not exist.
    """
    rows: list[Row] = []
    seen: set[str] = set()
    for what, path in _exposed(machine, config_files):
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            rows.append((what, str(path)))
    return rows


def _exposed(machine: Machine, config_files: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    for path in _sockets(machine):
        if _is(path, stat.S_ISSOCK):
            yield "socket", path
    for name in _SECRETS:
        for path in _files_below(machine.root / name):
            yield "secret", path
    for path in (*config_files, *_credentials(machine)):
        if _is(path, stat.S_ISREG):
            yield "credentials", path


def _sockets(machine: Machine) -> Iterator[Path]:
    yield from (machine.root / name for name in _SOCKETS)
    host = machine.env.get("DOCKER_HOST", "")
    if host.startswith("unix://"):
        yield Path(host.removeprefix("unix://"))


def _credentials(machine: Machine) -> Iterator[Path]:
    home = machine.env.get("HOME")
    if home:
        yield from (Path(home) / name for name in _CREDENTIALS)
    yield from (Path(machine.env[name]) for name in _VARIABLES if machine.env.get(name))


def _files_below(directory: Path) -> list[Path]:
    """Files at or below a directory; Kubernetes' are links into a hidden one, left out."""
    try:
        found = [
            path
            for path in sorted(directory.rglob("*"))
            if path.is_file() and not any(p.startswith("..") for p in path.parts)
        ]
    except OSError:
        return []
    return found[:_MOST_FILES]


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.stat().st_mode)
    except OSError:  # it is not there, or not for us
        return False


def _status(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _user(status: Mapping[str, str]) -> str:
    uid = status.get("Uid", "").split()[:1]
    gid = status.get("Gid", "").split()[:1]
    return ":".join(uid + gid) or "unknown"


def _landlock(abi: Callable[[], int]) -> str:
    try:
        return f"ABI {abi()}"
    except OSError as error:
        return f"not there: {error.strerror}"


def _noted(text: str, note: str) -> str:
    return f"{text} ({note})" if note else text
