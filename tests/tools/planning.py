"""Build plans for tests from Dockerfile text; every image is the same small one."""

from pybuild.digest import sha256_of
from pybuild.dockerfile.parser import parse
from pybuild.graph.planner import make_plan
from pybuild.graph.scope import global_scope
from pybuild.graph.stages import images, reachable, target_stage
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


def plan_of(text, *, args=(), target="", config=RunConfig()):  # noqa: B008 - a frozen value
    """The plan of a Dockerfile's text."""
    dockerfile = parse(text, file="Dockerfile")
    scope = global_scope(dockerfile, dict(args), PLATFORM, target)
    links = reachable(dockerfile, scope, target_stage(dockerfile, target))
    resolved = {use.reference: image_of(use.reference, config) for use in images(links)}
    return make_plan(dockerfile, scope, links, resolved)


def last(plan):
    """The target stage."""
    return plan.stages[plan.target]
