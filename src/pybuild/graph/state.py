"""What a stage's instructions change as they are read: configuration and build environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pybuild.imagepath import ImagePath
from pybuild.oci.config import DEFAULT_PATH, History, RunConfig

DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(slots=True)
class StageState:
    """The state between two instructions of one stage.

    Attributes:
        run: The image's configuration so far.
        env: What RUN sees and words expand to: ENV and ARG, the later one wins.
        declared: The ARGs in scope, with or without a value, in the order of their first
            declaration.
        cmd_set: Whether this stage has set CMD, so that ENTRYPOINT keeps it.
    """

    run: RunConfig
    env: dict[str, str]
    declared: list[str] = field(default_factory=list)
    history: list[History] = field(default_factory=list)
    author: str = ""
    cmd_set: bool = False

    @classmethod
    def on_image(cls, run: RunConfig, author: str) -> StageState:
        """The state after FROM an image or scratch: PATH is always set."""
        if not any(name == "PATH" for name, _ in run.env):
            run = run.with_env("PATH", DEFAULT_PATH)
        run = replace(run, on_build=())
        return cls(run, dict(run.env), author=author)

    @classmethod
    def on_stage(cls, parent: StageState) -> StageState:
        """The state after FROM a stage: its configuration and its ARGs are inherited."""
        return cls(parent.run, dict(parent.env), list(parent.declared), author=parent.author)

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
        return {name: self.env.get(name, "") for name in self.declared}

    def set_env(self, name: str, value: str) -> None:
        """Take an ENV into the image and into what follows."""
        self.run = self.run.with_env(name, value)
        self.env[name] = value

    def declare_arg(self, name: str, value: str | None) -> None:
        """Take an ARG; without a value it is declared but not in the environment."""
        if name not in self.declared:
            self.declared.append(name)
        if value is not None:
            self.env[name] = value
