"""A build that does nothing: what front ends are tested with."""

from __future__ import annotations

from pybuild.digest import sha256_of
from pybuild.events import (
    BuildWarning,
    Debug,
    VertexDone,
    VertexFailed,
    VertexLog,
    VertexStarted,
)
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor
from pybuild.request import BuildResult, StepReport

DIGEST = sha256_of(b"manifest")
IMAGE_ID = sha256_of(b"config")
TITLE = "[1/1] RUN make"


class FakeBuild:
    """Takes the place of the engine: remembers the request, then returns or raises.

    Args:
        error: What to raise.
        says: Lines that its only step prints.
        warns: A warning it emits at the end.
    """

    def __init__(
        self,
        error: BaseException | None = None,
        says: tuple[str, ...] | list[str] = (),
        warns: BuildWarning | None = None,
    ) -> None:
        self.request = None
        self.error = error
        self.says = says
        self.warns = warns

    def __call__(self, request, emit, _stdin, stdout):
        self.request = request
        if stdout is not None:
            stdout.write(b"the archive")
        emit(Debug("a detail"))
        emit(VertexStarted(1, TITLE, 0.0))
        for line in self.says:
            emit(VertexLog(1, 0.5, line))
        if self.error:
            emit(VertexFailed(1, 1.0, str(self.error)))
            raise self.error
        emit(VertexDone(1, 1.0))
        if self.warns:
            emit(self.warns)
        return BuildResult(
            digest=DIGEST,
            image_id=IMAGE_ID,
            manifest=Descriptor(media.OCI_MANIFEST, DIGEST, 9),
            size_bytes=5,
            layers=(),
            steps=(StepReport(TITLE, False, 1.0),),
            tags=request.tags,
            pushed=request.tags if request.push else (),
            seconds=1.0,
        )

    def plan(self, request, _emit, _stdin):
        """Take the place of a dry run."""
        self.request = request
        return "the plan\n"
