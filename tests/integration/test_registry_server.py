"""Push, mount and pull with the reference registry, open and behind a password."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import RegistryError
from pybuild.oci import media
from pybuild.oci.manifest import Manifest
from pybuild.oci.reference import Reference, Repository
from pybuild.request import Credential, Mirror
from tools.docker_registry import PASSWORD, USER, docker_registry
from tools.images import AMD64, describe, image_documents
from tools.registry_client import new_client

LAYERS = (os.urandom(3 << 20), b"", b"small")


@pytest.fixture
def server(tmp_path):
    with docker_registry(tmp_path) as running:
        yield running


@pytest.fixture
def private(tmp_path_factory):
    with docker_registry(tmp_path_factory.mktemp("private"), private=True) as running:
        yield running


def source(data):
    return lambda: (data[at : at + 65536] for at in range(0, len(data), 65536))


def push_image(client, repository, tag="1"):
    config, document = image_documents(LAYERS)
    manifest = Manifest.parse(document, source="m")
    client.registry.push_blob(repository, describe(config, media.OCI_CONFIG), source(config))
    with ThreadPoolExecutor() as pool:
        hows = list(
            pool.map(
                lambda data: client.registry.push_blob(repository, describe(data), source(data)),
                LAYERS,
            )
        )
    client.registry.push_manifest(repository, tag, manifest)
    return manifest, hows


def test_what_is_pushed_is_pulled(server):
    client = new_client()
    repository = Repository(server.host, "team/app")
    manifest, hows = push_image(client, repository)
    assert hows == ["pushed"] * 3
    found = client.registry.resolve(Reference.parse(f"{repository}:1"), AMD64)
    assert found.manifest == manifest
    assert found.digest == sha256_of(manifest.to_bytes())
    for data in LAYERS:
        assert b"".join(client.registry.pull_blob(repository, describe(data))) == data
    assert client.registry.pull_manifest(repository, found.digest) == manifest
    assert client.registry.pull_manifest(repository, "2") is None
    assert client.registry.pull_manifest(Repository(server.host, "nope"), "1") is None


def test_a_second_push_sends_no_layer(server):
    repository = Repository(server.host, "team/app")
    push_image(new_client(), repository)
    before = len(server.requests())
    _, hows = push_image(new_client(), repository, "2")
    assert hows == ["exists"] * 3
    assert [line.split()[0] for line in server.requests()[before:]] == [
        "GET",  # https or http
        *["HEAD"] * 4,
        "PUT",
    ]


def test_a_push_to_a_sibling_mounts(server):
    client = new_client()
    push_image(client, Repository(server.host, "team/app"))
    how = client.registry.push_blob(
        Repository(server.host, "team/other"),
        describe(LAYERS[0]),
        pytest.fail,
        Repository(server.host, "team/app"),
    )
    assert how == "mounted"


def test_a_mount_that_finds_nothing_is_an_upload(server):
    how = new_client().registry.push_blob(
        Repository(server.host, "a"),
        describe(LAYERS[0]),
        source(LAYERS[0]),
        Repository(server.host, "nope"),
    )
    assert how == "pushed"
    assert [line.split()[0] for line in server.requests()][-2:] == ["POST", "PUT"]


def test_a_manifest_whose_blobs_are_missing_is_refused(server):
    _, document = image_documents((b"missing",))
    manifest = Manifest.parse(document, source="m")
    with pytest.raises(RegistryError) as raised:
        new_client().registry.push_manifest(Repository(server.host, "a"), "1", manifest)
    assert f"pushing {server.host}/a:1 failed: {server.host} answered 40" in raised.value.message
    assert "MANIFEST_BLOB_UNKNOWN" in raised.value.message


def test_an_unknown_image_is_one_line(server):
    with pytest.raises(RegistryError) as raised:
        new_client().registry.resolve(Reference.parse(f"{server.host}/nope"), AMD64)
    assert raised.value.message == (
        f"image {server.host}/nope:latest was not found at {server.host}"
    )


def test_a_private_registry_takes_the_right_password(private):
    client = new_client(credentials=(Credential(private.host, USER, PASSWORD),))
    repository = Repository(private.host, "team/app")
    manifest, _ = push_image(client, repository)
    found = client.registry.resolve(Reference.parse(f"{repository}:1"), AMD64)
    assert found.manifest == manifest


@pytest.mark.parametrize(
    ("credentials", "reason"),
    [
        ((), "asks for a login"),
        (((USER, "wrong"),), "wrong user name or password"),
        ((("nobody", PASSWORD),), "wrong user name or password"),
    ],
)
def test_a_private_registry_refuses_all_others(private, credentials, reason):
    logins = tuple(Credential(private.host, *login) for login in credentials)
    client = new_client(credentials=logins)
    repository = Repository(private.host, "team/app")
    with pytest.raises(RegistryError, match=reason):
        client.registry.resolve(Reference.parse(f"{repository}:1"), AMD64)
    with pytest.raises(RegistryError, match=reason):
        client.registry.push_blob(repository, describe(b"x"), source(b"x"))
    assert client.naps == []


def test_a_mirror_serves_the_hubs_images_with_its_own_password(private):
    client = new_client(
        credentials=(Credential(private.host, USER, PASSWORD),),
        mirrors=(Mirror("docker.io", private.host),),
    )
    mirrored = Repository(private.host, "library/tiny")
    push_image(client, mirrored)
    found = client.registry.resolve(Reference.parse("tiny:1"), AMD64)
    assert found.repository == mirrored
    chunks = client.registry.pull_blob(found.repository, found.manifest.layers[0])
    assert b"".join(chunks) == LAYERS[0]
