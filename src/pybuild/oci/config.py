"""The image configuration (image-spec config.md) and its Docker extensions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pybuild.digest import Digest, parse_digest
from pybuild.errors import IntegrityError
from pybuild.oci.document import Node
from pybuild.oci.platform import Platform

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RUN_KEYS = frozenset(
    {
        "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels",
        "StopSignal", "Shell", "OnBuild", "ArgsEscaped", "Healthcheck",
    }
)  # fmt: skip
_TOP_KEYS = frozenset(
    {"created", "author", "architecture", "os", "variant", "config", "rootfs", "history"}
)


@dataclass(frozen=True, slots=True)
class HealthcheckConfig:
    """How a container tells whether it is well; Docker's extension (docker-image-spec v1).

    Attributes:
        test: ``("NONE",)``, or ``CMD`` and words, or ``CMD-SHELL`` and a text.
        interval_ns: Nanoseconds, like the other times; 0 is the daemon's default.
        retries: 0 is the daemon's default.
    """

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How a container of the image starts; ``None`` where the image does not say.

    Attributes:
        env: In the order of the image; a name appears once.
        extra: Keys we do not know, as JSON text, kept as they are.
    """

    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: tuple[str, ...] = ()
    working_dir: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    stop_signal: str = ""
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] = ()
    args_escaped: bool = False
    healthcheck: HealthcheckConfig | None = None
    extra: tuple[tuple[str, str], ...] = ()

    def with_labels(self, labels: Mapping[str, str]) -> RunConfig:
        """Add labels; later ones win."""
        return replace(self, labels=tuple(sorted({**dict(self.labels), **labels}.items())))


@dataclass(frozen=True, slots=True)
class History:
    """What made a layer, or a step that made none.

    Attributes:
        created: RFC 3339, or empty.
    """

    created: str = ""
    created_by: str = ""
    comment: str = ""
    author: str = ""
    empty_layer: bool = False

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        document: dict[str, Any] = {
            "created": self.created,
            "created_by": self.created_by,
            "comment": self.comment,
            "author": self.author,
        }
        document = {key: value for key, value in document.items() if value}
        if self.empty_layer:
            document["empty_layer"] = True
        return document


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The whole configuration document.

    Attributes:
        created: RFC 3339, or empty.
        extra: Top-level keys we do not know, as JSON text, kept as they are.
    """

    platform: Platform
    run: RunConfig = RunConfig()
    diff_ids: tuple[Digest, ...] = ()
    history: tuple[History, ...] = ()
    created: str = ""
    author: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    def require_layers(self, count: int, *, source: str) -> None:
        """Make sure that the manifest has as many layers as this document names.

        Raises:
            IntegrityError: It has not; source is the image.
        """
        if len(self.diff_ids) != count:
            raise IntegrityError(
                f"{source} has {count} layers, its configuration names {len(self.diff_ids)}"
            )

    @classmethod
    def scratch(cls, platform: Platform) -> ImageConfig:
        """The configuration of ``FROM scratch``."""
        return cls(platform, RunConfig(working_dir="/"))

    @classmethod
    def parse(cls, data: bytes, *, source: str) -> ImageConfig:
        """Read a configuration; source names it in errors."""
        node = Node.parse(data, source)
        return cls(
            Platform(
                node["os"].text(default="linux"),
                node["architecture"].text(default="amd64"),
                node["variant"].text(default=""),
            ),
            _read_run(node["config"]),
            tuple(
                parse_digest(item.text(), source=item.path)
                for item in node["rootfs"]["diff_ids"].items()
            )
            if node.has("rootfs")
            else (),
            tuple(_read_history(item) for item in node["history"].items()),
            node["created"].text(default=""),
            node["author"].text(default=""),
            _rest(node, _TOP_KEYS),
        )

    def to_bytes(self) -> bytes:
        """The document with sorted keys, as BuildKit writes it."""
        document: dict[str, Any] = {key: json.loads(text) for key, text in self.extra}
        document |= {
            "architecture": self.platform.architecture,
            "os": self.platform.os,
            "config": _write_run(self.run),
            "rootfs": {"type": "layers", "diff_ids": list(self.diff_ids)},
            "history": [entry.to_json() for entry in self.history],
        }
        optional = {
            "variant": self.platform.variant,
            "created": self.created,
            "author": self.author,
        }
        document |= {key: value for key, value in optional.items() if value}
        return json.dumps(
            document, ensure_ascii=False, separators=(",", ":"), sort_keys=True
        ).encode()


def _read_run(node: Node) -> RunConfig:
    pairs = [text.partition("=") for text in node["Env"].texts()] if node.value else []
    if not node.value:
        return RunConfig()
    return RunConfig(
        user=node["User"].text(default=""),
        exposed_ports=tuple(sorted(node["ExposedPorts"].members())),
        env=tuple({name: value for name, _, value in pairs}.items()),
        entrypoint=node["Entrypoint"].texts() if node.has("Entrypoint") else None,
        cmd=node["Cmd"].texts() if node.has("Cmd") else None,
        volumes=tuple(sorted(node["Volumes"].members())),
        working_dir=node["WorkingDir"].text(default=""),
        labels=tuple(sorted(node["Labels"].text_map().items())),
        stop_signal=node["StopSignal"].text(default=""),
        shell=node["Shell"].texts() if node.has("Shell") else None,
        on_build=node["OnBuild"].texts(),
        args_escaped=node["ArgsEscaped"].flag(),
        healthcheck=_read_healthcheck(node["Healthcheck"]) if node.has("Healthcheck") else None,
        extra=_rest(node, _RUN_KEYS),
    )


def _write_run(run: RunConfig) -> dict[str, Any]:
    document: dict[str, Any] = {key: json.loads(text) for key, text in run.extra}
    document |= {
        "User": run.user,
        "ExposedPorts": {port: {} for port in run.exposed_ports},
        "Env": [f"{name}={value}" for name, value in run.env],
        "Entrypoint": list(run.entrypoint or ()),
        "Cmd": list(run.cmd or ()),
        "Volumes": {path: {} for path in run.volumes},
        "WorkingDir": run.working_dir,
        "Labels": dict(run.labels),
        "StopSignal": run.stop_signal,
        "Shell": list(run.shell or ()),
        "OnBuild": list(run.on_build),
        "ArgsEscaped": run.args_escaped,
        "Healthcheck": _write_healthcheck(run.healthcheck) if run.healthcheck else None,
    }
    return {key: value for key, value in document.items() if value}


def _read_healthcheck(node: Node) -> HealthcheckConfig:
    return HealthcheckConfig(
        node["Test"].texts(),
        node["Interval"].number(default=0),
        node["Timeout"].number(default=0),
        node["StartPeriod"].number(default=0),
        node["StartInterval"].number(default=0),
        node["Retries"].number(default=0),
    )


def _write_healthcheck(check: HealthcheckConfig) -> dict[str, Any]:
    document = {
        "Test": list(check.test),
        "Interval": check.interval_ns,
        "Timeout": check.timeout_ns,
        "StartPeriod": check.start_period_ns,
        "StartInterval": check.start_interval_ns,
        "Retries": check.retries,
    }
    return {key: value for key, value in document.items() if value}


def _read_history(node: Node) -> History:
    return History(
        node["created"].text(default=""),
        node["created_by"].text(default=""),
        node["comment"].text(default=""),
        node["author"].text(default=""),
        node["empty_layer"].flag(),
    )


def _rest(node: Node, known: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (key, json.dumps(member.value))
        for key, member in sorted(node.members().items())
        if key not in known and member.value is not None
    )
