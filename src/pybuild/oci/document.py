"""Read JSON with errors that carry the path in the document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pybuild.errors import IntegrityError


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value and where it stands: every getter checks the type it promises.

    Attributes:
        value: What ``json.loads`` gave.
        path: Where, as ``manifest localhost:5000/a/b: layers[2].size``.
    """

    value: Any
    path: str

    @classmethod
    def parse(cls, data: bytes, source: str) -> Node:
        """Parse a document; source names it in errors.

        Raises:
            IntegrityError: data is not JSON in UTF-8.
        """
        try:
            return cls(json.loads(data.decode()), source + ": ")
        except (ValueError, RecursionError) as error:
            raise IntegrityError(f"{source} is not JSON: {error}") from None

    def fail(self, expected: str) -> IntegrityError:
        """The error for a value that is not what it should be."""
        return IntegrityError(f"{self.path.rstrip(': ')} is not {expected}")

    def has(self, key: str) -> bool:
        """Whether key is there and not null."""
        return isinstance(self.value, Mapping) and self.value.get(key) is not None

    def __getitem__(self, key: str) -> Node:
        if not isinstance(self.value, Mapping):
            raise self.fail("an object")
        separator = "" if self.path.endswith(": ") else "."
        return Node(self.value.get(key), f"{self.path}{separator}{key}")

    def items(self) -> list[Node]:
        """The elements of an array; absent and null are an empty one."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.fail("an array")
        return [Node(value, f"{self.path}[{index}]") for index, value in enumerate(self.value)]

    def members(self) -> dict[str, Node]:
        """The members of an object; absent and null are an empty one."""
        if self.value is None:
            return {}
        if not isinstance(self.value, Mapping):
            raise self.fail("an object")
        return {str(key): self[str(key)] for key in self.value}

    def text(self, default: str | None = None) -> str:
        """A string, or default where the value is absent."""
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, str):
            raise self.fail("a string")
        return self.value

    def number(self, default: int | None = None) -> int:
        """An integer, or default where the value is absent."""
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.fail("an integer")
        return self.value

    def flag(self) -> bool:
        """A boolean; absent is false."""
        return bool(self.value)

    def texts(self) -> tuple[str, ...]:
        """An array of strings; absent is an empty one."""
        return tuple(item.text() for item in self.items())

    def text_map(self) -> dict[str, str]:
        """An object whose values are strings; absent is an empty one."""
        return {key: node.text() for key, node in self.members().items()}


def encode(document: Mapping[str, Any]) -> bytes:
    """Compact JSON with keys in the order given; the same value always gives the same bytes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
