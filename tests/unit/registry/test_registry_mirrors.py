"""Mirrors: their order, what one of them has lost, and doing without the registry itself."""

from __future__ import annotations

import pytest

from pybuild.errors import BlobMissing, IntegrityError, RegistryError
from pybuild.oci.reference import Reference, Repository
from pybuild.request import Mirror
from tools.fake_registry import FakeRegistry, Fault
from tools.images import AMD64, add_image, describe
from tools.registry_client import new_client

LAYER = describe(b"layer")


@pytest.fixture
def home():
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def first():
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def second():
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def client(home, first, second):
    return client_of(home, first, second)


def client_of(home, first, second, **options):
    return new_client(
        insecure_hosts=frozenset({home.host, first.host, second.host}),
        mirrors=(Mirror(home.host, first.host, "proxy"), Mirror(home.host, second.host)),
        **options,
    )


def resolve(client, home):
    return client.registry.resolve(Reference.parse(f"{home.host}/a:1"), AMD64)


def pull(client, found):
    return b"".join(client.registry.pull_blob(found.repository, LAYER))


def test_mirrors_are_asked_in_order(client, home, first, second):
    add_image(second, "a", "1")
    found = resolve(client, home)
    assert found.repository == Repository(second.host, "a")
    assert first.lines() == ["GET /v2/proxy/a/manifests/1"]
    assert home.seen == []


def test_a_layer_that_a_mirror_has_lost_comes_from_the_next(client, home, first, second):
    for registry, path in ((first, "proxy/a"), (home, "a")):
        add_image(registry, path, "1")
    del first.blobs["proxy/a", LAYER.digest]
    found = resolve(client, home)
    assert found.repository == Repository(first.host, "proxy/a")
    assert pull(client, found) == b"layer"
    assert second.lines() == [f"GET /v2/a/blobs/{LAYER.digest}"]
    assert home.lines() == [f"GET /v2/a/blobs/{LAYER.digest}"]
    assert [warning.code for warning in client.warnings] == ["MirrorFailed"] * 2
    assert client.warnings[0].message.startswith(
        f"mirror {first.host} is passed over: pulling {LAYER.digest} from {first.host}/proxy/a"
    )


def test_a_configuration_that_a_mirror_has_lost_comes_from_the_next(client, home, first):
    add_image(home, "a", "1")
    add_image(first, "proxy/a", "1")
    first.blobs.clear()
    assert resolve(client, home).config.run.env == (("A", "b"),)


def test_a_layer_that_breaks_off_at_a_mirror_goes_on_at_the_next(client, home, first):
    for registry, path in ((first, "proxy/a"), (home, "a")):
        add_image(registry, path, "1")
    found = resolve(client, home)
    first.faults += [
        Fault("blobs", cut_after=2),
        Fault("blobs", status=500, times=99),
    ]
    assert pull(client, found) == b"layer"
    assert home.seen[-1].headers["range"] == "bytes=2-"


def test_a_layer_that_is_nowhere_is_told_by_the_last(client, home, first):
    for registry, path in ((first, "proxy/a"), (home, "a")):
        add_image(registry, path, "1")
        del registry.blobs[path, LAYER.digest]
    found = resolve(client, home)
    with pytest.raises(BlobMissing, match=f"^pulling {LAYER.digest} from {home.host}/a failed"):
        pull(client, found)


def test_a_mirror_that_sends_other_bytes_ends_the_build(client, home, first):
    add_image(home, "a", "1")
    add_image(first, "proxy/a", "1")
    first.blobs["proxy/a", LAYER.digest] = b"Layer"
    found = resolve(client, home)
    with pytest.raises(IntegrityError):
        pull(client, found)


def test_a_layer_asked_for_by_the_registrys_own_name_is_not_sought_at_mirrors(client, home, first):
    add_image(first, "proxy/a", "1")
    resolve(client, home)
    before = len(first.seen)
    with pytest.raises(BlobMissing):
        b"".join(client.registry.pull_blob(Repository(home.host, "a"), LAYER))
    assert len(first.seen) == before


def test_with_mirrors_only_the_registry_itself_is_never_asked(home, first, second):
    client = client_of(home, first, second, mirrors_only=True)
    add_image(home, "a", "1")
    with pytest.raises(RegistryError) as raised:
        resolve(client, home)
    assert raised.value.message == (
        f"image {home.host}/a:1 was not found at {first.host}, then {second.host}"
    )
    assert home.seen == []


def test_with_mirrors_only_the_last_mirrors_trouble_is_the_error(home, first, second):
    client = client_of(home, first, second, mirrors_only=True)
    second.faults.append(Fault("manifests", status=500, times=99))
    with pytest.raises(RegistryError, match=f"failed: {second.host} answered 500"):
        resolve(client, home)


def test_with_mirrors_only_a_refusal_names_the_mirror(home, first, second):
    client = client_of(home, first, second, mirrors_only=True)
    second.auth = "basic"
    with pytest.raises(RegistryError) as raised:
        resolve(client, home)
    assert raised.value.hint == (
        f"check the name and the tag, or give credentials for {second.host}"
    )


def test_a_registry_without_a_mirror_is_asked_even_with_mirrors_only(home, first, second):
    client = client_of(home, first, second, mirrors_only=True)
    add_image(second, "b", "1")
    found = client.registry.resolve(Reference.parse(f"{second.host}/b:1"), AMD64)
    assert found.repository == Repository(second.host, "b")
