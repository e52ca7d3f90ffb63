"""Run a workflow by act, a GitHub runner of its own, with real containers and without GitHub.

Steps that use ``actions/checkout`` are served from the local clone: act downloads it for other
repositories only.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.services import daemon
from tools.services.programs import program

JOB_IMAGE = "debian:bookworm-slim"


@dataclass(frozen=True)
class WorkflowRun:
    """What act tells of a run: a record for each line of its log."""

    status: int
    records: list[Mapping[str, Any]]

    @property
    def text(self) -> str:
        """What people would see."""
        return "\n".join(str(record.get("msg", "")).rstrip() for record in self.records)

    @property
    def step_results(self) -> dict[str, str]:
        """How each step with an id ended."""
        ended = (record for record in self.records if "stepResult" in record)
        return {record["stepID"][0]: record["stepResult"] for record in ended if "stepID" in record}

    @property
    def outputs(self) -> dict[str, str]:
        """All outputs that steps have set."""
        return {record["name"]: record["arg"] for record in self.commands("set-output")}

    @property
    def summary(self) -> str:
        """The job's summary."""
        return "".join(record["content"] for record in self.commands("summary"))

    def commands(self, name: str) -> list[Mapping[str, Any]]:
        """The workflow commands of a kind."""
        return [record for record in self.records if record.get("command") == name]


def run_workflow(clone: Path, home: Path) -> WorkflowRun:
    """Run the workflows of a committed clone that a push starts.

    Args:
        clone: A git repository; what is not committed is there too.
        home: A directory for act's own files, empty so that it has downloaded nothing.
    """
    command = [
        *(str(program("act")), "push", "--json", "--rm"),
        *("--platform", f"ubuntu-latest={JOB_IMAGE}", "--pull=false", "--network", "host"),
    ]
    own = {"HOME": str(home), "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""}
    done = subprocess.run(
        command,
        cwd=clone,
        env={**os.environ, **own, "DOCKER_HOST": f"unix://{daemon.SOCKET}"},
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr
    return WorkflowRun(done.returncode, [json.loads(line) for line in lines])
