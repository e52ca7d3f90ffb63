"""A Dockerfile on standard input, beside a context that comes from elsewhere (``--file -``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pybuild.archive.disk import disk_errors
from pybuild.context.inside import LARGEST_TEXT_BYTES
from pybuild.errors import ContextError
from pybuild.ports import ContextSource, FetchedContext

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class PipedDockerfile:
    """A context whose Dockerfile is not in it, but on a stream, which is read once."""

    files: ContextSource
    stream: BinaryIO

    def fetch(self, into: Path) -> FetchedContext:
        """Read the stream, and fetch the files.

        Raises:
            ContextError: Nothing comes, or the files cannot be had or are a Dockerfile themselves.
        """
        if self.stream.isatty():
            raise ContextError(
                "the Dockerfile is standard input, which is a terminal",
                hint="pipe it in: pybuild build --file - . < Dockerfile",
            )
        data = self.stream.read(LARGEST_TEXT_BYTES + 1)  # one too many is refused when it is read
        if not data:
            raise ContextError(
                "the Dockerfile is standard input, and nothing came",
                hint="pipe it in; docker run needs -i, kubectl run --stdin",
            )
        dockerfile, files = into / "Dockerfile", into / "files"
        with disk_errors(f"cannot write {dockerfile}"):
            dockerfile.write_bytes(data)
            files.mkdir()
        context = self.files.fetch(files)
        if context.dockerfile is not None:
            raise ContextError(
                "there are two Dockerfiles: the context is one, and standard input is one",
                hint="leave out --file, or give a directory or an archive as the context",
            )
        return replace(context, dockerfile=dockerfile)
