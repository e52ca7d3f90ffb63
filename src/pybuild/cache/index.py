"""``index.json`` of a cache directory: which manifest each key has (image-layout.md).

Builds share the directory. Whoever changes the index reads, changes and replaces it under a lock;
readers see one whole version. Where the file system has no locks, one of two changes at the same
moment may be lost: an entry that is then a miss.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pybuild.archive.disk import disk_errors
from pybuild.digest import Digest, hex_of
from pybuild.errors import IntegrityError
from pybuild.oci import media
from pybuild.oci.document import Node
from pybuild.oci.manifest import Descriptor

_FILE = "index.json"
_NEW = ".index-new"
_LOCK = ".index-lock"
_NAME = "org.opencontainers.image.ref.name"  # image-spec annotations.md
_KEY = re.compile(r"[0-9a-f]{64}")
_LARGEST = 64 << 20  # bytes; it is held in memory
_MODE = 0o644
_LOCK_MODE = 0o666


@dataclass(frozen=True, slots=True)
class Contents:
    """What an index names.

    Attributes:
        steps: The manifest of each step, by key.
        others: What others have put there, as it stands; it is kept so.
    """

    steps: Mapping[Digest, Descriptor]
    others: tuple[Node, ...] = ()


_NOTHING = Contents(MappingProxyType({}))


class LayoutIndex:
    """The index of one directory; safe to use from many threads and processes.

    Args:
        root: The directory; it may be missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._seen: tuple[tuple[int, int, int], Contents] | None = None

    def read(self) -> Contents:
        """What it names now; read again only where it was replaced.

        Raises:
            IntegrityError: It is damaged.
            StateError: It cannot be read.
        """
        path = self._root / _FILE
        with disk_errors(f"cannot read {path}"), self._lock:
            try:
                status = path.stat()
            except FileNotFoundError:
                return _NOTHING
            version = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._seen is None or self._seen[0] != version:
                self._seen = (version, _parsed(path))
            return self._seen[1]

    def put(self, key: Digest, manifest: Descriptor) -> None:
        """Name a manifest; one of the same key is not named any more.

        Raises:
            StateError: The disk refuses.
        """
        self._change(lambda steps: {**steps, key: manifest})

    def remove(self, gone: Mapping[Digest, Digest]) -> None:
        """Take steps out: by key, the digest of the manifest that is meant, and no newer one.

        Raises:
            StateError: The disk refuses.
        """

        def change(steps: Mapping[Digest, Descriptor]) -> dict[Digest, Descriptor]:
            return {key: one for key, one in steps.items() if gone.get(key) != one.digest}

        self._change(change)

    def _change(
        self, change: Callable[[Mapping[Digest, Descriptor]], Mapping[Digest, Descriptor]]
    ) -> None:
        with disk_errors(f"cannot change the index of {self._root}"), self._alone():
            now = _NOTHING
            # What a power failure has left is no index: it is begun anew.
            with suppress(IntegrityError, FileNotFoundError):
                now = _parsed(self._root / _FILE)
            changed = Contents(change(now.steps), now.others)
            self._replace(_written(changed))

    def _replace(self, data: bytes) -> None:
        new = self._root / _NEW
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(new, flags, _MODE)
        with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
            file.write(data)
        new.replace(self._root / _FILE)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        fd = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _LOCK_MODE)
        try:
            with suppress(OSError):  # a file system without locks: see above
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _parsed(path: Path) -> Contents:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise IntegrityError(f"{path} is larger than {_LARGEST >> 20} MiB")
    steps: dict[Digest, Descriptor] = {}
    others: list[Node] = []
    for node in Node.parse(data, str(path))["manifests"].items():
        key = _key(node)
        if key is None:
            others.append(node)
        else:
            steps[key] = Descriptor.from_node(node)
    return Contents(MappingProxyType(steps), tuple(others))


def _key(node: Node) -> Digest | None:
    """The key of an entry of ours; None for whatever else is there."""
    try:
        name = node["annotations"].text_map().get(_NAME, "")
        is_step = node["artifactType"].text(default="") == media.CACHE_STEP
        Descriptor.from_node(node)
    except IntegrityError:
        return None
    return Digest(f"sha256:{name}") if is_step and _KEY.fullmatch(name) else None


def _written(contents: Contents) -> bytes:
    manifests = [node.value for node in contents.others]
    manifests += [_step(key, one) for key, one in contents.steps.items()]
    document = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": manifests}
    # In ASCII: what others have put there may hold what UTF-8 has not.
    return json.dumps(document, separators=(",", ":")).encode()


def _step(key: Digest, manifest: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.size_bytes,
        "artifactType": media.CACHE_STEP,
        "annotations": {_NAME: hex_of(key)},
    }
