"""What the engine drives: ports, and the values that hold for the whole build."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from pybuild.dockerfile.instructions import Dockerfile
from pybuild.engine.ignored import NOTHING_IGNORED, IgnoredPaths
from pybuild.engine.progress import Progress
from pybuild.layers.compression import GZIP, Compression
from pybuild.ports import BlobStore, Registry, Rootfs, StepCache


@dataclass(frozen=True, slots=True)
class Tools:
    """The ports of one build.

    Attributes:
        cache: None where no step cache is used.
        stopping: Set when the build has failed: whoever moves bytes for it gives up.
    """

    rootfs: Rootfs
    store: BlobStore
    registry: Registry
    cache: StepCache | None
    progress: Progress
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a build, in seconds since 1970.

    Attributes:
        now: When the build began; ``created`` of what runs in it.
        placed_limit: The latest time of a placed file, or None for no limit.
        rewrite_to: The latest time of a RUN's file (``--rewrite-timestamp``), or None.
    """

    now: int
    placed_limit: int | None
    rewrite_to: int | None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What steps read besides the ports."""

    dockerfile: Dockerfile
    times: Times
    compression: Compression = GZIP
    ignored: IgnoredPaths = NOTHING_IGNORED
