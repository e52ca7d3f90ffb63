"""The step cache in the reference registry, with the blob store of a build."""

from __future__ import annotations

import pytest

from pybuild.cache.registry import RegistryStepCache
from pybuild.digest import hex_of, sha256_of
from pybuild.oci import media
from pybuild.oci.reference import Repository
from pybuild.ports import CacheEntry, ChainLayer
from pybuild.store.blobs import LayoutStore
from tools.docker_registry import PASSWORD, PROGRAMS, USER, docker_registry
from tools.registry_client import new_client

CREATED = "2026-01-02T03:04:05Z"
KEYS = tuple(sha256_of(bytes([number])) for number in range(40))


@pytest.fixture(params=PROGRAMS)
def server(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder, private=True, version=request.param) as running:
        yield running


@pytest.fixture
def client(server):
    return new_client(auth_config=login(server))


def login(server):
    entry = f'{{"username": "{USER}", "password": "{PASSWORD}"}}'
    return f'{{"auths": {{"{server.host}": {entry}}}}}'


def test_a_chain_of_steps_is_saved_and_found(server, client, tmp_path):
    base = Repository(server.host, "base")
    repository = Repository(server.host, "team/cache")
    store = LayoutStore(tmp_path / "blobs")
    cache = RegistryStepCache(
        client.registry, (repository,), (repository,), store, client.events.append
    )
    chain = [ChainLayer(store.add(b"base", media.OCI_LAYER_GZIP), sha256_of(b"base tar"), base)]
    for number, key in enumerate(KEYS[:3]):
        data = f"layer {number}".encode()
        descriptor = store.add(data, media.OCI_LAYER_GZIP)
        chain.append(ChainLayer(descriptor, sha256_of(data + b" tar")))
        cache.save(key, CacheEntry("", tuple(chain), CREATED), f"step {number}")

    before = len(server.requests())
    fresh = new_client(auth_config=login(server))
    cold = RegistryStepCache(
        fresh.registry, (repository,), (), LayoutStore(tmp_path / "other"), fresh.events.append
    )
    hits = cold.look_up(KEYS)
    assert set(hits) == set(KEYS[:3])
    assert (client.warnings, fresh.warnings) == ([], [])
    deepest = hits[KEYS[2]].chain
    assert [layer.repository for layer in deepest] == [base, repository, repository, repository]
    for number, layer in enumerate(deepest[1:]):
        pulled = b"".join(fresh.registry.pull_blob(layer.repository, layer.descriptor))
        assert pulled == f"layer {number}".encode()

    asked = [line for line in server.requests()[before:] if "/manifests/" in line]
    hit = f"GET /v2/team/cache/manifests/{hex_of(KEYS[0])}"
    assert set(asked) == {f"GET /v2/team/cache/manifests/{hex_of(key)}" for key in KEYS}
    assert 1 <= asked.count(hit) <= 2  # once more where it was the first that had to log in


def test_a_step_without_a_layer_is_saved_and_found(server, client, tmp_path):
    repository = Repository(server.host, "team/cache")
    store = LayoutStore(tmp_path / "blobs")
    cache = RegistryStepCache(
        client.registry, (repository,), (repository,), store, client.events.append
    )
    entry = CacheEntry("", (), CREATED, made_layer=False)
    cache.save(KEYS[0], entry, "ENV a=b")
    assert cache.look_up(KEYS[:1]) == {KEYS[0]: entry}
    assert client.warnings == []


def test_a_wrong_password_costs_the_cache_and_not_the_build(server, tmp_path):
    repository = Repository(server.host, "team/cache")
    store = LayoutStore(tmp_path / "blobs")
    client = new_client()
    cache = RegistryStepCache(
        client.registry, (repository,), (repository,), store, client.events.append
    )
    layer = ChainLayer(store.add(b"layer", media.OCI_LAYER_GZIP), sha256_of(b"tar"))
    assert cache.look_up(KEYS) == {}
    cache.save(KEYS[0], CacheEntry("", (layer,), CREATED), "RUN make")
    assert [warning.code for warning in client.warnings] == ["CacheUnavailable"] * 2
