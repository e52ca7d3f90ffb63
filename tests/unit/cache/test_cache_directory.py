"""Steps in a directory: found and kept without moving a byte too many, whatever befalls it."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace

import pytest

from pybuild.cache.index import LayoutIndex
from pybuild.cache.open import open_cache
from pybuild.digest import hex_of, sha256_of
from pybuild.errors import IntegrityError
from pybuild.events import BuildWarning
from pybuild.oci import media
from pybuild.oci.reference import Repository
from pybuild.ports import CacheEntry, ChainLayer
from pybuild.store.blobs import LayoutStore
from tools.images import describe
from tools.memory_ports import MemoryRegistry, MemoryStore

HUB = Repository("docker.io", "library/alpine")
CACHE = Repository("ghcr.io", "team/cache")
KEY, OTHER = sha256_of(b"key"), sha256_of(b"other")
CREATED = "2026-01-02T03:04:05Z"


def layer(data, repository=None):
    return ChainLayer(describe(data), sha256_of(data + b" tar"), repository)


BASE, FIRST, OWN = layer(b"base", HUB), layer(b"first"), layer(b"own")
ENTRY = CacheEntry(sha256_of(b"manifest"), (BASE, FIRST, OWN), CREATED)


class Build:
    """One build that uses a directory."""

    def __init__(self, directory, *, read=None, write=None, blobs=(b"first", b"own")):
        self.events = []
        self.registry = MemoryRegistry()
        self.own = MemoryStore()
        for data in blobs:
            self.own.add(data, media.OCI_LAYER_GZIP)
        self.opened = []
        opened = open_cache(
            (directory,) if read is None else read,
            (directory,) if write is None else write,
            registry=self.registry,
            store=self.own,
            open_layout=self.open,
            emit=self.events.append,
        )
        self.cache, self.store = opened.steps, opened.store
        self.carry_over = opened.carry_over

    def open(self, path):
        self.opened.append(path)
        return LayoutStore(path)

    @property
    def warnings(self):
        return [one for one in self.events if isinstance(one, BuildWarning)]


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def filled(directory):
    Build(directory).cache.save(KEY, ENTRY, "RUN make")
    return directory


def blob(directory, digest):
    return directory / "blobs" / "sha256" / hex_of(digest)


def test_what_was_saved_is_found_by_another_build(filled):
    build = Build(filled, blobs=())

    assert build.cache.look_up([KEY, OTHER]) == {KEY: ENTRY}
    assert build.warnings == []
    assert build.registry.calls == []


def test_the_directory_is_an_oci_layout(filled):
    assert json.loads((filled / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((filled / "index.json").read_text())
    (named,) = index["manifests"]
    manifest = json.loads(blob(filled, named["digest"]).read_bytes())

    assert named == {
        "mediaType": media.OCI_MANIFEST,
        "digest": named["digest"],
        "size": blob(filled, named["digest"]).stat().st_size,
        "artifactType": "application/vnd.pybuild.cache.step.v1",
        "annotations": {"org.opencontainers.image.ref.name": hex_of(KEY)},
    }
    assert manifest["layers"] == [FIRST.descriptor.to_json(), OWN.descriptor.to_json()]
    assert {path.name for path in (filled / "blobs" / "sha256").iterdir()} == {
        hex_of(named["digest"]),
        hex_of(manifest["config"]["digest"]),
        hex_of(FIRST.descriptor.digest),
        hex_of(OWN.descriptor.digest),
    }


def test_a_look_up_moves_no_layer_and_a_step_reads_it_where_it_lies(filled):
    build = Build(filled, blobs=())
    assert build.cache.look_up([KEY])
    assert build.own.blobs == {}

    assert OWN.descriptor.digest in build.store
    with build.store.open(OWN.descriptor) as file:
        assert file.read() == b"own"
    assert build.own.blobs == {}


def test_a_layer_is_checked_where_it_is_read(filled):
    build = Build(filled, blobs=())
    assert build.cache.look_up([KEY])
    blob(filled, OWN.descriptor.digest).write_bytes(b"bad")

    with build.store.open(OWN.descriptor) as file, pytest.raises(IntegrityError):
        file.read()


def test_what_is_new_goes_to_the_build_s_own_store(filled):
    build = Build(filled, blobs=())
    added = build.store.add(b"new", media.OCI_CONFIG)

    assert build.own.blobs == {added.digest: b"new"}
    assert not blob(filled, added.digest).exists()


def test_a_layer_that_a_registry_has_alone_is_brought(directory):
    far = layer(b"far", CACHE)
    build = Build(directory, blobs=())
    build.registry.blobs[str(CACHE), far.descriptor.digest] = b"far"
    build.cache.save(KEY, replace(ENTRY, chain=(BASE, far)), "COPY a b")

    assert build.cache.look_up([KEY])[KEY].chain == (BASE, replace(far, repository=None))
    assert blob(directory, far.descriptor.digest).read_bytes() == b"far"
    assert not blob(directory, BASE.descriptor.digest).exists()


def test_a_step_on_hits_of_a_directory_is_whole_in_a_registry(filled):
    build = Build(filled, read=(filled,), write=(CACHE,), blobs=(b"last",))
    hit = build.cache.look_up([KEY])[KEY]
    build.cache.save(OTHER, replace(ENTRY, chain=(*hit.chain, layer(b"last"))), "RUN test")

    assert {digest for _, digest in build.registry.blobs} > {
        one.descriptor.digest for one in (FIRST, OWN, layer(b"last"))
    }
    manifest = build.registry.manifests[str(CACHE), hex_of(OTHER)]
    assert [one.digest for one in manifest.layers] == [
        one.descriptor.digest for one in (FIRST, OWN, layer(b"last"))
    ]


@pytest.mark.parametrize("first", ["directory", "repository"])
def test_of_places_of_any_kind_the_first_wins(filled, first):
    build = Build(filled, write=(CACHE,))
    there = replace(ENTRY, created="2027-01-01T00:00:00Z")
    build.cache.save(KEY, there, "RUN make")
    places = (filled, CACHE) if first == "directory" else (CACHE, filled)
    reader = Build(filled, read=places, write=())
    reader.registry.manifests |= build.registry.manifests

    assert reader.cache.look_up([KEY])[KEY].created == (
        CREATED if first == "directory" else there.created
    )
    asked = [("pull_manifest", str(CACHE), hex_of(KEY))] if first == "repository" else []
    assert reader.registry.calls == asked


def test_every_place_of_any_kind_is_given_a_step(directory):
    build = Build(directory, write=(CACHE, directory))
    build.cache.save(KEY, ENTRY, "RUN make")

    assert (str(CACHE), hex_of(KEY)) in build.registry.manifests
    assert Build(directory).cache.look_up([KEY]) == {KEY: ENTRY}


def test_a_directory_that_is_only_asked_is_not_made(directory):
    build = Build(directory, write=())

    assert build.cache.look_up([KEY]) == {}
    assert not directory.exists()
    assert build.warnings == []


def test_a_directory_that_cannot_be_made_is_a_warning(tmp_path):
    (tmp_path / "file").write_text("")
    build = Build(tmp_path / "file" / "cache")
    build.cache.save(KEY, ENTRY, "RUN make")

    assert build.cache.look_up([KEY]) == {}
    (warning,) = build.warnings
    assert warning.code == "CacheUnavailable"
    assert str(tmp_path / "file" / "cache") in warning.message


def named_manifest(directory):
    (found,) = LayoutIndex(directory).read().steps.values()
    return blob(directory, found.digest)


@pytest.mark.parametrize(
    "harm",
    [
        lambda d: blob(d, OWN.descriptor.digest).unlink(),
        lambda d: blob(d, FIRST.descriptor.digest).write_bytes(b"fir"),
        lambda d: named_manifest(d).unlink(),
        lambda d: named_manifest(d).write_bytes(named_manifest(d).read_bytes()[:-1]),
        lambda d: named_manifest(d).write_bytes(b"\xff" * named_manifest(d).stat().st_size),
        lambda d: (d / "index.json").write_bytes(b""),
        lambda d: (d / "index.json").write_bytes(b'{"manifests":[5]}'),
        lambda d: (d / "index.json").write_bytes(b"[]"),
    ],
    ids=[
        "layer gone", "layer cut", "manifest gone", "manifest cut", "garbage", "empty index",
        "foreign index", "index of another kind",
    ],
)  # fmt: skip
def test_harm_is_a_miss_and_the_next_save_mends_it(filled, harm):
    harm(filled)
    build = Build(filled)
    assert build.cache.look_up([KEY]) == {}
    assert {one.code for one in build.warnings} <= {"CacheEntryIgnored"}

    build.cache.save(KEY, ENTRY, "RUN make")
    assert Build(filled).cache.look_up([KEY]) == {KEY: ENTRY}


def test_what_others_have_put_into_the_index_stays(filled):
    index = json.loads((filled / "index.json").read_text())
    theirs = {
        "mediaType": media.OCI_MANIFEST,
        "digest": sha256_of(b"image"),
        "size": 5,
        "platform": {"os": "linux", "architecture": "amd64"},
        "annotations": {"org.opencontainers.image.ref.name": "v1", "half": "\ud800"},
    }
    index["manifests"].insert(0, theirs)
    (filled / "index.json").write_text(json.dumps(index))
    Build(filled).cache.save(OTHER, ENTRY, "RUN test")

    manifests = json.loads((filled / "index.json").read_text())["manifests"]
    assert manifests[0] == theirs
    assert len(manifests) == 3


def test_builds_that_save_at_once_lose_no_entry(directory):
    keys = [sha256_of(bytes([number])) for number in range(40)]
    begin = threading.Barrier(4, timeout=10)

    def save(own):
        cache = Build(directory).cache
        begin.wait()
        for key in own:
            cache.save(key, ENTRY, "RUN make")

    threads = [threading.Thread(target=save, args=(keys[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(Build(directory).cache.look_up(keys)) == set(keys)
    assert not list(directory.glob(".new-*"))


def test_a_disk_that_is_full_is_told_once(directory, monkeypatch):
    build = Build(directory)

    def full(*_args):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "write", full)
    build.cache.save(KEY, ENTRY, "RUN make")
    build.cache.save(OTHER, ENTRY, "RUN test")
    monkeypatch.undo()

    (warning,) = build.warnings
    assert warning.code == "CacheNotSaved"
    assert warning.message.startswith(f"RUN make is not cached in {directory}: cannot write ")
    assert Build(directory).cache.look_up([KEY, OTHER]) == {}


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_hits_are_carried_over_to_the_directory_that_is_kept(filled, tmp_path, monkeypatch, links):
    kept = tmp_path / "kept"
    build = Build(filled, write=(kept, CACHE))
    assert build.cache.look_up([KEY, OTHER])
    assert not list((kept / "blobs" / "sha256").iterdir())
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(18, "EXDEV")))
    build.carry_over()

    assert Build(kept, blobs=()).cache.look_up([KEY]) == {KEY: ENTRY}
    own = blob(kept, OWN.descriptor.digest)
    assert own.read_bytes() == b"own"
    assert own.samefile(blob(filled, OWN.descriptor.digest)) == links
    assert build.registry.calls == []
    assert build.warnings == []


def test_what_the_kept_directory_has_is_not_replaced(filled, tmp_path):
    kept = tmp_path / "kept"
    newer = replace(ENTRY, created="2027-01-01T00:00:00Z")
    Build(kept).cache.save(KEY, newer, "RUN make")
    build = Build(filled, write=(kept,))
    assert build.cache.look_up([KEY]) == {KEY: ENTRY}
    build.carry_over()

    assert Build(kept).cache.look_up([KEY]) == {KEY: newer}


def test_a_hit_that_is_damaged_meanwhile_is_not_carried_over(filled, tmp_path):
    kept = tmp_path / "kept"
    build = Build(filled, write=(kept,))
    assert build.cache.look_up([KEY])
    blob(filled, OWN.descriptor.digest).write_bytes(b"cut")
    blob(filled, FIRST.descriptor.digest).unlink()
    build.carry_over()

    assert Build(kept, blobs=()).cache.look_up([KEY]) == {}
    assert [one.code for one in build.warnings] == ["CacheNotSaved"]
