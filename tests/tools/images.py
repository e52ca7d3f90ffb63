"""Small images and blobs for registry tests."""

from __future__ import annotations

import json
from hashlib import sha256

from pybuild.oci import media
from pybuild.oci.manifest import Descriptor
from pybuild.oci.platform import Platform

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")


def describe(data: bytes, media_type: str = media.OCI_LAYER_GZIP) -> Descriptor:
    """The descriptor of these bytes."""
    return Descriptor(media_type, "sha256:" + sha256(data).hexdigest(), len(data))


def image_documents(
    layers: tuple[bytes, ...] = (b"layer",),
    platform: Platform = AMD64,
    *,
    layer_type: str = media.OCI_LAYER_GZIP,
    config_type: str = media.OCI_CONFIG,
    manifest_type: str = media.OCI_MANIFEST,
) -> tuple[bytes, bytes]:
    """Configuration and manifest of an image with these layers."""
    config = json.dumps(
        {
            "os": platform.os,
            "architecture": platform.architecture,
            "config": {"Env": ["A=b"]},
            "rootfs": {"type": "layers", "diff_ids": [describe(data).digest for data in layers]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": describe(config, config_type).to_json(),
            "layers": [describe(data, layer_type).to_json() for data in layers],
        }
    ).encode()
    return config, manifest


def index_document(*images: tuple[bytes, Platform], media_type: str = media.OCI_INDEX) -> bytes:
    """An index of manifests, each with its platform."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [
                {
                    **describe(manifest, media.OCI_MANIFEST).to_json(),
                    "platform": {"os": platform.os, "architecture": platform.architecture},
                }
                for manifest, platform in images
            ],
        }
    ).encode()


def add_image(registry, path: str, tag: str, **how) -> str:
    """Put an image into a fake registry; the digest of its manifest."""
    layers = how.setdefault("layers", (b"layer",))
    config, manifest = image_documents(**how)
    for data in (config, *layers):
        registry.add_blob(path, data)
    return registry.add_manifest(path, tag, how.get("manifest_type", media.OCI_MANIFEST), manifest)
