"""The step cache in the reference registry, with the blob store of a build."""

from __future__ import annotations

import pytest

from pybuild.cache.open import open_cache
from pybuild.cache.pruning import Rules, choose
from pybuild.cache.repository_stock import RepositoryStock
from pybuild.digest import hex_of, sha256_of
from pybuild.errors import RegistryError
from pybuild.oci import media
from pybuild.oci.reference import Repository
from pybuild.ports import CacheEntry, ChainLayer
from pybuild.registry.catalogue import Catalogue
from pybuild.request import RegistryOptions
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


def cache_at(repository, store, client):
    places = (repository,)
    return open_cache(
        places,
        places,
        registry=client.registry,
        store=store,
        open_layout=LayoutStore,
        emit=client.events.append,
    ).steps


def test_a_chain_of_steps_is_saved_and_found(server, client, tmp_path):
    base = Repository(server.host, "base")
    repository = Repository(server.host, "team/cache")
    store = LayoutStore(tmp_path / "blobs")
    cache = cache_at(repository, store, client)
    chain = [ChainLayer(store.add(b"base", media.OCI_LAYER_GZIP), sha256_of(b"base tar"), base)]
    for number, key in enumerate(KEYS[:3]):
        data = f"layer {number}".encode()
        descriptor = store.add(data, media.OCI_LAYER_GZIP)
        chain.append(ChainLayer(descriptor, sha256_of(data + b" tar")))
        cache.save(key, CacheEntry("", tuple(chain), CREATED), f"step {number}")

    before = len(server.requests())
    fresh = new_client(auth_config=login(server))
    cold = cache_at(repository, LayoutStore(tmp_path / "other"), fresh)
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
    cache = cache_at(repository, store, client)
    entry = CacheEntry("", (), CREATED, made_layer=False)
    cache.save(KEYS[0], entry, "ENV a=b")
    assert cache.look_up(KEYS[:1]) == {KEYS[0]: entry}
    assert client.warnings == []


def test_a_wrong_password_costs_the_cache_and_not_the_build(server, tmp_path):
    repository = Repository(server.host, "team/cache")
    store = LayoutStore(tmp_path / "blobs")
    client = new_client()
    cache = cache_at(repository, store, client)
    layer = ChainLayer(store.add(b"layer", media.OCI_LAYER_GZIP), sha256_of(b"tar"))
    assert cache.look_up(KEYS) == {}
    cache.save(KEYS[0], CacheEntry("", (layer,), CREATED), "RUN make")
    assert [warning.code for warning in client.warnings] == ["CacheUnavailable"] * 2


def save_three(repository, client, tmp_path):
    store = LayoutStore(tmp_path / "blobs")
    cache = cache_at(repository, store, client)
    for number, key in enumerate(KEYS[:3]):
        layer = ChainLayer(store.add(key.encode(), media.OCI_LAYER_GZIP), key)
        cache.save(key, CacheEntry("", (layer,), f"202{number}-01-02T03:04:05Z"), "RUN make")
    return cache


def stock_of(repository, server, client):
    options = RegistryOptions(auth_config=login(server))
    return RepositoryStock(repository, Catalogue(options, client.transport, client.events.append))


@pytest.fixture
def deletes(monkeypatch):
    monkeypatch.setenv("REGISTRY_STORAGE_DELETE_ENABLED", "true")


@pytest.mark.usefixtures("deletes")
def test_old_entries_are_listed_and_removed(server, client, tmp_path):
    repository = Repository(server.host, "team/cache")
    cache = save_three(repository, client, tmp_path)
    stock = stock_of(repository, server, client)
    held = stock.held()
    assert {one.key for one in held} == set(KEYS[:3])

    stock.remove(choose(held, Rules(keep_last=1), 0.0).gone)

    assert set(cache.look_up(KEYS)) == {KEYS[2]}
    assert [one.key for one in stock.held()] == [KEYS[2]]
    assert client.warnings == []


def test_a_registry_that_keeps_everything_says_so(server, client, tmp_path):
    repository = Repository(server.host, "team/cache")
    cache = save_three(repository, client, tmp_path)
    stock = stock_of(repository, server, client)
    with pytest.raises(RegistryError) as raised:
        stock.remove(stock.held())
    assert raised.value.message == f"{server.host} does not let manifests be removed (405)"
    assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in raised.value.hint
    assert set(cache.look_up(KEYS)) == set(KEYS[:3])
