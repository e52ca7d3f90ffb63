"""Every ``--output`` and ``--load``: which exporter writes it, and from which bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pybuild.archive.compression import decompress
from pybuild.archive.sources import blamed_first
from pybuild.engine.deliver import layer_bytes
from pybuild.engine.image import BuiltImage
from pybuild.engine.tools import Tools
from pybuild.errors import UsageError
from pybuild.layers import whiteouts
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Reference
from pybuild.ports import ChainLayer
from pybuild.request import Output
from pybuild.store.daemon import load
from pybuild.store.export import ExportImage, export_docker, export_oci
from pybuild.store.files_directory import export_local
from pybuild.store.files_tar import export_tar


class Outputs:
    """Writes one image wherever it is asked for.

    Every method raises StateError where the place cannot be written, and IntegrityError where a
    layer is not what it should be; nothing new is at the place then.
    """

    def __init__(
        self,
        image: BuiltImage,
        tags: tuple[Reference, ...],
        tools: Tools,
        stdout: BinaryIO | None = None,
    ) -> None:
        self._image = image
        self._tags = tags
        self._tools = tools
        self._stdout = stdout
        self._layers = {layer.descriptor.digest: layer for layer in image.layers}

    def write(self, output: Output) -> None:
        """Write one export.

        Raises:
            UsageError: It goes to standard output, and there is none.
        """
        where = output.destination or "on standard output"
        destination = output.destination or self._stdout
        if destination is None:
            raise UsageError(
                f"type={output.kind} cannot be written to standard output here",
                hint="name the file to write: dest=FILE",
            )
        with self._tools.progress.vertex(f"exporting to {output.kind} {where}"):
            match output.kind, destination:
                case "docker", _:
                    self._docker(destination)
                case "tar", _:
                    export_tar(self._tars(), destination, decode=whiteouts.decode)
                case "local", Path():
                    self._local(destination)
                case _:
                    self._oci(output, destination)

    def load(self, socket: Path) -> None:
        """Load the image into a Docker daemon.

        Raises:
            HostUnsupported: No daemon answers.
        """
        with self._tools.progress.vertex(f"loading into the daemon at {socket}") as vertex:
            said = load(self._exported(), socket, tags=self._tags, open_blob=self._blob)
            for line in said.splitlines():
                vertex.line(line)

    def _docker(self, destination: Path | BinaryIO) -> None:
        export_docker(self._exported(), destination, tags=self._tags, open_blob=self._blob)

    def _oci(self, output: Output, destination: Path | BinaryIO) -> None:
        export_oci(
            self._exported(),
            destination,
            tar=output.tar,
            tags=self._tags if output.named else (),
            open_blob=self._blob,
        )

    def _local(self, destination: Path) -> None:
        export_local(self._tars(), destination, decode=whiteouts.decode, warn=self._warn)

    def _warn(self, text: str) -> None:
        self._tools.progress.warn("OutputFidelity", text)

    def _exported(self) -> ExportImage:
        image = self._image
        return ExportImage(
            image.descriptor,
            image.manifest.to_bytes(),
            image.manifest.config,
            image.config,
            image.manifest.layers,
        )

    def _blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return layer_bytes(self._layers[descriptor.digest], self._tools)

    def _tars(self) -> list[Callable[[], Iterator[bytes]]]:
        def opener(layer: ChainLayer) -> Callable[[], Iterator[bytes]]:
            return lambda: _unpacked(layer_bytes(layer, self._tools))

        return [opener(layer) for layer in self._image.layers]


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    with blamed_first(pieces) as packed:
        yield from decompress(packed)
