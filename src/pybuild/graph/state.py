"""What a stage's instructions change as they are read: configuration and build environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pybuild.imagepath import ImagePath
from pybuild.oci.config import DEFAULT_PATH, History, RunConfig

DEFAULT_SHELL = ("/bin/sh", "-c")

_SWITCHES = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})
"""ARGs that speak to the builder and reach no environment (dockerfile2llb ``nonEnvArgs``)."""


@dataclass(slots=True)
class StageState:
    """The state between two instructions of one stage.

    What grows with the number of instructions is changed in place and made a value once, by
    ``frozen``: a stage of thousands of instructions must not copy it for each.

    Attributes:
        run: The image's configuration, as far as it does not grow; ``frozen`` has all of it.
        env: What RUN sees and words expand to: ENV and ARG, the later one wins.
        image_env: ENV alone, in the image's order.
        declared: The ARGs in scope in the order of their first declaration, with their own
            values, empty where they have none.
        on_build: The triggers that this stage gives to those built on it.
        cmd_set: Whether this stage has set CMD, so that ENTRYPOINT keeps it.
    """

    run: RunConfig
    env: dict[str, str]
    image_env: dict[str, str]
    labels: dict[str, str]
    exposed_ports: set[str]
    volumes: set[str]
    declared: dict[str, str] = field(default_factory=dict)
    on_build: list[str] = field(default_factory=list)
    history: list[History] = field(default_factory=list)
    author: str = ""
    cmd_set: bool = False
    _environment: tuple[tuple[str, str], ...] | None = None

    @classmethod
    def on_image(cls, run: RunConfig, author: str) -> StageState:
        """The state after FROM an image or scratch: PATH is always set."""
        env = dict(run.env)
        env.setdefault("PATH", DEFAULT_PATH)
        return cls(
            run,
            env=env,
            image_env=dict(env),
            labels=dict(run.labels),
            exposed_ports=set(run.exposed_ports),
            volumes=set(run.volumes),
            author=author,
        )

    @classmethod
    def on_stage(cls, parent: StageState) -> StageState:
        """The state after FROM a stage: its configuration and its ARGs are inherited."""
        return cls(
            parent.run,
            env=dict(parent.env),
            image_env=dict(parent.image_env),
            labels=dict(parent.labels),
            exposed_ports=set(parent.exposed_ports),
            volumes=set(parent.volumes),
            declared=dict(parent.declared),
            author=parent.author,
        )

    def frozen(self) -> RunConfig:
        """The whole configuration after the last instruction."""
        return replace(
            self.run,
            env=tuple(self.image_env.items()),
            labels=tuple(sorted(self.labels.items())),
            exposed_ports=tuple(sorted(self.exposed_ports)),
            volumes=tuple(sorted(self.volumes)),
            on_build=tuple(self.on_build),
        )

    @property
    def workdir(self) -> str:
        """The working directory, absolute."""
        return str(ImagePath.parse(self.run.working_dir))

    @property
    def shell(self) -> tuple[str, ...]:
        """What the shell form is given to."""
        return self.run.shell or DEFAULT_SHELL

    @property
    def args(self) -> dict[str, str]:
        """The ARGs in scope as a RUN sees them: an ENV of the name hides its value."""
        return {name: self.env.get(name, own) for name, own in self.declared.items()}

    def environment(self) -> tuple[tuple[str, str], ...]:
        """What a RUN sees now; RUNs between two changes share one value."""
        if self._environment is None:
            self._environment = tuple(self.env.items())
        return self._environment

    def set_env(self, name: str, value: str) -> None:
        """Take an ENV into the image and into what follows."""
        self.image_env[name] = value
        self._set(name, value)

    def declare_arg(self, name: str, value: str | None) -> None:
        """Take an ARG; without a value it is declared but not in the environment."""
        self.declared[name] = value or ""
        if value is not None and name not in _SWITCHES:
            self._set(name, value)

    def _set(self, name: str, value: str) -> None:
        self.env[name] = value
        self._environment = None
