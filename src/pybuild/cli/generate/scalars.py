"""Scalars of YAML."""

from __future__ import annotations

import json

HEADER = "# Made from src/pybuild/settings by python -m pybuild.cli.generate; do not edit.\n"


def quoted(text: str) -> str:
    """A scalar in double quotes: JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)


def sentence(text: str) -> str:
    """Help as plain text: no back-ticks, which only Markdown reads."""
    return text.replace("`", "")
