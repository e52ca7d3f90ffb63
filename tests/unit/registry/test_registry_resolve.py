"""References become exact documents, from mirrors or home, or one line that says why not."""

from __future__ import annotations

import json
import socket

import pytest

from pybuild.errors import BlobMissing, IntegrityError, RegistryError
from pybuild.oci import media
from pybuild.oci.reference import Reference, Repository
from pybuild.request import Credential, Mirror
from tools.fake_registry import FakeRegistry, Fault
from tools.images import AMD64, ARM64, add_image, describe, image_documents, index_document
from tools.registry_client import new_client


@pytest.fixture
def registry():
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def mirror():
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def client(registry):
    return new_client(insecure_hosts=frozenset({registry.host}))


def ref(registry, rest="a/b:1"):
    return Reference.parse(f"{registry.host}/{rest}")


def failure(client, reference, platform=AMD64, error=RegistryError):
    with pytest.raises(error) as raised:
        client.registry.resolve(reference, platform)
    assert "\n" not in raised.value.message
    return raised.value


def test_an_image_is_one_manifest_and_one_configuration(registry, client):
    digest = add_image(registry, "a/b", "1")
    found = client.registry.resolve(ref(registry), AMD64)
    assert found.reference == ref(registry).pinned(digest)
    assert (found.repository, found.digest) == (ref(registry).repository, digest)
    assert found.config.run.env == (("A", "b"),)
    assert found.manifest.layers == (describe(b"layer"),)
    assert registry.lines() == [
        "GET /v2/a/b/manifests/1",
        f"GET /v2/a/b/blobs/{found.manifest.config.digest}",
    ]
    assert set(registry.seen[0].headers["accept"].split(", ")) == {
        *media.INDEXES,
        *media.MANIFESTS,
    }


def test_a_docker_image_is_taken_too(registry, client):
    add_image(
        registry,
        "a/b",
        "1",
        layer_type=media.DOCKER_LAYER_GZIP,
        config_type=media.DOCKER_CONFIG,
        manifest_type=media.DOCKER_MANIFEST,
    )
    found = client.registry.resolve(ref(registry), AMD64)
    assert found.manifest.media_type == media.DOCKER_MANIFEST


@pytest.mark.parametrize("index_type", [media.OCI_INDEX, media.DOCKER_LIST])
def test_an_index_leads_to_the_platform(registry, client, index_type):
    config, manifest = image_documents(platform=ARM64)
    _, other = image_documents((b"x",))
    registry.add_blob("a/b", config)
    digest = registry.add_manifest("a/b", "ignored", media.OCI_MANIFEST, manifest)
    index = index_document((other, AMD64), (manifest, ARM64), media_type=index_type)
    registry.add_manifest("a/b", "1", index_type, index)
    found = client.registry.resolve(ref(registry), ARM64)
    assert found.digest == digest
    assert found.config.platform == ARM64
    assert registry.lines()[:2] == [
        "GET /v2/a/b/manifests/1",
        f"GET /v2/a/b/manifests/{digest}",
    ]


def test_a_missing_platform_is_told_with_those_that_are_there(registry, client):
    _, manifest = image_documents()
    index = index_document((manifest, AMD64), (manifest, AMD64))
    registry.add_manifest("a/b", "1", media.OCI_INDEX, index)
    error = failure(client, ref(registry), ARM64)
    assert error.message == f"{ref(registry)} has no image for linux/arm64; it offers linux/amd64"


def test_a_single_image_of_another_platform_is_used(registry, client):
    digest = add_image(registry, "a/b", "1", platform=ARM64)
    found = client.registry.resolve(ref(registry), AMD64)
    assert (found.digest, found.config.platform) == (digest, ARM64)
    assert client.warnings == []  # who asks knows whether it matters


@pytest.mark.parametrize("said", ["", "application/json", "text/plain; charset=utf-8"])
def test_a_document_without_a_media_type_speaks_for_itself(registry, client, said):
    config, manifest = image_documents()
    registry.add_blob("a/b", config)
    registry.add_manifest("a/b", "ignored", media.OCI_MANIFEST, manifest)
    registry.add_manifest("a/b", "1", said, index_document((manifest, AMD64)))
    assert client.registry.resolve(ref(registry), AMD64).digest == describe(manifest).digest


def test_what_is_asked_for_by_digest_must_have_it(registry, client):
    digest = add_image(registry, "a/b", "1")
    other = "sha256:" + "0" * 64
    registry.manifests["a/b", other] = registry.manifests["a/b", digest]
    error = failure(client, ref(registry, f"a/b@{other}"), error=IntegrityError)
    assert (
        error.message == f"the manifest of {registry.host}/a/b@{other} has another digest: {digest}"
    )


def test_a_manifest_changed_on_its_way_is_found_out(registry, client):
    digest = add_image(registry, "a/b", "1")
    registry.digest_header = "sha256:" + "1" * 64
    error = failure(client, ref(registry), error=IntegrityError)
    assert error.message == (
        f"the manifest of {registry.host}/a/b:1 has the digest {digest},"
        f" its registry says {registry.digest_header}"
    )


def test_a_changed_configuration_is_found_out(registry, client):
    add_image(registry, "a/b", "1")
    config = describe(image_documents()[0]).digest
    registry.blobs["a/b", config] = registry.blobs["a/b", config].replace(b"A=b", b"A=c")
    error = failure(client, ref(registry), error=IntegrityError)
    assert error.message.startswith(f"{config} from {registry.host}/a/b has the digest sha256:")


def test_layers_and_diff_ids_must_be_as_many(registry, client):
    config, _ = image_documents(())
    _, manifest = image_documents()
    document = json.loads(manifest) | {"config": describe(config, media.OCI_CONFIG).to_json()}
    registry.add_blob("a/b", config)
    registry.add_manifest("a/b", "1", media.OCI_MANIFEST, json.dumps(document).encode())
    error = failure(client, ref(registry), error=IntegrityError)
    assert error.message == f"{ref(registry)} has 1 layers, its configuration names 0"


@pytest.mark.parametrize("layer_type", sorted(media.ELSEWHERE))
def test_a_layer_that_the_registry_need_not_hold_is_refused_by_name(registry, client, layer_type):
    config, manifest = image_documents(layer_type=layer_type)
    document = json.loads(manifest)
    document["layers"][0]["urls"] = ["http://elsewhere.invalid/layer"]
    registry.add_blob("a/b", config)
    registry.add_manifest("a/b", "1", media.OCI_MANIFEST, json.dumps(document).encode())
    error = failure(client, ref(registry))
    assert error.message == (
        f"{ref(registry)} has a layer that its registry need not hold:"
        f" {describe(b'layer').digest} is {layer_type!r}"
    )


def test_what_is_no_layer_is_refused(registry, client):
    chart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    add_image(registry, "a/b", "1", layer_type=chart)
    assert failure(client, ref(registry)).message == (
        f"{ref(registry)} has a layer of the media type {chart!r}, which cannot be used"
    )


def test_what_is_no_image_is_refused(registry, client):
    add_image(registry, "a/b", "1", config_type="application/vnd.cncf.helm.config.v1+json")
    assert "is no image: its configuration is 'application/vnd.cncf.helm" in (
        failure(client, ref(registry)).message
    )


@pytest.mark.parametrize(
    ("said", "document"),
    [*((said, b"{}") for said in sorted(media.DOCKER_SCHEMA_1)),
     ("application/json", b'{"schemaVersion": 1, "name": "a/b", "tag": "1"}')],
)  # fmt: skip
def test_a_schema_1_manifest_is_called_that(registry, client, said, document):
    registry.add_manifest("a/b", "1", said, document)
    error = failure(client, ref(registry))
    assert error.message == (
        f"{ref(registry)} is in Docker's schema 1, a format that was given up in 2017"
    )
    assert "push it again" in error.hint


def test_another_document_is_no_image(registry, client):
    registry.add_manifest("a/b", "1", "text/html", b"<html>")
    assert failure(client, ref(registry)).message == (
        f"{ref(registry)} is of the media type 'text/html', which is no image"
    )


def test_an_index_by_its_digest_leads_to_the_platform(registry, client):
    config, manifest = image_documents(platform=ARM64)
    registry.add_blob("a/b", config)
    digest = registry.add_manifest("a/b", "ignored", media.OCI_MANIFEST, manifest)
    index = registry.add_manifest("a/b", "x", media.OCI_INDEX, index_document((manifest, ARM64)))
    found = client.registry.resolve(ref(registry, f"a/b:1@{index}"), ARM64)
    assert str(found.reference) == f"{registry.host}/a/b:1@{digest}"
    assert registry.lines()[0] == f"GET /v2/a/b/manifests/{index}"


def test_an_index_that_names_what_is_not_there_is_told(registry, client):
    _, manifest = image_documents()
    registry.add_manifest("a/b", "1", media.OCI_INDEX, index_document((manifest, AMD64)))
    error = failure(client, ref(registry), error=BlobMissing)
    assert error.message == (
        f"{registry.host}/a/b does not have {describe(manifest).digest},"
        f" which its index {ref(registry)} names for linux/amd64"
    )


def test_an_unknown_image_is_one_line_and_a_hint(registry, client):
    error = failure(client, ref(registry, "nope"))
    assert error.message == (f"image {registry.host}/nope:latest was not found at {registry.host}")
    assert error.hint == "check the name and the tag; a private image needs credentials"


def test_the_mirror_is_asked_first_and_the_registry_not_at_all(mirror):
    add_image(mirror, "library/alpine", "3")
    client = new_client(mirrors=(Mirror("docker.io", mirror.host),))
    found = client.registry.resolve(Reference.parse("alpine:3"), AMD64)
    assert found.repository == Repository(mirror.host, "library/alpine")
    assert str(found.reference) == f"docker.io/library/alpine:3@{found.digest}"


def test_a_mirror_may_have_a_prefix_and_a_login_of_its_own(mirror):
    mirror.auth = "basic"
    add_image(mirror, "proxy/hub/library/alpine", "3")
    client = new_client(
        mirrors=(Mirror("index.docker.io", mirror.host, "proxy/hub"),),
        credentials=(
            Credential("docker.io", "x", "hub"),
            Credential(mirror.host, "user", "secret"),
        ),
    )
    found = client.registry.resolve(Reference.parse("alpine:3"), AMD64)
    assert found.repository.path == "proxy/hub/library/alpine"


@pytest.mark.parametrize("trouble", ["miss", "error", "refusal"])
def test_after_the_mirror_the_registry_itself_is_asked(registry, mirror, trouble):
    digest = add_image(registry, "a/b", "1")
    if trouble == "error":
        mirror.faults.append(Fault("manifests", status=500, times=99))
    if trouble == "refusal":
        mirror.auth = "basic"
    client = new_client(mirrors=(Mirror(registry.host, mirror.host),))
    for _ in range(2):
        assert client.registry.resolve(ref(registry), AMD64).digest == digest
    warned = [warning.code for warning in client.warnings]
    assert warned == ([] if trouble == "miss" else ["MirrorFailed"])


def test_a_mirror_of_another_registry_is_not_asked(registry, mirror, client):
    add_image(registry, "a/b", "1")
    client = new_client(mirrors=(Mirror("docker.io", mirror.host),))
    client.registry.resolve(ref(registry), AMD64)
    assert mirror.seen == []


def test_where_it_was_looked_for_is_told_in_order(registry, mirror):
    client = new_client(mirrors=(Mirror(registry.host, mirror.host),))
    assert failure(client, ref(registry)).message == (
        f"image {ref(registry)} was not found at {mirror.host}, then {registry.host}"
    )


def test_a_mirror_that_lies_ends_the_build(registry, mirror):
    add_image(registry, "a/b", "1")
    add_image(mirror, "a/b", "1")
    mirror.digest_header = "sha256:" + "1" * 64
    client = new_client(mirrors=(Mirror(registry.host, mirror.host),))
    failure(client, ref(registry), error=IntegrityError)


def test_a_private_image_without_a_login_may_not_exist(registry, client):
    registry.auth = "basic"
    error = failure(client, ref(registry))
    assert error.message == (
        f"image {ref(registry)} was not found, or is private: pulling the manifest of"
        f" {ref(registry)} was refused: {registry.host} asks for a login"
    )


def test_a_wrong_password_is_called_that(registry):
    registry.auth = "basic"
    client = new_client(credentials=(Credential(registry.host, "user", "wrong"),))
    error = failure(client, ref(registry))
    assert error.message == (
        f"pulling the manifest of {ref(registry)} was refused by {registry.host}:"
        " wrong user name or password"
    )
    assert error.hint == f"check the credentials for {registry.host}"
    assert len(registry.seen) <= 4


def test_a_403_says_what_the_registry_said(registry, client):
    body = b'{"errors":[{"code":"DENIED","message":"your\\n plan \\u001b[31mended"}]}'
    registry.faults.append(Fault("manifests", status=403, body=body))
    assert f"{registry.host}: access denied (DENIED: your plan [31mended)" in (
        failure(client, ref(registry)).message
    )


def test_too_many_requests_are_told_with_the_remedy(registry, client):
    registry.faults.append(Fault("manifests", status=429, times=99))
    error = failure(client, ref(registry))
    assert "gets too many requests from here" in error.message
    assert error.hint == "log in for a higher limit, or use a mirror"
    assert len(client.naps) == 4


def test_a_registry_that_is_not_there_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    error = failure(new_client(), Reference.parse(f"{host}/a:1"))
    assert error.message == (
        f"pulling the manifest of {host}/a:1 failed: {host} refused the connection"
    )
    assert error.hint == "check the host and the port, and that the registry runs"
