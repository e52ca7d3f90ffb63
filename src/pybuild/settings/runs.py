"""Docker's ``--secret``, ``--ssh``, ``--add-host``, ``--ulimit`` and their like."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.request import LARGEST_SECRET_BYTES, RunOptions, Secret, SshAgent
from pybuild.settings.lists import fields
from pybuild.settings.place import Place
from pybuild.settings.values import Values

ULIMITS = frozenset(
    {
        *("as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"),
        *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
    }
)
"""Names of limits (moby, go-units ``ulimit.go``)."""

_ULIMIT = re.compile(r"([a-z]+)=(-1|[0-9]{1,18})(?::(-1|[0-9]{1,18}))?", re.ASCII)


def read_run_options(values: Values, place: Place) -> tuple[RunOptions, tuple[BuildWarning, ...]]:
    """What every RUN gets, and what to warn of.

    Raises:
        UsageError: An option is malformed, or names what is not there.
    """
    secrets = {secret.id: secret for secret in _secrets(values, place)}
    empty = [
        BuildWarning("SecretWithoutValue", f"secret {secret.id}: its variable is not set, or empty")
        for secret in secrets.values()
        if secret.value == ""
    ]
    agents = {agent.id: agent for agent in _agents(values, place)}
    options = RunOptions(
        network=values.text("network"),
        hosts=tuple(_host(text, values.source("add-host")) for text in values.many("add-host")),
        shm_bytes=values.size_bytes("shm-size"),
        limits=_limits(values),
        secrets=tuple(secrets.values()),
        ssh=tuple(agents.values()),
    )
    return options, tuple(empty)


def _secrets(values: Values, place: Place) -> Iterator[Secret]:
    for text in values.many("secret"):
        yield _secret(text, values.source("secret"), place)
    for name in ("secret-value", "secret-env", "secret-file"):
        source = values.source(name)
        for text in values.many(name):
            key, equals, value = text.partition("=")
            if not key.strip() or not equals:
                raise UsageError(f"{source}: an entry is not of the form ID=…")
            keys = {"secret-value": "value", "secret-env": "env", "secret-file": "src"}
            yield _read(key.strip(), {keys[name]: value}, source, place)


def _secret(text: str, source: str, place: Place) -> Secret:
    keys = dict(fields(text, source))
    name = keys.pop("id", "")
    kind = keys.pop("type", "")
    keys = {"src" if key in {"source", "src"} else key: value for key, value in keys.items()}
    if not name:
        raise UsageError(f"{source} {text}: id= is missing")
    if kind not in {"", "file", "env"} or keys.keys() - {"src", "env"}:
        unknown = f"type={kind}" if kind not in {"", "file", "env"} else min(keys.keys())
        raise UsageError(f"{source} {text}: {unknown} is not known", hint="id=, src=, env=, type=")
    if kind == "env" and "env" not in keys and "src" in keys:
        keys = {"env": keys["src"]}  # as buildx reads it
    if not keys:
        keys = {"env": name} if name in place.env else {"src": name}
    return _read(name, keys, source, place)


def _read(name: str, keys: Mapping[str, str], source: str, place: Place) -> Secret:
    if "value" in keys:
        return Secret(name, value=keys["value"])
    if "env" in keys:
        return Secret(name, value=place.env.get(keys["env"], ""))
    path = place.path(keys["src"])
    if not path.is_file() or not os.access(path, os.R_OK):
        raise UsageError(f"{source}: secret {name}: {path} is not a file that can be read")
    if path.stat().st_size > LARGEST_SECRET_BYTES:
        raise UsageError(
            f"{source}: secret {name} is too big; at most {LARGEST_SECRET_BYTES} bytes"
        )
    return Secret(name, file=path)


def _agents(values: Values, place: Place) -> Iterator[SshAgent]:
    source = values.source("ssh")
    for text in values.many("ssh"):
        name, _, path = text.partition("=")
        path = path or place.env.get("SSH_AUTH_SOCK", "")
        if not path:
            raise UsageError(
                f"{source} {text}: SSH_AUTH_SOCK is not set",
                hint="start an agent (ssh-agent, ssh-add), or name its socket: ID=SOCKET",
            )
        yield SshAgent(name, _socket(path, f"{source} {text}", place))


def _socket(path: str, source: str, place: Place) -> Path:
    found = place.path(path)
    if found.is_socket():
        return found
    if "," in path or found.is_file():
        raise UsageError(
            f"{source}: a key is not supported, only the socket of an agent",
            hint="start an agent, add the key to it (ssh-agent, ssh-add), and give its socket",
        )
    raise UsageError(f"{source}: there is no socket at {found}")


def _host(text: str, source: str) -> tuple[str, str]:
    separator = "=" if "=" in text else ":"  # docker takes both
    name, _, address = text.partition(separator)
    if address == "host-gateway":
        raise UsageError(f"{source} {text}: there is no host gateway here; give an address")
    bare = address.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        raise UsageError(f"{source}: {text!r} is not of the form HOST:ADDRESS") from None
    if not re.fullmatch(r"[\w.-]+", name):
        raise UsageError(f"{source}: {name!r} is not the name of a host")
    return name, bare


def _limits(values: Values) -> tuple[tuple[str, int, int], ...]:
    source = values.source("ulimit")
    found: dict[str, tuple[str, int, int]] = {}
    for text in values.many("ulimit"):
        match = _ULIMIT.fullmatch(text)
        if not match:
            raise UsageError(f"{source}: {text!r} is not of the form NAME=SOFT[:HARD]")
        name, soft = match[1], int(match[2])
        hard = int(match[3]) if match[3] else soft
        if name not in ULIMITS:
            raise UsageError(f"{source}: {name} is not the name of a limit")
        if hard != -1 and (soft == -1 or soft > hard):
            raise UsageError(f"{source}: {text}: the soft limit is above the hard one")
        found[name] = (name, soft, hard)
    return tuple(found.values())
