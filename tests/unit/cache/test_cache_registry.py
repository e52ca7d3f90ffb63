"""Steps are saved to and found in repositories, and no trouble there fails a build."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from pybuild.cache.entry import About, write_entry
from pybuild.cache.open import open_cache
from pybuild.cache.steps import AT_ONCE
from pybuild.digest import hex_of, sha256_of
from pybuild.errors import BlobMissing, IntegrityError, RegistryError
from pybuild.events import BuildWarning, Debug
from pybuild.oci import media
from pybuild.oci.reference import Repository
from pybuild.ports import CacheEntry, ChainLayer
from tools.images import describe
from tools.memory_ports import MemoryRegistry, MemoryStore

HUB = Repository("docker.io", "library/alpine")
CACHE = Repository("ghcr.io", "team/cache")
MAIN = Repository("ghcr.io", "team/cache-main")
FAR = Repository("quay.io", "team/cache")
KEY, OTHER = sha256_of(b"key"), sha256_of(b"other")
CREATED = "2026-01-02T03:04:05Z"


def layer(data, repository=None):
    return ChainLayer(describe(data), sha256_of(data + b" tar"), repository)


BASE, FIRST, OWN = layer(b"base", HUB), layer(b"first"), layer(b"own")
ENTRY = CacheEntry(sha256_of(b"manifest"), (BASE, FIRST, OWN), CREATED)
SAVED = replace(
    ENTRY, chain=(BASE, replace(FIRST, repository=CACHE), replace(OWN, repository=CACHE))
)


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def events():
    return []


@pytest.fixture
def warnings(events):
    """Filled as the test goes on."""
    return Warnings(events)


class Warnings:
    def __init__(self, events):
        self._events = events

    def __iter__(self):
        return (one for one in self._events if isinstance(one, BuildWarning))

    def __getitem__(self, place):
        return list(self)[place]

    def __eq__(self, other):
        return list(self) == other

    __hash__ = None


@pytest.fixture
def new_cache(registry, events):
    store = MemoryStore()
    for data in (b"first", b"own"):
        store.add(data, media.OCI_LAYER_GZIP)

    def make(read=(CACHE,), write=(CACHE,)):
        opened = open_cache(
            read,
            write,
            registry=registry,
            store=store,
            open_layout=None,
            emit=events.append,
        )
        assert opened.store is store
        return opened.steps

    return make


def put(registry, repository, key, entry):
    registry.manifests[str(repository), hex_of(key)] = write_entry(
        key, entry, About("t"), repository
    ).manifest


def test_what_was_saved_is_found(new_cache, warnings):
    cache = new_cache()
    cache.save(KEY, ENTRY, "RUN make")
    assert cache.look_up([KEY, OTHER]) == {KEY: SAVED}
    assert warnings == []


def test_a_save_pushes_our_layers_and_the_manifest_last(new_cache, registry):
    new_cache().save(KEY, ENTRY, "RUN make")
    config = write_entry(KEY, SAVED, About("RUN make"), CACHE).manifest.config
    cache = str(CACHE)
    assert registry.calls == [
        ("push_blob", cache, FIRST.descriptor.digest),
        ("push_blob", cache, OWN.descriptor.digest),
        ("push_blob", cache, config.digest),
        ("push_manifest", cache, hex_of(KEY)),
    ]


def test_a_hit_is_one_request(new_cache, registry):
    put(registry, CACHE, KEY, SAVED)
    assert new_cache().look_up([KEY]) == {KEY: SAVED}
    assert registry.calls == [("pull_manifest", str(CACHE), hex_of(KEY))]


def test_a_step_without_a_layer_is_saved_with_the_empty_one(new_cache, registry):
    entry = replace(ENTRY, chain=(BASE,), made_layer=False)
    cache = new_cache()
    cache.save(KEY, entry, "ENV a=b")
    assert cache.look_up([KEY]) == {KEY: entry}
    assert registry.blobs[str(CACHE), sha256_of(b"{}")] == b"{}"
    assert (str(CACHE), BASE.descriptor.digest) not in registry.blobs


def test_a_layer_on_the_same_registry_is_mounted(new_cache, registry):
    own = layer(b"elsewhere", MAIN)
    registry.blobs[str(MAIN), own.descriptor.digest] = b"elsewhere"
    cache = new_cache()
    cache.save(KEY, replace(ENTRY, chain=(BASE, own)), "COPY a b")
    assert cache.look_up([KEY])[KEY].chain[-1].repository == CACHE
    assert not any(name == "pull_blob" for name, _, _ in registry.calls)


def test_a_layer_on_another_registry_is_carried_over(new_cache, registry):
    own = layer(b"elsewhere", FAR)
    registry.blobs[str(FAR), own.descriptor.digest] = b"elsewhere"
    new_cache().save(KEY, replace(ENTRY, chain=(BASE, own)), "COPY a b")
    assert registry.blobs[str(CACHE), own.descriptor.digest] == b"elsewhere"


def test_layers_of_hits_stay_where_they_are(new_cache):
    hit = layer(b"hit", MAIN)
    cache = new_cache()
    cache.save(KEY, replace(ENTRY, chain=(BASE, hit, OWN)), "RUN make")
    assert [one.repository for one in cache.look_up([KEY])[KEY].chain] == [HUB, MAIN, CACHE]


def test_every_repository_that_is_written_gets_an_entry_of_its_own(new_cache, registry):
    new_cache(write=(CACHE, FAR)).save(KEY, ENTRY, "RUN make")
    found = new_cache(read=(FAR,)).look_up([KEY])[KEY]
    assert [one.repository for one in found.chain] == [HUB, FAR, FAR]
    assert registry.blobs[str(FAR), OWN.descriptor.digest] == b"own"


def test_the_first_repository_that_has_an_entry_wins(new_cache, registry):
    late = replace(SAVED, chain=(BASE, replace(OWN, repository=MAIN)))
    put(registry, MAIN, KEY, late)
    assert new_cache(read=(CACHE, MAIN)).look_up([KEY]) == {KEY: late}
    put(registry, CACHE, KEY, SAVED)
    assert new_cache(read=(CACHE, MAIN)).look_up([KEY]) == {KEY: SAVED}


def test_all_keys_are_asked_at_once_and_each_once(new_cache, registry):
    together = threading.Barrier(AT_ONCE, timeout=10)
    asked = registry.pull_manifest

    def pull_manifest(repository, selector):
        together.wait()
        return asked(repository, selector)

    registry.pull_manifest = pull_manifest
    keys = [sha256_of(bytes([number])) for number in range(AT_ONCE)]
    assert new_cache().look_up([*keys, *keys]) == {}
    assert len(registry.calls) == AT_ONCE


def test_without_keys_or_repositories_nothing_is_asked(new_cache, registry):
    assert new_cache().look_up([]) == {}
    assert new_cache(read=()).look_up([KEY]) == {}
    new_cache(write=()).save(KEY, ENTRY, "RUN make")
    assert registry.calls == []
    assert new_cache(read=(), write=()) is None


def test_a_foreign_entry_is_a_miss_and_a_warning(new_cache, registry, warnings):
    put(registry, CACHE, OTHER, SAVED)
    tag = (str(CACHE), hex_of(KEY))
    registry.manifests[tag] = registry.manifests.pop((str(CACHE), hex_of(OTHER)))
    there = replace(SAVED, chain=(BASE, replace(OWN, repository=MAIN)))
    put(registry, MAIN, KEY, there)
    assert new_cache(read=(CACHE, MAIN)).look_up([KEY]) == {KEY: there}
    (warning,) = warnings
    assert warning.code == "CacheEntryIgnored"
    assert warning.message == (
        f"a cache entry is ignored: {CACHE}:{hex_of(KEY)} belongs to another key;"
        " more of them are told as details"
    )


def test_garbage_is_a_miss_and_one_warning(new_cache, registry, warnings, events):
    registry.failures["pull_manifest", str(CACHE)] = IntegrityError("it is\nnot JSON")
    assert new_cache().look_up([KEY, OTHER]) == {}
    assert [one.code for one in warnings] == ["CacheEntryIgnored"]
    details = [one.message for one in events if isinstance(one, Debug)]
    assert details == ["a cache entry is ignored: it is not JSON"] * 2


def test_an_unreachable_cache_is_warned_about_once_and_left_alone(new_cache, registry, warnings):
    registry.failures["pull_manifest", str(CACHE)] = RegistryError("ghcr.io is down")
    there = replace(SAVED, chain=(BASE, replace(OWN, repository=FAR)))
    put(registry, FAR, KEY, there)
    cache = new_cache(read=(CACHE, FAR))
    keys = [KEY, *(sha256_of(bytes([number])) for number in range(100))]
    assert cache.look_up(keys) == {KEY: there}
    assert cache.look_up(keys) == {KEY: there}
    assert [(one.code, one.message) for one in warnings] == [
        (
            "CacheUnavailable",
            "the cache at ghcr.io is not asked for steps any more: ghcr.io is down",
        )
    ]
    assert sum(repository == str(CACHE) for _, repository, _ in registry.calls) <= AT_ONCE


@pytest.mark.parametrize("call", ["push_blob", "push_manifest"])
def test_a_cache_that_cannot_be_written_can_still_be_read(new_cache, registry, warnings, call):
    put(registry, CACHE, OTHER, SAVED)
    registry.failures[call, str(CACHE)] = RegistryError("denied")
    cache = new_cache()
    cache.save(KEY, ENTRY, "RUN make")
    asked = len(registry.calls)
    cache.save(KEY, ENTRY, "RUN make")
    assert len(registry.calls) == asked
    assert [one.message for one in warnings] == [
        "the cache at ghcr.io is not given steps any more: denied"
    ]
    assert cache.look_up([OTHER]) == {OTHER: SAVED}


@pytest.mark.parametrize(
    "failure",
    [IntegrityError("other bytes"), OSError(28, "disk full"), BlobMissing("a layer is gone")],
)
def test_a_step_that_cannot_be_saved_is_a_warning_about_that_step(
    new_cache, registry, warnings, failure
):
    registry.failures["push_blob", str(CACHE)] = failure
    cache = new_cache()
    cache.save(KEY, ENTRY, "RUN make")
    assert [one.code for one in warnings] == ["CacheNotSaved"]
    assert warnings[0].message.startswith(f"RUN make is not cached in {CACHE}: ")
    assert registry.manifests == {}
    registry.failures.clear()
    cache.save(KEY, ENTRY, "RUN make")
    assert set(registry.manifests) == {(str(CACHE), hex_of(KEY))}
