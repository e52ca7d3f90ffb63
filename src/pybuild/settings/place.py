"""Where a build is asked for: what the process knows of its surroundings, as values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pybuild.errors import UsageError

IMAGE_MARKER = Path("/pybuild/.pybuild-image")
"""A file that only our own image has."""

_DOCKER_SOCKET = "unix:///var/run/docker.sock"  # docker's own default
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Place:
    """The environment and what relative paths are relative to.

    Attributes:
        now_s: Seconds since 1970.
        in_image: Whether this is our own image.
    """

    env: Mapping[str, str]
    cwd: Path
    now_s: int
    in_image: bool = False

    def path(self, text: str) -> Path:
        """A path of this machine, absolute and resolved now: a RUN may replace what links name."""
        return Path(os.path.realpath(self.cwd / text))

    def state_dir(self, wanted: str) -> Path:
        """Where blobs and trees lie.

        Raises:
            UsageError: Neither the option nor HOME says.
        """
        if wanted:
            return self.path(wanted)
        if self.in_image:
            return IMAGE_MARKER.parent / "state"
        cache = self.env.get("XDG_CACHE_HOME") or _below_home(self.env, ".cache")
        if not cache:
            raise UsageError(
                "there is no place for the state directory: HOME is not set",
                hint="give --state-dir or set PYBUILD_STATE_DIR",
            )
        return self.path(cache) / "pybuild"

    def config_files(self, dockerconfig: str) -> tuple[Path, ...]:
        """Docker's credential files, the first hit wins; they need not exist.

        Raises:
            UsageError: What --dockerconfig names is not there.
        """
        docker_config = self.env.get("DOCKER_CONFIG")
        candidates = (
            docker_config and f"{docker_config}/config.json",
            self.env.get("REGISTRY_AUTH_FILE"),
            _below_home(self.env, ".docker/config.json"),
            "/tekton/creds/.docker/config.json",  # the entrypoint's copy may be another user's
            "/kaniko/.docker/config.json",
        )
        found = self._dockerconfig(dockerconfig) if dockerconfig else []
        found += [self.path(text) for text in candidates if text]
        return tuple(dict.fromkeys(found))

    def docker_socket(self, source: str) -> Path:
        """The socket of the Docker daemon that an image is loaded into.

        Args:
            source: The option that asks for it, as given.

        Raises:
            UsageError: ``DOCKER_HOST`` names no socket of this machine, or there is none.
        """
        address = self.env.get("DOCKER_HOST") or _DOCKER_SOCKET
        scheme, _, path = address.partition("://")
        if scheme != "unix":
            raise UsageError(
                f"{source}: DOCKER_HOST names no unix socket",
                hint="set DOCKER_HOST=unix:///PATH, or write a file: type=docker,dest=FILE",
            )
        socket = self.path(path)
        if not socket.is_socket():
            raise UsageError(
                f"{source}: there is no Docker socket at {path}",
                hint="mount it, or write a file for docker load: type=docker,dest=FILE",
            )
        return socket

    def proxies(self) -> tuple[tuple[str, str], ...]:
        """The proxy variables by lower-case name, which wins over the upper-case one as in curl."""
        found = ((name, self.env.get(name) or self.env.get(name.upper(), "")) for name in _PROXIES)
        return tuple((name, value) for name, value in found if value)

    def proxy_passwords(self) -> tuple[str, ...]:
        """The passwords in the proxies' URLs."""
        passwords = (urlsplit(url).password for _, url in self.proxies() if "@" in url)
        return tuple(unquote(password) for password in passwords if password)

    def _dockerconfig(self, text: str) -> list[Path]:
        given = self.path(text)
        if given.is_file():
            return [given]
        inside = [given / name for name in ("config.json", ".dockerconfigjson")]
        found = [self.path(str(path)) for path in inside if path.is_file()]
        if not found:
            raise UsageError(
                f"--dockerconfig: {text} is no file and holds none of config.json and "
                ".dockerconfigjson"
            )
        return found


def _below_home(env: Mapping[str, str], name: str) -> str:
    home = env.get("HOME")
    return f"{home}/{name}" if home else ""
