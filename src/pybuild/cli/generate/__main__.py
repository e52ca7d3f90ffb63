"""Write the generated files, or check them: ``python -m pybuild.cli.generate [--check] [ROOT]``."""

from __future__ import annotations

import sys
from pathlib import Path

from pybuild.cli.generate.documents import documents


def generate(root: Path, *, check: bool) -> list[str]:
    """Write every generated file below a checkout; the answer is those that differed."""
    stale: list[str] = []
    for name, text in documents(root).items():
        path = root / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return stale


def main() -> int:
    """Run from the command line."""
    arguments = sys.argv[1:]
    check = "--check" in arguments
    roots = [argument for argument in arguments if argument != "--check"] or ["."]
    stale = generate(Path(roots[0]), check=check)
    for name in stale:
        sys.stdout.write(f"{'stale' if check else 'wrote'} {name}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
