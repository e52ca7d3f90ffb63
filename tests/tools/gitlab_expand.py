"""Expand a GitLab component's template as GitLab does: ``$[[ inputs.x ]]`` in parsed values.

A value that is nothing but one input keeps the input's type; inside a text it becomes text.
Functions (``expand_vars``, ``truncate``) are not known here, and an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

_INPUT = re.compile(r"\$\[\[\s*inputs\.([\w-]+)\s*\]\]")
_ANY = re.compile(r"\$\[\[.*?\]\]")
_MAX_INPUT_BYTES = 1024  # GitLab docs, "CI/CD inputs"
_TYPES = {"string": str, "boolean": bool, "number": (int, float), "array": list}


def load(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header's inputs and the body of a template."""
    header, body = yaml.safe_load_all(text)
    return header["spec"]["inputs"], body


def expand(text: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline that including a template with these inputs gives."""
    declared, body = load(text)
    unknown = set(given) - set(declared)
    if unknown:
        raise ValueError(f"unknown inputs: {sorted(unknown)}")
    values = {name: _value(name, spec or {}, given) for name, spec in declared.items()}
    return _replace(body, values)


def _value(name: str, spec: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    if name not in given and "default" not in spec:
        raise ValueError(f"input {name} is missing")
    value = given.get(name, spec.get("default"))
    kind = spec.get("type", "string")
    if not isinstance(value, _TYPES[kind]):
        raise TypeError(f"input {name} is not a {kind}: {value!r}")
    if isinstance(value, str) and len(value.encode()) >= _MAX_INPUT_BYTES:
        raise ValueError(f"input {name} is longer than GitLab allows")
    return value


def _replace(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {_replace(key, values): _replace(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_replace(item, values) for item in node]
    if not isinstance(node, str):
        return node
    whole = _INPUT.fullmatch(node)
    if whole:
        return values[whole[1]]
    text = _INPUT.sub(lambda match: _text(values[match[1]]), node)
    if _ANY.search(text):
        raise ValueError(f"not expanded: {text}")
    return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
