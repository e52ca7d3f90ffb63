"""Targets and outlines as docker prints them: tables, or JSON (BuildKit's ``subrequests``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pybuild.checks.outline import Mounted, Outline, Target
from pybuild.dockerfile.location import Location


def target_lines(found: Iterable[Target]) -> tuple[str, ...]:
    """A table of targets."""
    rows = [
        (f"{one.name} (default)".strip() if one.is_default else one.name, one.description)
        for one in found
    ]
    return tuple(_table([("TARGET", "DESCRIPTION"), *rows]))


def target_document(found: Iterable[Target]) -> dict[str, Any]:
    """The targets as JSON."""
    return {"targets": [_without_empty(_target(one)) for one in found]}


def outline_lines(outline: Outline) -> tuple[str, ...]:
    """Tables of what a target can be given."""
    lines = [f"TARGET:      {outline.name or 'default'}"]
    if outline.description:
        lines.append(f"DESCRIPTION: {outline.description}")
    arguments = [(one.name, one.value, one.description) for one in outline.arguments]
    tables: list[tuple[tuple[str, ...], Sequence[tuple[str, ...]]]] = [
        (("BUILD ARG", "VALUE", "DESCRIPTION"), arguments),
        (("SECRET", "REQUIRED"), [_required(one) for one in outline.secrets]),
        (("SSH", "REQUIRED"), [_required(one) for one in outline.agents]),
        (("CACHE MOUNT",), [(one.name,) for one in outline.caches]),
    ]
    for head, rows in tables:
        if rows:
            lines += ["", *_table([head, *rows])]
    return tuple(lines)


def outline_document(outline: Outline) -> dict[str, Any]:
    """An outline as JSON."""
    return _without_empty(
        {
            "name": outline.name,
            "description": outline.description,
            "args": [
                _without_empty(
                    {
                        "name": one.name,
                        "description": one.description,
                        "value": one.value,
                        "location": _location(one.location),
                    }
                )
                for one in outline.arguments
            ],
            "secrets": [_mounted(one) for one in outline.secrets],
            "ssh": [_mounted(one) for one in outline.agents],
            "cache": [
                {"ID": one.name, "location": _location(one.location)} for one in outline.caches
            ],
        }
    )


def _target(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "default": target.is_default,
        "description": target.description,
        "base": target.base,
        "platform": target.platform,
        "location": _location(target.location),
    }


def _mounted(one: Mounted) -> dict[str, Any]:
    document = {"name": one.name, "required": one.required, "location": _location(one.location)}
    return _without_empty(document)


def _required(one: Mounted) -> tuple[str, ...]:
    return one.name, "true" if one.required else ""


def _location(location: Location) -> dict[str, Any]:
    lines = range(location.first_line, location.last_line + 1)
    return {"ranges": [{"start": {"line": n}, "end": {"line": n}} for n in lines]}


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value}


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    gap = 3
    return [
        "".join(cell.ljust(width + gap) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
