"""Goldens: what the oracle made of each case, one JSON file a case."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

GOLDENS = Path(__file__).parent / "goldens"


def path(name: str) -> Path:
    """Where the golden of a case stands."""
    return GOLDENS / f"{name}.json"


def all_paths() -> Iterator[Path]:
    """All goldens."""
    return GOLDENS.rglob("*.json")


def read(name: str) -> dict[str, Any]:
    """The golden of a case, the oracle's name under ``oracle``."""
    return json.loads(path(name).read_text())


def write(name: str, value: Mapping[str, Any]) -> None:
    """Write a golden so that people can read it: a line for each entry."""
    place = path(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(lines(value) + "\n")


def lines(value: Mapping[str, Any]) -> str:
    """JSON with two levels broken into lines."""
    fields = [f"  {json.dumps(name)}: {block(field)}" for name, field in value.items()]
    return "{\n" + ",\n".join(fields) + "\n}"


def block(value: Any) -> str:
    """A field, with a line for each of its entries."""
    match value:
        case {**entries} if entries:
            body = [f"    {json.dumps(name)}: {compact(entry)}" for name, entry in entries.items()]
            return "{\n" + ",\n".join(body) + "\n  }"
        case [*entries] if entries:
            return "[\n" + ",\n".join(f"    {compact(entry)}" for entry in entries) + "\n  ]"
        case _:
            return compact(value)


def compact(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def differences(golden: Any, ours: Any, place: str = "") -> Iterator[str]:
    """Where two observations differ, a line for each place."""
    match golden, ours:
        case dict(), dict():
            for name in sorted({*golden, *ours}, key=str):
                below = f"{place}[{name}]"
                yield from differences(golden.get(name, "-"), ours.get(name, "-"), below)
        case list(), list() if len(golden) == len(ours):
            for number, (one, other) in enumerate(zip(golden, ours, strict=True)):
                yield from differences(one, other, f"{place}[{number}]")
        case _ if golden != ours:  # in this order: a deviation may be equal to all
            yield f"{place}: BuildKit {compact(golden)}, ours {compact(ours)}"
