"""An image reference into exact documents: mirrors, indexes, manifest and configuration."""

from __future__ import annotations

from collections.abc import Sequence

from pybuild.errors import BlobMissing, IntegrityError, RegistryError
from pybuild.events import Debug
from pybuild.oci import media
from pybuild.oci.config import ImageConfig
from pybuild.oci.document import Node
from pybuild.oci.manifest import Index, Manifest
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import ResolvedImage
from pybuild.registry import manifests
from pybuild.registry.endpoints import Side
from pybuild.registry.failures import AccessRefused
from pybuild.registry.manifests import Document
from pybuild.registry.pull import pull_blob
from pybuild.registry.session import Session

_MAX_CONFIG_BYTES = 16 << 20  # it is held in memory, and its size comes from outside


def resolve(session: Session, reference: Reference, platform: Platform) -> ResolvedImage:
    """Find an image at its mirrors in order, then at its own registry.

    A mirror that fails is warned about once and passed over; one that lies (a wrong digest) ends
    the build.

    Raises:
        RegistryError: It is nowhere, or its own registry refused.
        IntegrityError: A document is not what its digest says, or malformed.
    """
    *mirrors, last = asked = session.places(reference.repository)
    for position, place in enumerate(mirrors, 1):
        # What it has lost since it got the manifest is fetched from those after it.
        session.remember(place, asked[position:])
        try:
            found = _resolve_at(session, place, reference, platform)
        except RegistryError as error:
            message = f"mirror {place.registry} is passed over: {error.message}"
            session.warn_once("MirrorFailed", place.registry, message)
            continue
        if found is not None:
            return found
        session.emit(Debug(f"mirror {place.registry} does not have {reference}"))
    try:
        found = _resolve_at(session, last, reference, platform)
    except AccessRefused as error:
        raise _refused(session, reference, last, error) from None
    if found is None:
        raise _not_found(reference, asked)
    return found


def _resolve_at(
    session: Session, place: Repository, reference: Reference, platform: Platform
) -> ResolvedImage | None:
    document = manifests.fetch(session, place, reference.selector, Side.PULL)
    if document is None:
        return None
    if document.media_type in media.INDEXES:
        document = _choose(session, place, document, reference, platform)
    _check_is_manifest(document, reference)
    manifest = Manifest.parse(document.data, source=document.source, media_type=document.media_type)
    _check_is_image(manifest, reference)
    config = _config(session, place, manifest, reference)
    return ResolvedImage(
        reference.pinned(document.digest), place, document.digest, manifest, config
    )


def _choose(
    session: Session, place: Repository, document: Document, reference: Reference, wanted: Platform
) -> Document:
    index = Index.parse(document.data, source=document.source)
    chosen = index.for_platform(wanted)
    if chosen is None:
        offered = ", ".join(dict.fromkeys(index.platforms())) or "none that is named"
        raise RegistryError(
            f"{reference} has no image for {wanted}; it offers {offered}",
            hint="choose another platform or another base image",
        )
    found = manifests.fetch(session, place, chosen.digest, Side.PULL)
    if found is None:
        raise BlobMissing(
            f"{place} does not have {chosen.digest}, which its index {reference} names for {wanted}"
        )
    if len(found.data) != chosen.size_bytes:
        raise IntegrityError(
            f"{found.source} has {len(found.data)} bytes, its index says {chosen.size_bytes}"
        )
    return found


def _check_is_manifest(document: Document, reference: Reference) -> None:
    if document.media_type in media.DOCKER_SCHEMA_1 or _is_schema_1(document):
        raise RegistryError(
            f"{reference} is in Docker's schema 1, a format that was given up in 2017",
            hint="pull it and push it again with a current tool, or choose another tag",
        )
    if document.media_type not in media.MANIFESTS:
        raise RegistryError(
            f"{reference} is of the media type {document.media_type[:80]!r}, which is no image"
        )


def _is_schema_1(document: Document) -> bool:
    try:
        return bool(Node.parse(document.data, document.source)["schemaVersion"].value == 1)
    except IntegrityError:
        return False


def _check_is_image(manifest: Manifest, reference: Reference) -> None:
    if manifest.config.media_type not in media.CONFIGS:
        raise RegistryError(
            f"{reference} is no image: its configuration is {manifest.config.media_type[:80]!r}"
        )
    for layer in manifest.layers:
        if layer.media_type in media.ELSEWHERE:
            # Their URLs are never followed: that is how credentials leak.
            raise RegistryError(
                f"{reference} has a layer that its registry need not hold: {layer.digest} is"
                f" {layer.media_type!r}",
                hint="choose a base image whose layers may be distributed",
            )
        if layer.media_type not in media.LAYERS:
            raise RegistryError(
                f"{reference} has a layer of the media type {layer.media_type[:80]!r},"
                " which cannot be used"
            )
    if manifest.config.size_bytes > _MAX_CONFIG_BYTES:
        raise RegistryError(f"the configuration of {reference} is larger than 16 MiB")


def _config(
    session: Session, place: Repository, manifest: Manifest, reference: Reference
) -> ImageConfig:
    data = b"".join(pull_blob(session, place, manifest.config))
    config = ImageConfig.parse(data, source=f"the configuration of {reference}")
    config.require_layers(len(manifest.layers), source=str(reference))
    return config


def _refused(
    session: Session, reference: Reference, place: Repository, error: AccessRefused
) -> RegistryError:
    """Registries answer 401 and 403 for what does not exist, so as not to tell."""
    if session.has_login(place):
        return error
    return AccessRefused(
        f"image {reference} was not found, or is private: {error.message}",
        hint=f"check the name and the tag, or give credentials for {place.registry}",
    )


def _not_found(reference: Reference, asked: Sequence[Repository]) -> RegistryError:
    hosts = ", then ".join(place.registry for place in asked)
    return RegistryError(
        f"image {reference} was not found at {hosts}",
        hint="check the name and the tag; a private image needs credentials",
    )
