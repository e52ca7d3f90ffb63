"""Write the files of an image as one tar (``--output type=tar``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pybuild.archive import writer
from pybuild.store.destination import new_file
from pybuild.store.files import Decode, ImageFiles, OpenLayer


def export_tar(
    layers: Sequence[OpenLayer], destination: Path | BinaryIO, *, decode: Decode
) -> None:
    """Write one tar with all that the layers leave, without whiteouts, the root left out.

    Files come first, in the order of the layers, then all else, and directories last, the deepest
    first: so their modes and times hold with every program that unpacks the tar, also with those
    (GNU tar) that set them as soon as another directory follows. The same layers always give the
    same bytes. Memory is constant in the size of files.

    Args:
        layers: The image's, the first at the bottom.
        destination: A file, replaced where it exists, or a stream.
        decode: ``layers.whiteouts.decode``.

    Raises:
        StateError: The destination cannot be written.
        IntegrityError: A layer is damaged. Nothing new is at the destination then.
    """
    files = ImageFiles(layers, decode)
    with new_file(destination) as file:
        for entry, pieces in files.contents():
            file.write(writer.header(entry))
            for piece in pieces:
                file.write(piece)
            file.write(writer.padding(entry.size))
        for entry in files.others():
            file.write(writer.header(entry))
        for entry in reversed(files.directories()):
            file.write(writer.header(entry))
        file.write(writer.END)
