"""The places of a request as a step cache, and the store with their layers in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybuild.cache.beside import StoreBeside
from pybuild.cache.directory import DirectoryPlace
from pybuild.cache.layout import Layout
from pybuild.cache.place import Place
from pybuild.cache.registry import RepositoryPlace
from pybuild.cache.steps import StepPlaces
from pybuild.errors import PybuildError, StateError
from pybuild.events import BuildWarning, Debug, Emit, ignore
from pybuild.oci.reference import Repository
from pybuild.ports import BlobStore, Registry


@dataclass(frozen=True, slots=True)
class OpenCache:
    """A step cache that can be used.

    Attributes:
        steps: The cache; None where there is no place.
        store: What the build is to use as its store.
        written: The directories among the places that get every step.
        emit: Gets warnings.
    """

    steps: StepPlaces | None
    store: BlobStore
    written: tuple[DirectoryPlace, ...] = ()
    emit: Emit = ignore

    def carry_over(self) -> None:
        """Give the directories that are written to the hits of those that were only asked.

        For pipelines that read one directory, write another, and keep the one that was written:
        what a build did not have to run must be in it, too. To be called when the build is done.
        """
        found = {} if self.steps is None else self.steps.found
        for directory in self.written:
            try:
                for key, place in found.items():
                    if isinstance(place, DirectoryPlace) and place is not directory:
                        directory.adopt(key, place)
            except PybuildError as error:
                message = f"steps are not carried over to {directory.name}: {error.message}"
                self.emit(BuildWarning("CacheNotSaved", message))


def open_cache(
    read: Sequence[Repository | Path],
    write: Sequence[Repository | Path],
    *,
    registry: Registry,
    store: BlobStore,
    open_layout: Callable[[Path], Layout],
    emit: Emit,
) -> OpenCache:
    """Open every place; a directory that cannot be used is warned about and left out.

    Args:
        read: Asked for steps, in this order.
        write: Given every step.
        registry: Has the repositories.
        store: The build's own.
        open_layout: Opens a directory, made where it is missing; whoever gives it closes it.
        emit: Gets the warnings.
    """
    layouts: dict[Path, Layout] = {}
    for directory in dict.fromkeys(one for one in (*read, *write) if isinstance(one, Path)):
        if directory not in write and not directory.exists():
            emit(Debug(f"the cache directory {directory} is not there: it has no steps"))
            continue
        try:
            layouts[directory] = open_layout(directory)
        except StateError as error:
            message = f"the cache directory {directory} is not used: {error.message}"
            emit(BuildWarning("CacheUnavailable", message))
    both = StoreBeside(store, tuple(layouts.values())) if layouts else store
    places: dict[Repository | Path, Place] = {
        directory: DirectoryPlace(directory, layout, registry, both)
        for directory, layout in layouts.items()
    }
    for one in (*read, *write):
        if isinstance(one, Repository):
            places[one] = RepositoryPlace(one, registry, both)

    def found(wanted: Sequence[Repository | Path]) -> list[Place]:
        return [places[one] for one in dict.fromkeys(wanted) if one in places]

    if not read and not write:
        return OpenCache(None, store)
    sinks = found(write)
    written = tuple(place for place in sinks if isinstance(place, DirectoryPlace))
    return OpenCache(StepPlaces(found(read), sinks, emit), both, written, emit)
