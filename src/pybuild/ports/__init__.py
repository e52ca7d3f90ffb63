"""The Protocols between the engine and what it drives; the engine knows these, not adapters."""

from pybuild.ports.blobs import BlobStore, BlobWriter
from pybuild.ports.cache import CacheEntry, CacheMounts, ChainLayer, StepCache
from pybuild.ports.process import (
    PLAIN_SANDBOX,
    Access,
    EmptyMount,
    FileMount,
    HostMount,
    Limit,
    Mount,
    Process,
    Sandbox,
    SocketMount,
)
from pybuild.ports.registry import Registry, ResolvedImage
from pybuild.ports.rootfs import Prove, Rootfs, StageTree
from pybuild.ports.sources import (
    ContextSource,
    FetchedContext,
    FetchedRemote,
    Remotes,
    RemoteSource,
)

__all__ = [
    "PLAIN_SANDBOX",
    "Access",
    "BlobStore",
    "BlobWriter",
    "CacheEntry",
    "CacheMounts",
    "ChainLayer",
    "ContextSource",
    "EmptyMount",
    "FetchedContext",
    "FetchedRemote",
    "FileMount",
    "HostMount",
    "Limit",
    "Mount",
    "Process",
    "Prove",
    "Registry",
    "RemoteSource",
    "Remotes",
    "ResolvedImage",
    "Rootfs",
    "Sandbox",
    "SocketMount",
    "StageTree",
    "StepCache",
]
