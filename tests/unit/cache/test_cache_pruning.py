"""Which entries of a cache go, and which stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pybuild.cache.entry import About, write_entry
from pybuild.cache.pruning import Rules, choose
from pybuild.cache.stock import Held, total_bytes
from pybuild.digest import sha256_of
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor
from pybuild.ports import CacheEntry, ChainLayer

DAY_S = 86400
NOW_S = 100 * DAY_S


def held(name, title="RUN make", *, days=1, blobs=()):
    """An entry whose step ran so many days ago, and whose layers have these sizes by name."""
    created = datetime.fromtimestamp(NOW_S - days * DAY_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    layers = tuple(
        ChainLayer(Descriptor(media.OCI_LAYER, sha256_of(one.encode()), size), sha256_of(b"t"))
        for one, size in blobs
    )
    key = sha256_of(name.encode())
    entry = CacheEntry("", layers, created, made_layer=bool(layers))
    manifest = write_entry(key, entry, About(title), None).manifest
    document = Descriptor(media.OCI_MANIFEST, sha256_of(b"m" + name.encode()), 0)
    return Held(key, document, manifest)


def small(one):
    """What an entry has besides its layers."""
    return total_bytes([one]) - sum(layer.size_bytes for layer in one.manifest.layers)


ENTRIES = {
    "a1": held("a1", "A", days=30, blobs=[("x", 1000)]),
    "a2": held("a2", "A", days=20, blobs=[("x", 1000), ("y", 1000)]),
    "a3": held("a3", "A", days=10, blobs=[("z", 1000)]),
    "b1": held("b1", "B", days=40, blobs=[("w", 1000)]),
}
ALL_BYTES = total_bytes(ENTRIES.values())


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        (Rules(older_than_s=25 * DAY_S), ["b1", "a1"]),
        (Rules(older_than_s=20 * DAY_S), ["b1", "a1"]),
        (Rules(older_than_s=0), ["b1", "a1", "a2", "a3"]),
        (Rules(keep_last=1), ["a1", "a2"]),
        (Rules(keep_last=2), ["a1"]),
        (Rules(keep_last=0), ["b1", "a1", "a2", "a3"]),
        (Rules(older_than_s=0, keep_last=1), ["a1", "a2"]),
        (Rules(max_bytes=ALL_BYTES), []),
        (Rules(max_bytes=ALL_BYTES - 1), ["b1"]),
        (Rules(max_bytes=0), ["b1", "a1", "a2", "a3"]),
        (Rules(max_bytes=0, keep_last=1), ["a1", "a2"]),
        (Rules(max_bytes=ALL_BYTES - 1, older_than_s=25 * DAY_S), ["b1", "a1"]),
        # x stays with a2 when a1 goes: that frees but what is a1's alone.
        (Rules(max_bytes=ALL_BYTES - 1500), ["b1", "a1", "a2"]),
    ],
)
def test_what_goes(rules, gone):
    choice = choose(list(ENTRIES.values()), rules, NOW_S)

    names = {one.key: name for name, one in ENTRIES.items()}
    assert [names[one.key] for one in choice.gone] == gone
    assert {names[one.key] for one in choice.kept} == ENTRIES.keys() - set(gone)


def test_shared_blobs_count_once():
    both = [ENTRIES["a1"], ENTRIES["a2"]]

    assert total_bytes(both) == 2000 + small(both[0]) + small(both[1])


def test_what_says_no_time_is_the_oldest():
    bad = held("bad", days=1)
    notes = tuple((name, "?") for name, _ in bad.manifest.annotations)
    timeless = Held(
        bad.key,
        bad.document,
        type(bad.manifest)(
            bad.manifest.media_type,
            bad.manifest.config,
            bad.manifest.layers,
            bad.manifest.artifact_type,
            notes,
        ),
    )

    assert timeless.created == ""
    assert choose([timeless], Rules(older_than_s=9 * DAY_S), NOW_S).gone == (timeless,)
