"""A stage on its way: its chain of layers, its index, and its tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pybuild.engine.context import SourceFiles
from pybuild.engine.tools import Tools
from pybuild.errors import Terminated
from pybuild.layers.apply import applying, unpack_layer
from pybuild.layers.pack import PackedLayer
from pybuild.oci.manifest import Descriptor
from pybuild.ports import ChainLayer, Prove, StageTree
from pybuild.tree.change import changes
from pybuild.tree.entry import Candidate, Entry, Item, Kind
from pybuild.tree.index import TreeIndex

_PIECE = 1 << 20
_BATCH = 500  # names compared at once: few are held, and few have to be sorted
_DEVICES = {Kind.CHARACTER_DEVICE, Kind.BLOCK_DEVICE}
_FETCHES = 3  # layers on their way at once, while earlier ones unpack


@dataclass(slots=True)
class LiveStage:
    """The state of one stage while its steps run.

    Attributes:
        chain: Base first.
        created: When each of its steps ran (RFC 3339).
        index: What is in the tree.
        unset_xattrs: Names whose extended attributes this place refused, which are therefore not
            on disk but still the image's.
    """

    chain: list[ChainLayer]
    created: list[str]
    tree: StageTree
    index: TreeIndex = field(default_factory=TreeIndex)
    unset_xattrs: set[bytes] = field(default_factory=set)

    def add(self, packed: PackedLayer) -> None:
        """Take a new layer, whose entries the index has, into the chain."""
        self.chain.append(ChainLayer(packed.descriptor, packed.diff_id))

    def place(self, items: Sequence[Item], tools: Tools) -> None:
        """Write placed entries into the tree."""
        if items:
            with self.placing(items, tools) as placed:
                for _ in placed:
                    pass

    @contextmanager
    def placing(self, items: Iterable[Item], tools: Tools) -> Iterator[Iterator[Item]]:
        """Write placed entries into the tree one by one, and give each on to be packed."""
        with (
            self.tree.layer() as directory,
            applying(items, directory, warn=lambda text: _warn(tools, text)) as placed,
        ):
            yield placed


def restore(stage: LiveStage, tools: Tools) -> None:
    """Unpack the tree again where another tree's RUN has changed it."""
    if stage.tree.damaged:
        start_over(stage, tools)


def start_over(stage: LiveStage, tools: Tools) -> None:
    """Unpack the tree again, while no RUN is on."""
    tools.progress.warn(
        "TreeRestored", "a RUN changed files of another stage; they are unpacked again"
    )
    stage.tree.start_over()
    stage.index = TreeIndex()
    stage.unset_xattrs.clear()
    materialize(stage, tools)


def materialize(stage: LiveStage, tools: Tools, *, beside: bool = False) -> None:
    """Fetch the chain's layers, several at once, and unpack them in order.

    Args:
        stage: Its tree is empty.
        tools: The store and the registry.
        beside: Whether RUNs of other stages go on meanwhile; one that changes the tree makes it
            damaged.
    """
    with ThreadPoolExecutor(_FETCHES, thread_name_prefix="fetch") as pool:
        fetched = [pool.submit(fetch, layer, tools) for layer in stage.chain]
        try:
            if beside:
                with stage.tree.layer(proof(stage)) as directory:
                    _unpack_all(stage, fetched, directory, tools)
            else:
                for future in fetched:
                    future.result()  # a RUN waits only while files are written
                with stage.tree.layer() as directory:
                    _unpack_all(stage, fetched, directory, tools)
        finally:
            for future in fetched:
                future.cancel()


def fetch(layer: ChainLayer, tools: Tools) -> Descriptor:
    """Bring a layer's blob into the store, unless it is there."""
    if layer.repository is not None and layer.descriptor.digest not in tools.store:
        with tools.store.writer() as writer:
            for piece in tools.registry.pull_blob(layer.repository, layer.descriptor):
                give_up_if_stopping(tools)
                writer.write(piece)
            writer.commit(layer.descriptor.media_type, layer.descriptor.digest)
    return layer.descriptor


def blob_pieces(descriptor: Descriptor, tools: Tools) -> Iterator[bytes]:
    """A stored blob's bytes, verified at their end."""
    with tools.store.open(descriptor) as file:
        while piece := file.read(_PIECE):
            give_up_if_stopping(tools)
            yield piece


def give_up_if_stopping(tools: Tools) -> None:
    """End a thread that moves bytes for a build that has failed."""
    if tools.stopping.is_set():
        raise Terminated("the build has ended")


def proof(stage: LiveStage) -> Prove:
    """Whether a tree is what was unpacked into it, name by name and byte by byte."""

    def is_sound(names: Iterator[Candidate]) -> bool:
        digest = SourceFiles(stage.index, stage.tree.directory()).digest
        found = 0
        while batch := list(islice(names, _BATCH)):
            if any(one.entry is None for one in batch):
                return False
            if any(changes(stage.index, batch, digest, unset_xattrs=stage.unset_xattrs)):
                return False
            found += sum(one.entry is not None and not _may_miss(one.entry) for one in batch)
        return found == sum(not _may_miss(entry) for entry in stage.index.walk())

    return is_sound


def _may_miss(entry: Entry) -> bool:
    """Devices that the place cannot create stand in the index alone."""
    return entry.kind in _DEVICES


def _unpack_all(
    stage: LiveStage, fetched: Sequence[Future[Descriptor]], directory: Path, tools: Tools
) -> None:
    for layer, future in zip(stage.chain, fetched, strict=True):
        descriptor = future.result()
        unpack_layer(
            blob_pieces(descriptor, tools),
            directory,
            media_type=descriptor.media_type,
            diff_id=layer.diff_id,
            warn=lambda text: _warn(tools, text),
            record=stage.index.update().add,
            unset_xattrs=stage.unset_xattrs,
        )


def _warn(tools: Tools, text: str) -> None:
    tools.progress.warn("LayerFidelity", text)
