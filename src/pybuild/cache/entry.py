"""A cache entry as an OCI image manifest, and back; what is read is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybuild.digest import Digest, parse_digest, sha256_of
from pybuild.errors import IntegrityError, UsageError
from pybuild.oci import media
from pybuild.oci.document import Node, encode
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import CacheEntry, ChainLayer

SCHEMA = "1"
"""Entries of another schema are misses; a change of what a hit means changes it."""

EMPTY_BYTES = b"{}"
EMPTY = Descriptor(media.OCI_EMPTY, sha256_of(EMPTY_BYTES), len(EMPTY_BYTES))
"""Stands for the layer of a step that made none (image-spec manifest.md, "empty descriptor")."""

_PREFIX = "vnd.pybuild.cache."
_VERSION, _KEY, _BASE, _CHAIN, _CREATED, _MADE_LAYER = (
    _PREFIX + name for name in ("version", "key", "base", "chain", "created", "made-layer")
)
_TRUTH = {"true": True, "false": False}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """What an entry is in a registry: its manifest and the configuration blob."""

    manifest: Manifest
    config: bytes


def write_entry(key: Digest, entry: CacheEntry, title: str) -> StoredEntry:
    """The documents of an entry; every layer of its chain must name a repository."""
    config = encode({"title": title, "created": entry.created})
    notes = {
        _VERSION: SCHEMA,
        _KEY: key,
        _BASE: entry.base,
        _CHAIN: _write_chain(entry.chain),
        _CREATED: entry.created,
        _MADE_LAYER: "true" if entry.made_layer else "false",
    }
    manifest = Manifest(
        media.OCI_MANIFEST,
        Descriptor(media.CACHE_STEP_CONFIG, sha256_of(config), len(config)),
        (entry.chain[-1].descriptor if entry.made_layer else EMPTY,),
        artifact_type=media.CACHE_STEP,
        annotations=tuple(sorted(notes.items())),
    )
    return StoredEntry(manifest, config)


def read_entry(key: Digest, manifest: Manifest, *, source: str) -> CacheEntry:
    """An entry from its manifest.

    Raises:
        IntegrityError: It is not an entry of this schema and key, or contradicts itself.
    """
    notes = dict(manifest.annotations)
    _check(manifest.artifact_type == media.CACHE_STEP, source, "is not a cache entry")
    _check(notes.get(_VERSION) == SCHEMA, source, "was written by another version")
    _check(notes.get(_KEY) == key, source, "belongs to another key")
    base = notes.get(_BASE, "")
    if base:
        parse_digest(base, source=f"{source}: base")
    created = notes.get(_CREATED, "")
    _check(bool(_TIME.fullmatch(created)), source, "has no time of creation")
    made_layer = _TRUTH.get(notes.get(_MADE_LAYER, ""))
    if made_layer is None:
        raise IntegrityError(f"{source} does not say whether the step made a layer")
    chain = _read_chain(notes.get(_CHAIN, ""), f"{source}: chain")
    _check(bool(chain) or not made_layer, source, "has an empty chain")
    own = chain[-1].descriptor if made_layer else EMPTY
    _check(manifest.layers == (own,), source, "has another layer than its chain ends with")
    return CacheEntry(base, chain, created, made_layer)


def _check(holds: bool, source: str, problem: str) -> None:
    if not holds:
        raise IntegrityError(f"{source} {problem}")


def _write_chain(chain: Sequence[ChainLayer]) -> str:
    layers: list[dict[str, Any]] = [
        {
            **layer.descriptor.to_json(),
            "diff_id": layer.diff_id,
            "repository": str(layer.repository),
        }
        for layer in chain
    ]
    # An array has no place in encode(): it is the value of one member, cut out.
    return encode({"": layers}).decode()[len('{"":') : -len("}")]


def _read_chain(text: str, source: str) -> tuple[ChainLayer, ...]:
    return tuple(_read_layer(item) for item in Node.parse(text.encode(), source).items())


def _read_layer(node: Node) -> ChainLayer:
    descriptor = Descriptor.from_node(node)
    if descriptor.media_type not in media.LAYERS:
        raise node["mediaType"].fail("the media type of a layer")
    return ChainLayer(
        descriptor,
        parse_digest(node["diff_id"].text(), source=node["diff_id"].path),
        _read_repository(node["repository"]),
    )


def _read_repository(node: Node) -> Repository:
    text = node.text()
    try:
        reference = Reference.parse(text)
    except UsageError:
        raise node.fail("a repository") from None
    # Written in full: nothing that the reference grammar would add, and no tag or digest.
    if str(reference.repository) != text:
        raise node.fail("a repository")
    return reference.repository
