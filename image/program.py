"""Add the program's own package to an assembled prefix."""

import shutil
import sys
from pathlib import Path

from image.bytecode import compile_all
from image.layout import Layout


def main(program: Path, out: Path) -> None:
    """Copy what pip installed, without the console script: `bin/pybuild` is ours."""
    layout = Layout(out)
    shutil.copytree(
        program,
        layout.packages,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("bin", "__pycache__"),
    )
    compile_all(layout.packages / "pybuild", layout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
