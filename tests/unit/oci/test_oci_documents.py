"""References, platforms, manifests and configurations."""

import json

import pytest

from pybuild.errors import IntegrityError, UsageError
from pybuild.oci import media
from pybuild.oci.config import ImageConfig
from pybuild.oci.manifest import Index, Manifest
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("me/app", "docker.io/me/app:latest"),
        ("index.docker.io/library/alpine", "docker.io/library/alpine:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
        ("ghcr.io/o/a@" + DIGEST, "ghcr.io/o/a@" + DIGEST),
        ("ghcr.io/o/a:v1@" + DIGEST, "ghcr.io/o/a:v1@" + DIGEST),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
    ],
)
def test_a_reference_gets_dockers_defaults(text, full):
    assert str(Reference.parse(text)) == full


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "malformed"),
        ("Alpine", "lower case"),
        ("a:b:c", "malformed"),
        ("a@sha256:12", "digest"),
        ("a:", "tag"),
        ("-a", "malformed"),
        ("a/../b", "malformed"),
    ],
)
def test_what_is_no_reference_is_refused_with_a_reason(text, why):
    with pytest.raises(UsageError, match=why):
        Reference.parse(text)


def test_platforms_are_normalized():
    assert str(Platform.parse("linux/arm64/v8")) == "linux/arm64"
    assert str(Platform.parse("Linux/ARM/v7")) == "linux/arm/v7"
    with pytest.raises(UsageError, match="os/arch"):
        Platform.parse("linux")


def manifest(**changes):
    blob = {"mediaType": media.OCI_LAYER_GZIP, "digest": DIGEST, "size": 1}
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": blob,
        "layers": [blob],
    }
    return json.dumps({**document, **changes}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (manifest(manifests=[]), None),
        (manifest(manifests=[{}]), "not an image manifest"),
        (manifest(mediaType=media.OCI_INDEX), "not an image manifest"),
        (
            manifest(layers=[{"mediaType": "x", "digest": "sha256:../../etc", "size": 1}]),
            "not a sha256",
        ),
        (manifest(layers=[{"mediaType": "x", "digest": DIGEST, "size": -1}]), r"layers\[0\].size"),
        (manifest(layers=[{"mediaType": "x", "digest": DIGEST, "size": "1"}]), r"layers\[0\].size"),
        (manifest(layers={}), "layers is not an array"),
    ],
)
def test_a_bad_manifest_is_refused_with_the_path_of_the_fault(data, why):
    if why is None:
        data = manifest(mediaType=None, manifests=[{}])
        why = "not an image manifest"
    with pytest.raises(IntegrityError, match=why):
        Manifest.parse(data, source="manifest x")


def test_a_manifest_that_contradicts_its_registrys_type_is_refused():
    with pytest.raises(IntegrityError, match="its registry says"):
        Manifest.parse(manifest(), source="x", media_type=media.DOCKER_MANIFEST)


def test_an_index_finds_the_platform():
    entries = [
        {"mediaType": media.OCI_MANIFEST, "digest": "sha256:" + c * 64, "size": 1,
         "platform": {"os": "linux", "architecture": a, **({"variant": v} if v else {})}}
        for c, a, v in [("1", "amd64", ""), ("2", "arm64", "v8"), ("3", "arm", "v7")]
    ]  # fmt: skip
    index = Index.parse(json.dumps({"manifests": entries}).encode(), source="x")
    assert index.for_platform(Platform("linux", "arm64")).digest == "sha256:" + "2" * 64
    assert index.for_platform(Platform("linux", "arm")).digest == "sha256:" + "3" * 64
    assert index.for_platform(Platform("linux", "s390x")) is None


def test_a_configuration_keeps_what_it_does_not_know():
    document = {
        "architecture": "amd64", "os": "linux", "docker_version": "20",
        "config": {"Env": ["A=1", "B=x=y"], "Cmd": ["sh"], "Odd": {"z": 1},
                   "Healthcheck": {"Test": ["NONE"]}},
        "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
        "history": [{"created_by": "x", "empty_layer": True}],
    }  # fmt: skip
    config = ImageConfig.parse(json.dumps(document).encode(), source="x")
    assert config.run.env == (("A", "1"), ("B", "x=y"))
    assert json.loads(config.to_bytes()) == document
