"""The step cache over any number of places: asked in order, written to all, and never an error."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from pybuild.cache.entry import About
from pybuild.cache.place import Place
from pybuild.digest import Digest
from pybuild.errors import BlobMissing, IntegrityError, PybuildError, RegistryError, StateError
from pybuild.events import BuildWarning, Debug, Emit
from pybuild.ports import CacheEntry

AT_ONCE = 16
"""Look-ups under way at the same time; the transport pools as many connections to a host."""

_LONGEST_REASON = 300
_NOTHING: Mapping[str, str] = MappingProxyType({})


class StepPlaces:
    """Results of steps in repositories and directories (``ports.StepCache``).

    Nothing here fails a build. A place that cannot be used is warned about once, and is then left
    alone for the rest of the build, for reading or for writing. An entry that cannot be understood
    is a miss: the first is warned about, the others are told to those who ask for details.

    Args:
        read: Asked in this order; the first that has an entry wins.
        write: Each gets every entry.
        emit: Gets the warnings.
    """

    def __init__(self, read: Sequence[Place], write: Sequence[Place], emit: Emit) -> None:
        self._read = tuple(read)
        self._write = tuple(write)
        self._emit = emit
        self._left_alone: set[tuple[str, str]] = set()
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self._found: dict[Digest, Place] = {}

    @property
    def found(self) -> Mapping[Digest, Place]:
        """Where each entry was that look-ups have found."""
        return self._found

    def look_up(self, keys: Sequence[Digest]) -> dict[Digest, CacheEntry]:
        """Ask for all keys at once; those that miss are not in the answer."""
        wanted = tuple(dict.fromkeys(keys))
        if not wanted or not self._read:
            return {}
        with ThreadPoolExecutor(min(AT_ONCE, len(wanted)), "cache-look-up") as pool:
            found = pool.map(self._find, wanted)
            return {key: entry for key, entry in zip(wanted, found, strict=True) if entry}

    def save(
        self,
        key: Digest,
        entry: CacheEntry,
        title: str,
        *,
        seconds: float | None = None,
        parts: Mapping[str, str] = _NOTHING,
    ) -> None:
        """Keep a step's result in every place that is written to.

        Args:
            key: What it will be found by.
            entry: Its last layer is in the local store or in its repository.
            title: The step, for people.
            seconds: How long it took, for people.
            parts: What the key is made of, by name, for people.
        """
        about = About(title, seconds, parts)
        for place in self._write:
            if self._is_left_alone("write", place):
                continue
            try:
                place.keep(key, entry, about)
            except BlobMissing as error:
                self._not_saved(title, place, error)
            except RegistryError as error:
                self._leave_alone("write", place, error)
            except (PybuildError, OSError) as error:
                self._not_saved(title, place, error)

    def _find(self, key: Digest) -> CacheEntry | None:
        for place in self._read:
            if self._is_left_alone("read", place):
                continue
            try:
                entry = place.find(key)
            except IntegrityError as error:
                self._ignored(error)
            except PybuildError as error:
                self._leave_alone("read", place, error)
            else:
                if entry is not None:
                    self._found[key] = place
                    return entry
        return None

    def _ignored(self, error: IntegrityError) -> None:
        reason = " ".join(error.message.split())[:_LONGEST_REASON]
        self._emit(Debug(f"a cache entry is ignored: {reason}"))
        if self._is_first("CacheEntryIgnored"):
            message = f"a cache entry is ignored: {reason}; more of them are told as details"
            self._emit(BuildWarning("CacheEntryIgnored", message))

    def _not_saved(self, title: str, place: Place, error: Exception) -> None:
        message = f"{title} is not cached in {place.name}: {error}"
        if isinstance(error, (OSError, StateError)) and not self._is_first(f"disk {place.name}"):
            self._emit(Debug(message))  # one disk is full for every step
            return
        self._emit(BuildWarning("CacheNotSaved", message))

    def _is_first(self, kind: str) -> bool:
        with self._lock:
            first = kind not in self._warned
            self._warned.add(kind)
            return first

    def _is_left_alone(self, use: str, place: Place) -> bool:
        with self._lock:
            return (use, place.shares_fate) in self._left_alone

    def _leave_alone(self, use: str, place: Place, error: PybuildError) -> None:
        with self._lock:
            if (use, place.shares_fate) in self._left_alone:
                return
            self._left_alone.add((use, place.shares_fate))
        doing = "asked for steps" if use == "read" else "given steps"
        message = f"the cache at {place.shares_fate} is not {doing} any more: {error.message}"
        self._emit(BuildWarning("CacheUnavailable", message))
