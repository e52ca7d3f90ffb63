"""Compile Python sources so that nothing is checked or written again at run time."""

import compileall
from pathlib import Path
from py_compile import PycInvalidationMode

from image.layout import Layout


def compile_all(folder: Path, layout: Layout) -> None:
    """Compile every source below a folder; each file names its source's place in the image."""
    compileall.compile_dir(
        folder,
        maxlevels=30,
        quiet=2,
        stripdir=str(layout.out),
        prependdir="/",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        workers=0,
    )
