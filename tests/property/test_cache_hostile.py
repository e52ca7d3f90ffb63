"""Whatever a cache answers is a hit that is right or a miss, and never an error of the build.

Anybody who may write to a cache may write anything there.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybuild.cache.entry import About, write_entry
from pybuild.cache.open import open_cache
from pybuild.digest import Digest, hex_of, sha256_of
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Repository
from pybuild.ports import CacheEntry, ChainLayer
from pybuild.store.blobs import LayoutStore
from tools.images import describe
from tools.memory_ports import MemoryRegistry, MemoryStore

CACHE = Repository("ghcr.io", "team/cache")
HUB = Repository("docker.io", "library/alpine")
KEY = sha256_of(b"key")
CHAIN = "vnd.pybuild.cache.chain"


def layer(data, repository):
    return ChainLayer(describe(data), sha256_of(data + b" tar"), repository)


ENTRY = CacheEntry(
    sha256_of(b"m"), (layer(b"base", HUB), layer(b"own", CACHE)), "2026-01-02T03:04:05Z"
)
DOCUMENT = json.loads(write_entry(KEY, ENTRY, About("RUN make"), CACHE).manifest.to_bytes())
LAYERS = json.loads(DOCUMENT["annotations"][CHAIN])

texts = st.one_of(
    st.text(st.characters(), max_size=20),
    st.sampled_from(["", "\ud800", "\x00", "sha256:" + "0" * 64, "sha256:../../x", "a/b:c@d"]),
)
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([-1, 0, 1 << 63, 10**400]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


def places(value, path=()):
    """Every path in a document."""
    yield path
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, name))


def changed(value, path, new):
    """The document with another value at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@st.composite
def documents(draw):
    """A true entry in which something else stands somewhere, as bytes."""
    document = DOCUMENT
    if draw(st.booleans()):
        path = draw(st.sampled_from(list(places(LAYERS))))
        # Halves of characters come through JSON as escapes, once or twice.
        ascii_only = draw(st.booleans())
        text = json.dumps(changed(LAYERS, path, draw(values)), ensure_ascii=ascii_only)
        document = changed(document, ("annotations", CHAIN), text)
    else:
        path = draw(st.sampled_from(list(places(document))))
        document = changed(document, path, draw(values))
    data = json.dumps(document).encode()
    return draw(st.one_of(st.just(data), st.integers(0, len(data)).map(lambda end: data[:end])))


anything = st.one_of(documents(), st.binary(max_size=60), values.map(json.dumps).map(str.encode))


class RawRegistry(MemoryRegistry):
    """Answers with these bytes, read as the real client reads them."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def pull_manifest(self, repository, selector):
        return Manifest.parse(self.data, source=f"{repository}:{selector}")


def look_up(place, registry=None):
    events = []
    cache = open_cache(
        (place,),
        (),
        registry=registry or MemoryRegistry(),
        store=MemoryStore(),
        open_layout=LayoutStore,
        emit=events.append,
    ).steps
    return cache.look_up([KEY]), events


def is_right(entry, here):
    """Whether an entry that was taken holds what the engine relies on."""
    for one in entry.chain:
        assert Digest(one.descriptor.digest) == "sha256:" + hex_of(one.descriptor.digest)
        assert len(hex_of(one.diff_id)) == 64
        assert one.descriptor.media_type in media.LAYERS
        assert 0 <= one.descriptor.size_bytes <= 1 << 40
        assert one.repository is None or str(one.repository).count("/") >= 1
    assert not entry.made_layer or entry.chain[-1].repository == here
    return True


@given(anything)
def test_a_registry_may_answer_anything(data):
    hits, events = look_up(CACHE, RawRegistry(data))

    assert (not hits and events) or is_right(hits[KEY], CACHE)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(manifest=anything, index=st.one_of(st.none(), values, documents()))
def test_a_directory_may_hold_anything(manifest, index):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "cache"
        named = _directory_with(root, manifest)
        if isinstance(index, bytes):
            (root / "index.json").write_bytes(index)
        elif index is not None:
            with suppress(UnicodeEncodeError):
                (root / "index.json").write_text(json.dumps({"manifests": [index, named]}))

        hits, _ = look_up(root)

        assert not hits or is_right(hits[KEY], None)


def _directory_with(root, manifest):
    with LayoutStore(root) as store:
        described: Descriptor = store.add(manifest, media.OCI_MANIFEST)
    named = {
        **described.to_json(),
        "artifactType": media.CACHE_STEP,
        "annotations": {"org.opencontainers.image.ref.name": hex_of(KEY)},
    }
    (root / "index.json").write_text(json.dumps({"manifests": [named]}))
    return named
