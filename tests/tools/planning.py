"""Build plans for tests from Dockerfile text; every image is the same small one."""

from pybuild.digest import sha256_of
from pybuild.dockerfile.parser import parse
from pybuild.graph.planner import make_plan
from pybuild.graph.scope import global_scope
from pybuild.graph.stages import NamedContexts, images, reachable, target_stage
from pybuild.oci import media
from pybuild.oci.config import ImageConfig, RunConfig
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.platform import Platform
from pybuild.ports import ResolvedImage

PLATFORM = Platform("linux", "amd64")


def image_of(reference, config=RunConfig()):  # noqa: B008 - a frozen value
    """A resolved image whose digest depends on its name."""
    layer = Descriptor(media.OCI_LAYER_GZIP, sha256_of(b"layer" + str(reference).encode()), 10)
    document = ImageConfig(PLATFORM, config, (layer.digest,))
    data = document.to_bytes()
    manifest = Manifest(
        media.OCI_MANIFEST, Descriptor(media.OCI_CONFIG, sha256_of(data), len(data)), (layer,)
    )
    digest = sha256_of(manifest.to_bytes())
    return ResolvedImage(reference.pinned(digest), reference.repository, digest, manifest, document)


def plan_of(
    text,
    *,
    args=(),
    target="",
    config=RunConfig(),  # noqa: B008 - a frozen value
    contexts=None,
    platform=PLATFORM,
):
    """The plan of a Dockerfile's text.

    Args:
        text: Of the Dockerfile.
        args: Build-args, as pairs.
        target: The stage.
        config: Of every image; or a function of its reference.
        contexts: Named contexts.
        platform: The target's.
    """
    dockerfile = parse(text, file="Dockerfile")
    scope = global_scope(dockerfile, dict(args), platform, target)
    wanted = target_stage(dockerfile, target)
    named = NamedContexts.of(contexts or {})
    configured = config if callable(config) else lambda _: config
    resolved = {}
    while True:
        links = reachable(dockerfile, scope, wanted, named, resolved)
        missing = images(links, resolved)
        if not missing:
            return make_plan(dockerfile, scope, links, resolved)
        for use in missing:
            resolved[use.key] = image_of(use.reference, configured(use.reference))


def last(plan):
    """The target stage."""
    return plan.stages[plan.target]
