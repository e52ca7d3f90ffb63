"""How long ``.dockerignore`` takes: many patterns over many files, without touching the disk.

    .venv/bin/python bench/ignore.py [--patterns 1000] [--files 100000]

Each row is one kind of pattern, then all of them mixed; files are asked for in the order of a walk.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

from pybuild.dockerfile.ignore import IgnorePatterns

KINDS: dict[str, Callable[[int], str]] = {
    "a/b literal": lambda n: f"dir{n % 300}/sub{n}/file",
    "*.ext": lambda n: f"*.e{n}x",
    "**/*.ext": lambda n: f"**/*.e{n}x",
    "**/name": lambda n: f"**/cache{n}",
    "a/**": lambda n: f"gone{n}/**",
    "a/*.ext": lambda n: f"dir{n}/*.o",
    "**/name*": lambda n: f"**/tmp{n}-*",
    "*/*name*": lambda n: f"*/*part{n}z*",
    "!a/**/name": lambda n: f"!dir{n}/**/keep{n}" if n else "*",
    "!**/name": lambda n: f"!**/keep{n}" if n else "*",
}


def files(count: int) -> Iterator[bytes]:
    """Paths as a walk gives them: directories first, then what is in them."""
    for number in range(count):
        top, middle = number // 1000, number // 50
        if number % 1000 == 0:
            yield b"dir%d" % top
        if number % 50 == 0:
            yield b"dir%d/sub%d" % (top, middle)
        yield b"dir%d/sub%d/file-%d.c" % (top, middle, number)


def measure(patterns: list[str], paths: list[bytes]) -> tuple[float, int]:
    begun = time.perf_counter()
    ignore = IgnorePatterns.parse("\n".join(patterns))
    excluded = 0
    for path in paths:
        if ignore.excludes(path):
            excluded += 1
            ignore.may_reinclude_below(path)
    return time.perf_counter() - begun, excluded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=1_000)
    parser.add_argument("--files", type=int, default=100_000)
    given = parser.parse_args()
    paths = list(files(given.files))
    print(f"{given.patterns} patterns, {len(paths)} paths")
    tables = {kind: [make(n) for n in range(given.patterns)] for kind, make in KINDS.items()}
    plain = [make for kind, make in KINDS.items() if not kind.startswith("!")]
    tables["mixed"] = [plain[n % len(plain)](n) for n in range(given.patterns)]
    for kind, patterns in tables.items():
        seconds, excluded = measure(patterns, paths)
        print(f"{kind:12} {seconds:7.2f} s  {excluded} excluded", flush=True)


if __name__ == "__main__":
    main()
