"""An image of an OCI layout as a base: found by tag, digest or platform; layers in the store."""

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import ContextError, IntegrityError
from pybuild.oci import media
from pybuild.oci.config import ImageConfig, RunConfig
from pybuild.oci.document import encode
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.store.blobs import LayoutStore
from pybuild.store.export import ExportImage, export_oci
from pybuild.store.layout_image import read_layout_image

AMD = Platform("linux", "amd64")
ARM = Platform("linux", "arm64")
LAYER = b"layer"


def image(platform=AMD, diff_ids=1):
    layer = Descriptor(media.OCI_LAYER_GZIP, sha256_of(LAYER), len(LAYER))
    config = ImageConfig(platform, RunConfig(), (sha256_of(b"diff"),) * diff_ids).to_bytes()
    manifest = Manifest(
        media.OCI_MANIFEST, Descriptor(media.OCI_CONFIG, sha256_of(config), len(config)), (layer,)
    )
    data = manifest.to_bytes()
    descriptor = Descriptor(media.OCI_MANIFEST, sha256_of(data), len(data))
    return ExportImage(descriptor, data, manifest.config, config, manifest.layers)


def write(directory, one, *tags):
    names = tuple(Reference.parse(tag) for tag in tags)
    export_oci(one, directory, tar=False, tags=names, open_blob=lambda _layer: iter([LAYER]))
    return directory


def reference(directory, tag=None, digest=None):
    return Reference(Repository("oci-layout:/", str(directory)), tag, digest)


@pytest.fixture
def store(tmp_path):
    return LayoutStore(tmp_path / "store")


@pytest.fixture
def layout(tmp_path):
    return tmp_path / "layout"


@pytest.mark.parametrize("tags", [("host/app:v1", "host/app:v2"), ("host/app:v2",), ()], ids=str)
def test_a_tag_names_an_image_and_any_tag_the_only_one(layout, store, tags):
    one = image()
    write(layout, one, *tags)
    found = read_layout_image(layout, reference(layout, "v2"), AMD, store)
    assert found.digest == found.reference.digest == one.manifest.digest
    assert found.manifest.to_bytes() == one.manifest_bytes
    assert found.config.platform == AMD
    assert found.repository is None
    assert store.open(found.manifest.layers[0]).read() == LAYER


def test_a_digest_names_what_no_index_need_name(layout, store):
    one = image()
    write(layout, one, "host/app:v1", "host/app:v2")
    found = read_layout_image(layout, reference(layout, None, one.manifest.digest), AMD, store)
    assert found.digest == one.manifest.digest


def test_a_tag_that_no_image_has_is_an_error(layout, store):
    write(layout, image(), "host/app:v1", "host/app:v2")
    with pytest.raises(ContextError, match="has no image with the tag v3"):
        read_layout_image(layout, reference(layout, "v3"), AMD, store)


def test_an_index_gives_the_platform_s_image(layout, store):
    one = image(ARM)
    write(layout, one)
    document = encode(
        {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [
                {
                    **one.manifest.to_json(),
                    "platform": {"os": "linux", "architecture": "arm64"},
                }
            ],
        }
    )
    digest = sha256_of(document)
    (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(document)
    found = read_layout_image(layout, reference(layout, None, digest), ARM, store)
    assert found.digest == one.manifest.digest
    with pytest.raises(ContextError, match="has no image for linux/amd64"):
        read_layout_image(layout, reference(layout, None, digest), AMD, store)


def blob(layout, digest):
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_a_damaged_layout_is_an_error(layout, store, part):
    one = image()
    write(layout, one, "host/app:v1")
    digest = one.layers[0].digest if part == "layer" else getattr(one, part).digest
    blob(layout, digest).write_bytes(b"{}")
    with pytest.raises(IntegrityError):
        read_layout_image(layout, reference(layout, "v1"), AMD, store)
    assert one.layers[0].digest not in store


def test_a_configuration_with_other_layers_is_an_error(layout, store):
    write(layout, image(diff_ids=2), "host/app:v1")
    with pytest.raises(IntegrityError, match="has 1 layers, its configuration names 2"):
        read_layout_image(layout, reference(layout, "v1"), AMD, store)


def test_what_is_no_layout_is_named(layout, store):
    with pytest.raises(ContextError, match=f"the OCI layout {layout} cannot be read: .*index.json"):
        read_layout_image(layout, reference(layout, "v1"), AMD, store)


def test_annotations_of_the_descriptor_stand_in_the_layout_s_index(layout):
    one = image()
    noted = Descriptor(
        media.OCI_MANIFEST, one.manifest.digest, one.manifest.size_bytes, (("a", "b"),)
    )
    image_ = ExportImage(noted, one.manifest_bytes, one.config, one.config_bytes, one.layers)
    for tags in (("host/app:v1",), ()):
        write(layout, image_, *tags)
        assert b'"a":"b"' in (layout / "index.json").read_bytes().replace(b" ", b"")
