"""Descriptors, manifests and indexes (image-spec descriptor.md, manifest.md, image-index.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybuild.digest import Digest, parse_digest
from pybuild.errors import IntegrityError
from pybuild.oci import media
from pybuild.oci.document import Node, encode
from pybuild.oci.platform import Platform


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Type, digest and size of a blob or manifest."""

    media_type: str
    digest: Digest
    size_bytes: int
    annotations: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_node(cls, node: Node) -> Descriptor:
        """Read a descriptor, checked."""
        size = node["size"].number()
        if size < 0:
            raise node["size"].fail("a size")
        return cls(
            node["mediaType"].text(),
            parse_digest(node["digest"].text(), source=node["digest"].path),
            size,
            tuple(sorted(node["annotations"].text_map().items())),
        )

    def to_json(self) -> dict[str, Any]:
        """The descriptor as JSON values."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size_bytes,
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return document


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest, Docker's or OCI's.

    Attributes:
        artifact_type: OCI ``artifactType``, empty for an image.
    """

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""
    annotations: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, data: bytes, *, source: str, media_type: str = "") -> Manifest:
        """Read a manifest.

        Args:
            data: The document as the registry sent it.
            source: Names it in errors.
            media_type: What the registry's Content-Type said; the document must not contradict
                it (CVE-2021-41190).
        """
        node = Node.parse(data, source)
        declared = node["mediaType"].text(default=media_type or media.OCI_MANIFEST)
        if media_type and declared != media_type:
            raise IntegrityError(f"{source} says {declared}, its registry says {media_type}")
        if declared not in media.MANIFESTS or node.has("manifests"):
            raise IntegrityError(f"{source} is {declared}, not an image manifest")
        return cls(
            declared,
            Descriptor.from_node(node["config"]),
            tuple(Descriptor.from_node(item) for item in node["layers"].items()),
            node["artifactType"].text(default=""),
            tuple(sorted(node["annotations"].text_map().items())),
        )

    def to_bytes(self) -> bytes:
        """The document; the same value always gives the same bytes."""
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": self.media_type}
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        document["config"] = self.config.to_json()
        document["layers"] = [layer.to_json() for layer in self.layers]
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return encode(document)


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One manifest of an index, with the platform it is for."""

    descriptor: Descriptor
    platform: Platform | None


@dataclass(frozen=True, slots=True)
class Index:
    """An image index, or Docker's manifest list."""

    entries: tuple[IndexEntry, ...] = field(default=())

    @classmethod
    def parse(cls, data: bytes, *, source: str) -> Index:
        """Read an index."""
        node = Node.parse(data, source)
        if node.has("layers") or node.has("config"):
            raise IntegrityError(f"{source} is an index and a manifest at once")
        return cls(tuple(_entry(item) for item in node["manifests"].items()))

    def for_platform(self, wanted: Platform) -> Descriptor | None:
        """The manifest for a platform; an entry without a variant serves every variant."""
        exact = [e.descriptor for e in self.entries if e.platform == wanted]
        if exact:
            return exact[0]
        close = [e.descriptor for e in self.entries if e.platform and _serves(e.platform, wanted)]
        return close[0] if close else None

    def platforms(self) -> tuple[str, ...]:
        """What the index offers, for an error message."""
        return tuple(str(entry.platform) for entry in self.entries if entry.platform)


def _entry(node: Node) -> IndexEntry:
    platform = None
    if node.has("platform"):
        where = node["platform"]
        variant = where["variant"].text(default="")
        architecture = where["architecture"].text()
        if (architecture, variant) == ("arm64", "v8"):
            variant = ""
        platform = Platform(where["os"].text(), architecture, variant)
    return IndexEntry(Descriptor.from_node(node), platform)


def _serves(offered: Platform, wanted: Platform) -> bool:
    same = (offered.os, offered.architecture) == (wanted.os, wanted.architecture)
    return same and (not offered.variant or not wanted.variant)


def layout_index(manifests: Iterable[tuple[Descriptor, Mapping[str, str]]]) -> bytes:
    """``index.json`` of an OCI layout: each manifest with its annotations (image-layout.md)."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [
                {**descriptor.to_json(), **({"annotations": dict(notes)} if notes else {})}
                for descriptor, notes in manifests
            ],
        }
    )
