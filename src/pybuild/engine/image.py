"""The image: configuration and manifest of the target stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pybuild.digest import Digest, sha256_of
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
) -> BuiltImage:
    """Put the target's documents together.

    Args:
        plan: What was built.
        chain: The target's layers, base first.
        created: For each stage index, when each of its steps ran (RFC 3339).
        platform: What the image is for.
        labels: Labels of the command line; they win over the Dockerfile's.
        image_created: When the image was made, and when steps without a layer were.
    """
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
        media.OCI_MANIFEST,
        Descriptor(media.OCI_CONFIG, sha256_of(config_bytes), len(config_bytes)),
        tuple(as_oci(layer.descriptor) for layer in chain),
    )
    document = manifest.to_bytes()
    descriptor = Descriptor(media.OCI_MANIFEST, sha256_of(document), len(document))
    return BuiltImage(manifest, descriptor, config_bytes, tuple(chain))


def as_oci(descriptor: Descriptor) -> Descriptor:
    """The descriptor with the OCI name of its type; Docker's name stands for the same bytes."""
    return Descriptor(
        media.TO_OCI.get(descriptor.media_type, descriptor.media_type),
        descriptor.digest,
        descriptor.size_bytes,
    )


def image_id(image: BuiltImage) -> Digest:
    """The digest of the configuration."""
    return image.manifest.config.digest


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
