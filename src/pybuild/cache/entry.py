"""A cache entry as an OCI image manifest, and back; what is read is checked.

The manifest's annotations hold all that a hit needs, so that one request is enough for it. Its
layers are those of the chain that lie where the entry lies: so nothing that collects garbage there
takes a layer away from under an entry, and an entry that is copied elsewhere is complete. Its
configuration explains the entry to people, and is never read for a hit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pybuild.digest import Digest, parse_digest, sha256_of
from pybuild.errors import IntegrityError, UsageError
from pybuild.oci import media
from pybuild.oci.document import Node, encode
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import CacheEntry, ChainLayer

SCHEMA = "2"
"""Entries of another schema are misses; a change of what a hit means changes it."""

EMPTY_BYTES = b"{}"
EMPTY = Descriptor(media.OCI_EMPTY, sha256_of(EMPTY_BYTES), len(EMPTY_BYTES))
"""Stands for the layers of an entry that has none (image-spec manifest.md, "empty descriptor")."""

TITLE = "org.opencontainers.image.title"  # image-spec annotations.md
_PREFIX = "vnd.pybuild.cache."
_VERSION, _KEY, _BASE, _CHAIN, CREATED, _MADE_LAYER = (
    _PREFIX + name for name in ("version", "key", "base", "chain", "created", "made-layer")
)
_TRUTH = {"true": True, "false": False}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)

_MOST_LAYERS = 4096
"""No tree is made of more; a list that is longer was not written by a build."""

_LARGEST_LAYER = 1 << 40
"""Bytes; what claims to be larger is never asked for."""

_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class About:
    """What people are told of an entry.

    Attributes:
        title: The step, as the log shows it.
        seconds: How long it took, or None.
        parts: What its key is made of, by name.
    """

    title: str
    seconds: float | None = None
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """What an entry is where it is kept: its manifest and the configuration blob."""

    manifest: Manifest
    config: bytes


def write_entry(
    key: Digest, entry: CacheEntry, about: About, here: Repository | None
) -> StoredEntry:
    """The documents of an entry.

    Args:
        key: What it is found by.
        entry: Each layer of its chain lies in a repository, or here.
        about: What its configuration says.
        here: Where it will be kept: a repository; None is a directory.
    """
    title = _printable(about.title)
    explained: dict[str, Any] = {"title": title, "created": entry.created}
    if about.seconds is not None:
        explained["seconds"] = round(about.seconds, 3)
    if about.parts:
        parts = sorted(about.parts.items())
        explained["parts"] = {_printable(name): _printable(text) for name, text in parts}
    config = encode(explained)
    notes = {
        TITLE: title[:_LONGEST_TITLE],
        _VERSION: SCHEMA,
        _KEY: key,
        _BASE: entry.base,
        _CHAIN: _write_chain(entry.chain, here),
        CREATED: entry.created,
        _MADE_LAYER: "true" if entry.made_layer else "false",
    }
    manifest = Manifest(
        media.OCI_MANIFEST,
        Descriptor(media.CACHE_STEP_CONFIG, sha256_of(config), len(config)),
        _layers(entry.chain, here),
        artifact_type=media.CACHE_STEP,
        annotations=tuple(sorted(notes.items())),
    )
    return StoredEntry(manifest, config)


def read_entry(
    key: Digest, manifest: Manifest, *, source: str, here: Repository | None
) -> CacheEntry:
    """An entry from its manifest.

    Args:
        key: What it was found by.
        manifest: May say anything.
        source: Names it in errors.
        here: Where it was found: a repository; None is a directory.

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
    created = notes.get(CREATED, "")
    _check(is_time(created), source, "has no time of creation")
    made_layer = _TRUTH.get(notes.get(_MADE_LAYER, ""))
    if made_layer is None:
        raise IntegrityError(f"{source} does not say whether the step made a layer")
    chain = _read_chain(notes.get(_CHAIN, ""), f"{source}: chain", here)
    _check(bool(chain) or not made_layer, source, "has an empty chain")
    own_is_here = not made_layer or chain[-1].repository == here
    _check(own_is_here, source, "does not have the step's own layer")
    _check(manifest.layers == _layers(chain, here), source, "has other layers than its chain")
    return CacheEntry(base, chain, created, made_layer)


def is_time(text: str) -> bool:
    """Whether text is a date with a time (RFC 3339)."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check(holds: bool, source: str, problem: str) -> None:
    if not holds:
        raise IntegrityError(f"{source} {problem}")


def _printable(text: str) -> str:
    """Text that UTF-8 has; a Dockerfile may hold any bytes."""
    return text.encode("utf-8", "replace").decode()


def _layers(chain: Sequence[ChainLayer], here: Repository | None) -> tuple[Descriptor, ...]:
    """The manifest's layers: each that lies here, once, in the chain's order."""
    lying_here = (layer.descriptor for layer in chain if layer.repository == here)
    return tuple(dict.fromkeys(lying_here)) or (EMPTY,)


def _write_chain(chain: Sequence[ChainLayer], here: Repository | None) -> str:
    layers: list[dict[str, Any]] = []
    for layer in chain:
        written = {**layer.descriptor.to_json(), "diff_id": layer.diff_id}
        if layer.repository != here:
            written["repository"] = str(layer.repository)
        layers.append(written)
    # An array has no place in encode(): it is the value of one member, cut out.
    return encode({"": layers}).decode()[len('{"":') : -len("}")]


def _read_chain(text: str, source: str, here: Repository | None) -> tuple[ChainLayer, ...]:
    # JSON may hold halves of characters, which no encoding has.
    nodes = Node.parse(text.encode("utf-8", "replace"), source).items()
    _check(len(nodes) <= _MOST_LAYERS, source, f"has more than {_MOST_LAYERS} layers")
    return tuple(_read_layer(node, here) for node in nodes)


def _read_layer(node: Node, here: Repository | None) -> ChainLayer:
    descriptor = Descriptor.from_node(node)
    if descriptor.media_type not in media.LAYERS:
        raise node["mediaType"].fail("the media type of a layer")
    if descriptor.size_bytes > _LARGEST_LAYER:
        raise node["size"].fail("a size that a layer has")
    return ChainLayer(
        descriptor,
        parse_digest(node["diff_id"].text(), source=node["diff_id"].path),
        _read_repository(node["repository"]) if node.has("repository") else here,
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
