"""Run a container action as github.com's runner does, with the real image and the real docker.

Re-creates ContainerActionHandler and DockerCommandManager of actions/runner in docker mode: the
same mounts, environment, path translation and argument quoting, and how commands are read, from
files and from the log.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SUMMARY_LIMIT_BYTES = 1024 * 1024
_FILE_COMMANDS = {
    "GITHUB_OUTPUT": "set_output_",
    "GITHUB_STATE": "save_state_",
    "GITHUB_ENV": "set_env_",
    "GITHUB_PATH": "add_path_",
    "GITHUB_STEP_SUMMARY": "step_summary_",
}
_ENTRYPOINTS = {"main": "entrypoint", "pre": "pre-entrypoint", "post": "post-entrypoint"}
_ALWAYS_ACCEPTED = frozenset({"entryPoint", "args"})
_COMMANDS = frozenset({
    "add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice",
    "remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning",
})  # fmt: skip
_LEGACY = re.compile(r"##\[(?P<head>[^\]]*)\](?P<data>.*)")


@dataclass(frozen=True)
class Command:
    """A workflow command that a runner obeys."""

    name: str
    properties: dict[str, str]
    data: str


@dataclass(frozen=True)
class ActionRun:
    """What a runner sees of a step."""

    status: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    state: dict[str, str]
    summary: str
    unexpected_inputs: set[str]

    @property
    def commands(self) -> list[Command]:
        """The workflow commands in the log; a runner reads both streams."""
        return parse_commands(self.stdout) + parse_commands(self.stderr)

    @property
    def masks(self) -> list[str]:
        """What the runner was told to hide."""
        return [command.data for command in self.commands if command.name == "add-mask"]

    @property
    def summary_fits(self) -> bool:
        """Whether the runner would take the summary at all."""
        return len(self.summary.encode()) <= SUMMARY_LIMIT_BYTES


@dataclass(frozen=True)
class Runner:
    """A runner with a workspace of a job.

    Args:
        workspace: The checkout, ``WORK/app/app`` as on a runner; ``WORK/_temp`` is made.
        network: A docker network, as for a job with services.
    """

    workspace: Path
    network: str = ""
    repository: str = "octo/app"
    sha: str = "0" * 40
    ref: str = "refs/heads/main"
    suffix: str = field(default_factory=lambda: str(uuid.uuid4()))

    def run(
        self,
        action_dir: Path,
        inputs: Mapping[str, str] | None = None,
        *,
        image: str = "",
        env: Mapping[str, str] | None = None,
        stage: str = "main",
        state: Mapping[str, str] | None = None,
    ) -> ActionRun:
        """Run one stage of an action."""
        action = yaml.safe_load((action_dir / "action.yml").read_text())
        runs = action["runs"]
        assert runs["using"] == "docker"
        given = {**_defaults(action), **(inputs or {})}
        self._prepare()
        environment = self._environment(given, env or {}, state or {})
        command = self._command(runs, given, environment, image, stage)
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return ActionRun(
            status=done.returncode,
            stdout=done.stdout,
            stderr=done.stderr,
            outputs=parse_file_command(self._file("GITHUB_OUTPUT").read_text()),
            state=parse_file_command(self._file("GITHUB_STATE").read_text()),
            summary=self._file("GITHUB_STEP_SUMMARY").read_text(),
            unexpected_inputs=set(inputs or {}) - set(action.get("inputs", {})) - _ALWAYS_ACCEPTED,
        )

    @property
    def temp(self) -> Path:
        """RUNNER_TEMP on the host."""
        return self.workspace.parents[1] / "_temp"

    def _file(self, variable: str) -> Path:
        name = _FILE_COMMANDS[variable] + self.suffix
        return self.temp / "_runner_file_commands" / name

    def _prepare(self) -> None:
        for name in ("_github_home", "_github_workflow", "_runner_file_commands"):
            (self.temp / name).mkdir(parents=True, exist_ok=True)
        for variable in _FILE_COMMANDS:
            self._file(variable).touch()
        event = self.temp / "_github_workflow" / "event.json"
        event.write_text(json.dumps({"repository": {"private": False}}))

    def _mounts(self) -> list[tuple[str, str]]:
        return [
            (str(self.workspace), "/github/workspace"),
            (str(self.temp / "_runner_file_commands"), "/github/file_commands"),
            (str(self.temp / "_github_workflow"), "/github/workflow"),
            (str(self.temp / "_github_home"), "/github/home"),
            (str(self.temp), "/github/runner_temp"),
        ]

    def _translated(self, value: str) -> str:
        for host, inside in self._mounts():
            if value == host or value.startswith(host + "/"):
                return inside + value[len(host) :]
        return value

    def _environment(
        self, inputs: Mapping[str, str], env: Mapping[str, str], state: Mapping[str, str]
    ) -> dict[str, str]:
        variables = {
            **{f"INPUT_{name.replace(' ', '_').upper()}": text for name, text in inputs.items()},
            **env,
            **{f"STATE_{name}": text for name, text in state.items()},
            **{name: str(self._file(name)) for name in _FILE_COMMANDS},
            **self._job_variables(),
        }
        return {name: self._translated(value) for name, value in variables.items()}

    def _job_variables(self) -> dict[str, str]:
        return {
            "HOME": str(self.temp / "_github_home"),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_EVENT_PATH": str(self.temp / "_github_workflow" / "event.json"),
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_SHA": self.sha,
            "GITHUB_REF": self.ref,
            "GITHUB_REF_NAME": self.ref.split("/", 2)[-1],
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_API_URL": "https://api.github.com",
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_NUMBER": "1",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_ACTOR": "octo",
            "GITHUB_WORKFLOW": "ci",
            "GITHUB_JOB": "build",
            "GITHUB_ACTION": "__self",
            "GITHUB_EVENT_NAME": "push",
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            "RUNNER_NAME": "runner",
            "RUNNER_ENVIRONMENT": "github-hosted",
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
            "RUNNER_WORKSPACE": str(self.workspace.parent),
            "ACTIONS_RUNTIME_URL": "https://runtime.invalid/",
            "ACTIONS_RUNTIME_TOKEN": "runtime-token",
            "ACTIONS_RESULTS_URL": "https://results.invalid/",
            "ACTIONS_CACHE_URL": "https://cache.invalid/",
        }

    def _command(
        self,
        runs: Mapping[str, Any],
        inputs: Mapping[str, str],
        environment: Mapping[str, str],
        image: str,
        stage: str,
    ) -> list[str]:
        name = f"ghrun_{uuid.uuid4().hex[:6]}"
        command = ["docker", "run", "--name", name, "--label", "ghrun"]
        command += ["--workdir", "/github/workspace", "--rm"]
        for variable in environment:
            command += ["-e", variable]
        command += ["-e", "GITHUB_ACTIONS=true", "-e", "CI=true"]
        if runs.get(_ENTRYPOINTS[stage]):
            command += ["--entrypoint", runs[_ENTRYPOINTS[stage]]]
        if self.network:
            command += ["--network", self.network]
        command += ["-v", "/var/run/docker.sock:/var/run/docker.sock"]
        for host, inside in reversed(self._mounts()):
            command += ["-v", f"{host}:{inside}"]
        command.append(image or runs["image"].removeprefix("docker://"))
        return command + [_interpolated(str(text), inputs) for text in runs.get("args", [])]


def parse_commands(log: str) -> list[Command]:
    """Find the commands in a log as ActionCommand.cs does: at a line's start, or ``##[``
    anywhere."""
    found: list[Command] = []
    for line in log.splitlines():
        text = line.strip()
        legacy = _LEGACY.search(text)
        if text.startswith("::") and "::" in text[2:]:
            head, data = text[2:].split("::", 1)
        elif legacy:
            head, data = legacy["head"], legacy["data"]
        else:
            continue
        name, _, properties = head.partition(" ")
        if name in _COMMANDS:
            pairs = (pair.partition("=") for pair in properties.split(",") if pair)
            found.append(Command(name, {key: value for key, _, value in pairs if value}, data))
    return found


def parse_file_command(text: str) -> dict[str, str]:
    """Read ``name=value`` and ``name<<DELIMITER`` as EnvFileKeyValuePairs does."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, value = line.split("=", 1)
        elif heredoc >= 0:
            name, delimiter = line.split("<<", 1)
            value = "\n".join(iter(lambda end=delimiter: _before(lines, end), None))
        else:
            raise ValueError(f"the runner refuses the line {line!r}")
        found[name] = value
    return found


def _before(lines: Any, delimiter: str) -> str | None:
    line = next(lines, None)
    if line is None:
        raise ValueError(f"the delimiter {delimiter!r} is missing")
    return None if line == delimiter else line


def _defaults(action: Mapping[str, Any]) -> dict[str, str]:
    defaults = {}
    for name, spec in action.get("inputs", {}).items():
        default = (spec or {}).get("default", "")
        defaults[name] = str(default).lower() if isinstance(default, bool) else str(default)
    return defaults


def _interpolated(text: str, inputs: Mapping[str, str]) -> str:
    pattern = r"\$\{\{\s*inputs\.([\w-]+)\s*\}\}"
    return re.sub(pattern, lambda match: inputs.get(match[1], ""), text)
