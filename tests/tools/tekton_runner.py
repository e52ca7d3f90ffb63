"""Run the steps of a Tekton v1 Task as real containers.

Substitutes params, workspaces and results (Tekton docs, variables.md), shares
``/tekton/results``, copies credentials to ``$HOME/.docker`` (0700, 0600) as the entrypoint does,
honours security contexts, and checks the budget of a termination message.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

RESULT_BUDGET_BYTES = 4096
_VARIABLE = re.compile(r"\$\(((?:params|workspaces|results|context)\.[^)\s]+)\)")
_ARRAY = re.compile(r"\$\(params\.([\w-]+)(\[\*\])?\)")


@dataclass(frozen=True)
class StepLog:
    """What one step printed."""

    name: str
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class TaskRun:
    """What a TaskRun's status would show."""

    results: dict[str, str]
    missing: list[str]
    undeclared: list[str]
    logs: list[StepLog]

    @property
    def results_fit(self) -> bool:
        """Whether the results fit into a termination message."""
        entries = [{"key": k, "value": v, "type": 1} for k, v in self.results.items()]
        return len(json.dumps(entries)) <= RESULT_BUDGET_BYTES


@dataclass(frozen=True)
class Task:
    """A Task with what a TaskRun binds.

    Args:
        spec: The Task's spec.
        name: The Task's name.
        params: Text or list of texts by name.
        workspaces: Directories of this machine by name.
    """

    spec: Mapping[str, Any]
    name: str
    params: Mapping[str, str | list[str]]
    workspaces: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        path: Path,
        params: Mapping[str, str | list[str]],
        workspaces: Mapping[str, Path] | None = None,
    ) -> Task:
        """Read a Task and bind it, as strictly as the controller."""
        document = yaml.safe_load(path.read_text())
        spec = document["spec"]
        declared = {param["name"]: param.get("default") for param in spec.get("params", [])}
        bound = {**declared, **params}
        assert set(params) <= set(declared), f"unknown: {set(params) - set(declared)}"
        assert None not in bound.values(), f"missing: {[k for k, v in bound.items() if v is None]}"
        given = workspaces or {}
        for workspace in spec.get("workspaces", []):
            assert workspace["name"] in given or workspace.get("optional"), workspace["name"]
        return cls(spec, document["metadata"]["name"], bound, given)

    def arguments(self, step: Mapping[str, Any]) -> list[str]:
        """A step's arguments; an array that stands alone becomes its items."""
        found: list[str] = []
        for text in step.get("args", []):
            match = _ARRAY.fullmatch(text)
            value = self.params.get(match[1]) if match else None
            found += value if isinstance(value, list) else [self.substitute(text)]
        return found

    def environment(self, step: Mapping[str, Any]) -> dict[str, str]:
        """A step's environment."""
        return {e["name"]: self.substitute(e.get("value", "")) for e in step.get("env", [])}

    def substitute(self, text: str) -> str:
        """Replace variables; one that is not known is an error."""
        variables = self._variables()

        def value(match: re.Match[str]) -> str:
            assert match[1] in variables, f"not replaced: {match[0]}"
            return variables[match[1]]

        return _VARIABLE.sub(value, text)

    def mounts(self) -> list[str]:
        """The ``-v`` options of the bound workspaces."""
        paths = ((self.workspaces[w["name"]], _mount_path(w)) for w in self._bound())
        return [word for host, inside in paths for word in ("-v", f"{host}:{inside}")]

    def _bound(self) -> list[Mapping[str, Any]]:
        return [w for w in self.spec.get("workspaces", []) if w["name"] in self.workspaces]

    def _variables(self) -> dict[str, str]:
        variables = {"context.taskRun.name": "run-1", "context.task.name": self.name}
        variables |= {f"params.{k}": v for k, v in self.params.items() if isinstance(v, str)}
        for workspace in self.spec.get("workspaces", []):
            bound = workspace in self._bound()
            name = workspace["name"]
            variables[f"workspaces.{name}.path"] = _mount_path(workspace) if bound else ""
            variables[f"workspaces.{name}.bound"] = str(bound).lower()
        for result in self.spec.get("results", []):
            variables[f"results.{result['name']}.path"] = f"/tekton/results/{result['name']}"
        return variables


def run_task(
    task: Task,
    *,
    image: str = "",
    user: int | None = None,
    credentials: str = "",
    network: str = "none",
    docker_options: Sequence[str] = (),
) -> TaskRun:
    """Run a Task's steps, one after the other, until one fails."""
    with tempfile.TemporaryDirectory(prefix="tekton") as root:
        results, home = Path(root, "results"), Path(root, "home")
        for directory in (results, home):
            directory.mkdir()
            directory.chmod(0o777)
        if credentials:
            _write_credentials(home, credentials)
        shared = ["-v", f"{results}:/tekton/results", "-v", f"{home}:/tekton/home"]
        options = ["--network", network, *shared, "-e", "HOME=/tekton/home", *docker_options]
        logs: list[StepLog] = []
        for step in task.spec["steps"]:
            logs.append(_run_step(task, step, image, options, home=home, user=user))
            if logs[-1].status:
                break
        written = {path.name: path.read_text() for path in results.iterdir()}
    declared = [result["name"] for result in task.spec.get("results", [])]
    return TaskRun(
        results=written,
        missing=[name for name in declared if name not in written],
        undeclared=[name for name in written if name not in declared],
        logs=logs,
    )


def _run_step(
    task: Task,
    step: Mapping[str, Any],
    image: str,
    options: Sequence[str],
    *,
    home: Path,
    user: int | None,
) -> StepLog:
    template = task.spec.get("stepTemplate", {}).get("securityContext", {})
    security = {**template, **step.get("securityContext", {})}
    command = ["docker", "run", "--rm", *options, *task.mounts()]
    command += _security_options(security, home, user)
    if "workingDir" in step:
        command += ["-w", task.substitute(step["workingDir"])]
    for name, value in task.environment(step).items():
        command += ["-e", f"{name}={value}"]
    program = [task.substitute(word) for word in step.get("command", [])]
    if program:
        command += ["--entrypoint", program[0]]
    command += [image or task.substitute(step["image"]), *program[1:], *task.arguments(step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return StepLog(step["name"], done.returncode, done.stdout, done.stderr)


def _security_options(security: Mapping[str, Any], home: Path, user: int | None) -> list[str]:
    options: list[str] = []
    uid = security.get("runAsUser", user)
    if uid is not None:
        options += ["--user", str(uid)]
        for path in (home, *home.rglob("*")):
            shutil.chown(path, uid)
    if security.get("privileged"):
        options.append("--privileged")
    if security.get("readOnlyRootFilesystem"):
        options.append("--read-only")
    if security.get("allowPrivilegeEscalation") is False:
        options += ["--security-opt", "no-new-privileges"]
    capabilities = security.get("capabilities", {})
    for name in capabilities.get("drop", []):
        options += ["--cap-drop", name]
    for name in capabilities.get("add", []):
        options += ["--cap-add", name]
    return options


def _write_credentials(home: Path, text: str) -> None:
    directory = home / ".docker"
    directory.mkdir(mode=0o700)
    path = directory / "config.json"
    path.write_text(text)
    path.chmod(0o600)


def _mount_path(workspace: Mapping[str, Any]) -> str:
    return str(workspace.get("mountPath", f"/workspace/{workspace['name']}"))
