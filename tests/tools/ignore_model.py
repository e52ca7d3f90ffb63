"""``.dockerignore`` once more: the rules of moby's ``patternmatcher`` read as they stand, each line
against each parent, to compare with what the project does.
"""

import posixpath
import re
from collections.abc import Sequence


def is_excluded(lines: Sequence[str], path: str) -> bool:
    """Whether a path is left out: the last line that matches it, or a directory above, decides."""
    parts = path.split("/")
    candidates = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    excluded = False
    for line in lines:
        pattern, includes = read(line)
        if pattern and any(matches(pattern, candidate) for candidate in candidates):
            excluded = not includes
    return excluded


def read(line: str) -> tuple[str, bool]:
    """A line's pattern, empty where it has none, and whether it takes back in."""
    if line.startswith("#"):
        return "", False
    text = line.strip()
    includes = text.startswith("!")
    text = text.removeprefix("!").strip()
    if not text:
        return "", includes
    text = posixpath.normpath(text)
    text = text.lstrip("/") if len(text) > 1 else text
    return ("" if text in {".", "/"} else text), includes


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern is a path's; a ``**`` before ordinary text alone asks for its end."""
    end = pattern[2:]
    if pattern.startswith("**") and end and not set(end) & set("*?[\\"):
        return path.endswith(end) or path == end.removeprefix("/")
    regex, rest = "", pattern
    while rest:
        if rest.startswith("**"):
            rest = rest[2:].removeprefix("/")
            regex += "(.*/)?" if rest else ".*"
        elif rest[0] == "*":
            regex, rest = regex + "[^/]*", rest[1:]
        elif rest[0] == "?":
            regex, rest = regex + "[^/]", rest[1:]
        elif rest[0] == "[":
            length = rest.index("]", 2) + 1
            regex, rest = f"{regex}(?!/){rest[:length]}", rest[length:]
        elif rest[0] == "\\" and len(rest) > 1:
            regex, rest = regex + re.escape(rest[1]), rest[2:]
        else:
            regex, rest = regex + re.escape(rest[0]), rest[1:]
    return re.fullmatch(regex, path, re.DOTALL) is not None
