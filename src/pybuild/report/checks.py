"""Violations of checks as text, as docker's JSON, and as SARIF."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from pybuild.checks.rules import RULES, Rule, Violation
from pybuild.dockerfile.instructions import Dockerfile

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def check_lines(violations: Sequence[Violation], dockerfile: Dockerfile) -> tuple[str, ...]:
    """What ``docker build --check`` prints."""
    count = len(violations)
    if not count:
        return ("Check complete, no warnings found.",)
    found = "1 warning has been found!" if count == 1 else f"{count} warnings have been found!"
    lines = [f"Check complete, {found}"]
    for one in violations:
        link = f" - {one.rule.url}" if one.rule.url else ""
        lines += ["", f"WARNING: {one.rule.name}{link}", one.detail]
        lines += dockerfile.excerpt(one.location).splitlines()
    return tuple(lines)


def check_document(violations: Sequence[Violation], dockerfile: Dockerfile) -> dict[str, Any]:
    """What ``docker build --call check,format=json`` prints (BuildKit's ``lint.LintResults``)."""
    text = "\n".join(dockerfile.lines) + "\n"
    return {
        "warnings": [
            {
                "ruleName": one.rule.name,
                "description": one.rule.description,
                "url": one.rule.url,
                "detail": one.detail,
                "location": {
                    "ranges": [
                        {"start": {"line": number}, "end": {"line": number}}
                        for number in range(one.location.first_line, one.location.last_line + 1)
                    ]
                },
            }
            for one in violations
        ],
        "sources": [
            {
                "filename": dockerfile.file,
                "language": "Dockerfile",
                "data": base64.b64encode(text.encode(errors="surrogateescape")).decode(),
            }
        ],
    }


def sarif_document(
    violations: Sequence[Violation], dockerfile: Dockerfile, version: str
) -> dict[str, Any]:
    """A log of one run of this version (SARIF 2.1.0, sections 3.14 and 3.27)."""
    names = list(dict.fromkeys(one.rule.name for one in violations))
    driver = {
        "name": "pybuild",
        "version": version,
        "rules": [_sarif_rule(RULES[name]) for name in names],
    }
    results = [
        {
            "ruleId": one.rule.name,
            "ruleIndex": names.index(one.rule.name),
            "level": "warning",
            "message": {"text": one.detail},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": dockerfile.file},
                        "region": {
                            "startLine": one.location.first_line,
                            "endLine": one.location.last_line,
                        },
                    }
                }
            ],
        }
        for one in violations
    ]
    run = {"tool": {"driver": driver}, "results": results}
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    described = {"id": rule.name, "shortDescription": {"text": rule.description}}
    return {**described, "helpUri": rule.url} if rule.url else described
