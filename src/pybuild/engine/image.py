"""The image: configuration and manifest of the target stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pybuild.digest import sha256_of
from pybuild.errors import UsageError
from pybuild.graph.plan import ImageBase, Plan, StageBase, StagePlan
from pybuild.oci import media
from pybuild.oci.config import History, ImageConfig
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.platform import Platform
from pybuild.ports import ChainLayer


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image's documents and the layers they name."""

    manifest: Manifest
    descriptor: Descriptor
    config: bytes
    layers: tuple[ChainLayer, ...]


def assemble(
    plan: Plan,
    chain: Sequence[ChainLayer],
    created: Mapping[int, Sequence[str]],
    *,
    platform: Platform,
    labels: Mapping[str, str],
    image_created: str,
    oci_media_types: bool = True,
    annotations: Mapping[str, str] | None = None,
    descriptor_annotations: Mapping[str, str] | None = None,
) -> BuiltImage:
    """Put the target's documents together.

    Args:
        plan: What was built.
        chain: The target's layers, base first.
        created: For each stage index, when each of its steps ran (RFC 3339).
        platform: What the image is for.
        labels: Labels of the command line; they win over the Dockerfile's.
        image_created: When the image was made, and when steps without a layer were.
        oci_media_types: Whether the documents carry OCI's media types, else Docker's.
        annotations: Of the manifest.
        descriptor_annotations: Of the manifest's descriptor, where an index has one.

    Raises:
        UsageError: Docker has no media type for a layer.
    """
    form = oci_form if oci_media_types else docker_form
    target = plan.stages[plan.target]
    base = _base_config(plan, target, platform)
    config = replace(
        base,
        run=target.run.with_labels(labels),
        diff_ids=tuple(layer.diff_id for layer in chain),
        history=(*base.history, *_history(plan, target, created, image_created)),
        created=image_created,
        author=target.author or base.author,
    )
    config_bytes = config.to_bytes()
    manifest = Manifest(
        form(media.OCI_MANIFEST),
        Descriptor(form(media.OCI_CONFIG), sha256_of(config_bytes), len(config_bytes)),
        tuple(_as(form, layer.descriptor) for layer in chain),
        annotations=_sorted(annotations),
    )
    document = manifest.to_bytes()
    descriptor = Descriptor(
        manifest.media_type, sha256_of(document), len(document), _sorted(descriptor_annotations)
    )
    return BuiltImage(manifest, descriptor, config_bytes, tuple(chain))


def oci_form(media_type: str) -> str:
    """OCI's name of a type that both have; it stands for the same bytes."""
    return media.TO_OCI.get(media_type, media_type)


def docker_form(media_type: str) -> str:
    """Docker's name of a type that both have.

    Raises:
        UsageError: Docker has none, as for zstd.
    """
    if media_type in media.TO_OCI:
        return media_type
    if media_type not in media.TO_DOCKER:
        raise UsageError(
            f"Docker's media types have none for {media_type}",
            hint="leave out oci-mediatypes=false, or use compression=gzip",
        )
    return media.TO_DOCKER[media_type]


def _sorted(annotations: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((annotations or {}).items()))


def _as(form: Callable[[str], str], descriptor: Descriptor) -> Descriptor:
    return Descriptor(form(descriptor.media_type), descriptor.digest, descriptor.size_bytes)


def _base_config(plan: Plan, stage: StagePlan, platform: Platform) -> ImageConfig:
    match stage.base:
        case ImageBase(image):
            return replace(image.config, platform=platform)
        case StageBase(index):
            return _base_config(plan, plan.stages[index], platform)
        case _:
            return ImageConfig.scratch(platform)


def _history(
    plan: Plan, stage: StagePlan, created: Mapping[int, Sequence[str]], image_created: str
) -> list[History]:
    before: list[History] = []
    if isinstance(stage.base, StageBase):
        before = _history(plan, plan.stages[stage.base.index], created, image_created)
    times = {
        step.history: time for step, time in zip(stage.steps, created[stage.index], strict=True)
    }
    # An entry without a layer takes the time of the step before it: then a build from the cache
    # gives the same document as the build that filled it.
    last = before[-1].created if before else ""
    own: list[History] = []
    for place, entry in enumerate(stage.history):
        last = times.get(place, last)
        own.append(replace(entry, created=last or image_created))
    return before + own
