"""Entries of a cache as the report shows them."""

from __future__ import annotations

from pybuild.cache.pruning import ran_at_s
from pybuild.cache.stock import Explained, Held, total_bytes
from pybuild.digest import hex_of
from pybuild.errors import IntegrityError
from pybuild.oci.document import Node
from pybuild.ports import ChainLayer
from pybuild.report.cache import EntryDetails, EntryRow, LayerRow


def entry_row(held: Held) -> EntryRow:
    """An entry as it is listed."""
    size_bytes = total_bytes([held])
    created_s = ran_at_s(held) if held.created else None
    return EntryRow(hex_of(held.key), held.title, held.created, created_s, size_bytes, held.used_s)


def entry_details(explained: Explained, here: str) -> EntryDetails:
    """An entry in full; here is what its place is called."""
    entry = explained.entry
    seconds, parts = _explanation(explained.explanation)
    return EntryDetails(
        entry_row(explained.held),
        entry.base if entry else "",
        tuple(_layer(layer, here) for layer in entry.chain) if entry else (),
        explained.problem,
        seconds,
        parts,
    )


def _layer(layer: ChainLayer, here: str) -> LayerRow:
    descriptor = layer.descriptor
    place = str(layer.repository) if layer.repository else here
    return LayerRow(descriptor.digest, descriptor.media_type, descriptor.size_bytes, place)


def _explanation(data: bytes) -> tuple[float | None, dict[str, str]]:
    """How long the step took, and what its key is made of; anybody may have written it."""
    try:
        node = Node.parse(data, "the configuration")
        seconds = node["seconds"].value
        parts = node["parts"].text_map()
    except IntegrityError:
        return None, {}
    return seconds if isinstance(seconds, float) else None, parts
