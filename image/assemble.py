"""Assemble the prefix around the installed packages, and the root of links beside it."""

import shutil
import sys
from pathlib import Path

from image import launcher
from image.bytecode import compile_all
from image.closure import close_prefix
from image.layout import PREFIX, Layout
from image.programs import copy_programs
from image.python import copy_python
from image.root import make_root

# -I: neither the environment nor the current folder steers the interpreter. -B: nothing is
# written beside the sources. -S: the launcher first sees to signals, then to `site`.
SHEBANG = f"#!{PREFIX}/libexec/pybuild -IBS\n"


def main(site: Path, out: Path) -> None:
    """Assemble everything but the program's own package."""
    layout = Layout(out)
    shutil.rmtree(out, ignore_errors=True)

    copy_python(site, layout)
    copy_programs(layout)
    close_prefix(layout)
    make_root(layout)

    program = layout.bin / "pybuild"
    program.write_text(SHEBANG + Path(launcher.__file__).read_text())
    program.chmod(0o755)

    compile_all(layout.stdlib, layout)
    check_links(layout)


def check_links(layout: Layout) -> None:
    """Refuse a link that leads out of the prefix: another image's file would stand at its end."""
    for path in layout.prefix.rglob("*"):
        if path.is_symlink():
            target = str(path.readlink())
            if target.startswith("/") and not target.startswith(f"{PREFIX}/"):
                raise SystemExit(f"{path}: the link leads to {target}, out of the prefix")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
