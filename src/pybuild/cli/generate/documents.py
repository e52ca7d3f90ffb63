"""Every generated file by its path in the repository."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pybuild.cli.generate.action import action
from pybuild.cli.generate.gitlab import template
from pybuild.cli.generate.reference import reference
from pybuild.cli.generate.tekton import task

IMAGE = "ghcr.io/org/pybuild"
TEKTON_VERSION = "0.1"


def documents(root: Path) -> Mapping[str, str]:
    """The text of every generated file, for the version that ``pyproject.toml`` names."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    image = f"{IMAGE}:{project['version']}"
    return {
        "action.yml": action(project["description"]),
        "gitlab/templates/pybuild/template.yml": template(image),
        f"tekton/task/pybuild/{TEKTON_VERSION}/pybuild.yaml": task(image, TEKTON_VERSION),
        "docs/reference.md": reference(),
    }
