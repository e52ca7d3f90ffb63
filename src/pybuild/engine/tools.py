"""What the engine drives: ports, and the values that hold for the whole build."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pybuild.dockerfile.instructions import Dockerfile
from pybuild.engine.ignored import NOTHING_IGNORED, IgnoredPaths
from pybuild.engine.progress import Progress
from pybuild.layers.compression import GZIP, Compression
from pybuild.ports import (
    PLAIN_SANDBOX,
    BlobStore,
    CacheMounts,
    Registry,
    Remotes,
    Rootfs,
    Sandbox,
    StepCache,
)


@dataclass(frozen=True, slots=True)
class Tools:
    """The ports of one build.

    Attributes:
        cache: None where no step cache is used.
        remotes: Fetches what ADD names by URL.
        cache_mounts: Where ``RUN --mount=type=cache`` keeps its directories.
        scratch: A directory for what RUNs see of contexts; removed after the build.
        stopping: Set when the build has failed: whoever moves bytes for it gives up.
    """

    rootfs: Rootfs
    store: BlobStore
    registry: Registry
    cache: StepCache | None
    progress: Progress
    remotes: Remotes | None = None
    cache_mounts: CacheMounts | None = None
    scratch: Path | None = None
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
    """What steps read besides the ports.

    Attributes:
        sandbox: What is around every RUN.
        secrets: Values of ``RUN --mount=type=secret``, by id.
        ssh: Sockets of agents for ``RUN --mount=type=ssh``, by id.
    """

    dockerfile: Dockerfile
    times: Times
    compression: Compression = GZIP
    ignored: IgnoredPaths = NOTHING_IGNORED
    sandbox: Sandbox = PLAIN_SANDBOX
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    ssh: Mapping[str, Path] = field(default_factory=dict)
