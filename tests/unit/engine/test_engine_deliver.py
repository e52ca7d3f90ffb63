"""A push: layers early, the manifest last, and no tag on failure."""

import pytest

from pybuild.digest import sha256_of
from pybuild.engine.deliver import Delivery
from pybuild.engine.image import BuiltImage
from pybuild.engine.progress import Progress
from pybuild.engine.tools import Tools
from pybuild.errors import RegistryError
from pybuild.events import ignore
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import ChainLayer
from tools.memory_ports import MemoryRegistry, MemoryStore

CONFIG = b"{}"
OWN = b"own layer"
BASE = b"base layer"
LIBRARY = Repository("reg.io", "library/base")


def described(data, kind=media.OCI_LAYER_GZIP):
    return Descriptor(kind, sha256_of(data), len(data))


def chain_layer(data, repository=None):
    return ChainLayer(described(data), sha256_of(b"diff" + data), repository)


@pytest.fixture
def registry():
    made = MemoryRegistry()
    made.blobs[str(LIBRARY), sha256_of(BASE)] = BASE
    return made


@pytest.fixture
def tools(registry):
    store = MemoryStore({sha256_of(OWN): OWN})
    return Tools(None, store, registry, None, Progress(ignore, lambda: 0.0))


@pytest.fixture
def image():
    layers = (chain_layer(BASE, LIBRARY), chain_layer(OWN))
    manifest = Manifest(
        media.OCI_MANIFEST,
        described(CONFIG, media.OCI_CONFIG),
        tuple(layer.descriptor for layer in layers),
    )
    document = manifest.to_bytes()
    return BuiltImage(manifest, described(document, media.OCI_MANIFEST), CONFIG, layers)


def tags(*names):
    return tuple(Reference.parse(name) for name in names)


def test_a_layer_of_this_build_is_on_its_way_before_the_image_is_finished(registry, tools, image):
    with Delivery(tags("reg.io/app:1"), tools) as delivery:
        for layer in image.layers:
            delivery.begin(layer)
        delivery._pool.shutdown(wait=True)
        assert ("reg.io/app", sha256_of(OWN)) in registry.blobs
        assert ("reg.io/app", sha256_of(BASE)) not in registry.blobs


def test_every_blob_is_there_before_a_manifest_names_it(registry, tools, image):
    with Delivery(tags("reg.io/app:1", "reg.io/app:2", "reg.io/other:1"), tools) as delivery:
        delivery.begin(image.layers[1])
        delivery.finish(image)
    tagged = {name for name in registry.manifests if name[1] != image.descriptor.digest}
    assert tagged == {("reg.io/app", "1"), ("reg.io/app", "2"), ("reg.io/other", "1")}
    pushes = [call for call in registry.calls if call[0] == "push_blob"]
    assert len(pushes) == 6, "three blobs to each of two repositories, none twice"


def test_a_refused_blob_leaves_no_tag(registry, tools, image):
    registry.failures["push_blob", "reg.io/app"] = RegistryError("refused")
    with (
        pytest.raises(RegistryError, match="refused"),
        Delivery(tags("reg.io/app:1"), tools) as delivery,
    ):
        delivery.finish(image)
    assert registry.manifests == {}


def test_a_manifest_that_one_of_two_repositories_refuses_leaves_no_tag(registry, tools, image):
    registry.failures["push_manifest", "reg.io/other"] = RegistryError("refused")
    with (
        pytest.raises(RegistryError, match="refused"),
        Delivery(tags("reg.io/app:1", "reg.io/other:1"), tools) as delivery,
    ):
        delivery.finish(image)
    assert ("reg.io/app", "1") not in registry.manifests


def test_a_manifest_goes_once_to_a_single_repository(registry, tools, image):
    with Delivery(tags("reg.io/app:1"), tools) as delivery:
        delivery.finish(image)
    assert [call for call in registry.calls if call[0] == "push_manifest"] == [
        ("push_manifest", "reg.io/app", "1")
    ]


def test_a_repository_that_may_not_be_written_is_found_out_first(registry, tools):
    registry.failures["check_push", "reg.io/app"] = RegistryError("denied")
    with (
        pytest.raises(RegistryError, match="denied"),
        Delivery(tags("reg.io/app:1"), tools) as delivery,
    ):
        delivery.check()
