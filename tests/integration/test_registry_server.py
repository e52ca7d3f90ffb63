"""Push, mount and pull with the reference registry, both versions, open and behind a password."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import BlobMissing, RegistryError
from pybuild.http import Retries, Transport
from pybuild.oci import media
from pybuild.oci.manifest import Manifest
from pybuild.oci.reference import Reference, Repository
from pybuild.request import Credential, Mirror
from tools.docker_registry import PASSWORD, PROGRAMS, USER, docker_registry
from tools.images import AMD64, describe, image_documents
from tools.limiting_proxy import LimitingProxy
from tools.registry_client import new_client

LAYERS = (os.urandom(3 << 20), b"", b"small")


@pytest.fixture(params=PROGRAMS)
def version(request):
    return request.param


@pytest.fixture
def server(tmp_path, version):
    with docker_registry(tmp_path, version=version) as running:
        yield running


@pytest.fixture
def private(tmp_path_factory, version):
    folder = tmp_path_factory.mktemp("private")
    with docker_registry(folder, private=True, version=version) as running:
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
    with pytest.raises(BlobMissing) as raised:
        new_client().registry.push_manifest(Repository(server.host, "a"), "1", manifest)
    assert raised.value.message.startswith(
        f"pushing {server.host}/a:1 failed: {server.host} does not have all that the manifest names"
    )


def test_a_blob_that_is_not_there_is_told(server):
    with pytest.raises(BlobMissing):
        next(new_client().registry.pull_blob(Repository(server.host, "a"), describe(b"x")))


def test_whether_a_push_is_let_in_can_be_asked(server, private):
    new_client().registry.check_push(Repository(server.host, "a"))
    assert [line.split()[0] for line in server.requests()][-2:] == ["POST", "DELETE"]
    assert list((server.folder / "data").rglob("_uploads/*/data")) == []
    with pytest.raises(RegistryError, match="asks for a login"):
        new_client().registry.check_push(Repository(private.host, "a"))
    for user, password in ((USER, PASSWORD), (USER, "wrong")):
        client = new_client(credentials=(Credential(private.host, user, password),))
        if password == PASSWORD:
            client.registry.check_push(Repository(private.host, "a"))
            continue
        with pytest.raises(RegistryError, match="wrong user name or password"):
            client.registry.check_push(Repository(private.host, "a"))


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


LARGE = os.urandom(19 << 20)


def push_large(proxy, repository="team/app"):
    # It really sleeps: the registry must have noticed that the line was cut.
    transport = Transport(retries=Retries(base_s=0.3))
    client = new_client(transport=transport, insecure_hosts=frozenset({proxy.host}))
    where = Repository(proxy.host, repository)
    assert client.registry.push_blob(where, describe(LARGE), source(LARGE)) == "pushed"
    return b"".join(client.registry.pull_blob(where, describe(LARGE)))


def test_chunks_get_past_a_proxy_that_limits_requests(server):
    with LimitingProxy(server.host, limit=2 << 20) as proxy:
        assert push_large(proxy) == LARGE
    methods = [line.split()[0] for line in server.requests()]
    assert methods.count("PATCH") == 10


def test_a_broken_upload_goes_on_if_the_registry_says_where(server, version):
    with LimitingProxy(server.host) as proxy:
        proxy.cuts = [7 << 20, 3 << 20]
        assert push_large(proxy) == LARGE
    methods = [line.split()[0] for line in server.requests()]
    # Version 2.8 wants to be asked with a state that the broken answer would have told.
    assert methods.count("POST") == {"docker-registry": 3, "registry": 1}[version]


def test_broken_chunks_go_on_where_the_registry_says(server):
    with LimitingProxy(server.host, limit=2 << 20) as proxy:
        proxy.cuts = [None, None, None, None, 1 << 20, None, 77]
        assert push_large(proxy) == LARGE
