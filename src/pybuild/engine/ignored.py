"""Paths that are no part of any layer (``--ignore-path``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pybuild.imagepath import ImagePath
from pybuild.placement.pattern import ComponentPattern


@dataclass(frozen=True, slots=True)
class IgnoredPaths:
    """Patterns, component by component; a path below a matching one is covered, too."""

    patterns: tuple[tuple[ComponentPattern, ...], ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> IgnoredPaths:
        """Read absolute paths whose components may be patterns (Go's ``filepath.Match``)."""
        return cls(
            tuple(
                tuple(ComponentPattern(part) for part in ImagePath.parse(text).relative.split(b"/"))
                for text in texts
            )
        )

    def covers(self, path: bytes) -> bool:
        """Whether a path of a tree is ignored."""
        parts = path.split(b"/")
        return any(
            len(pattern) <= len(parts)
            and all(one.matches(part) for one, part in zip(pattern, parts, strict=False))
            for pattern in self.patterns
        )


NOTHING_IGNORED = IgnoredPaths()
