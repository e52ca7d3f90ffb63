"""A cache entry survives its way through a manifest, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pybuild.cache.entry import EMPTY, About, read_entry, write_entry
from pybuild.digest import sha256_of
from pybuild.errors import IntegrityError
from pybuild.oci import media
from pybuild.oci.manifest import Manifest
from pybuild.oci.reference import Repository
from pybuild.ports import CacheEntry, ChainLayer
from tools.images import describe

KEY = sha256_of(b"key")
HUB = Repository("docker.io", "library/alpine")
CACHE = Repository("localhost:5000", "team/cache")
BASE = ChainLayer(describe(b"base", media.DOCKER_LAYER_GZIP), sha256_of(b"base tar"), HUB)
OWN = ChainLayer(describe(b"own"), sha256_of(b"own tar"), CACHE)
CREATED = "2026-01-02T03:04:05Z"
HALF = "\ud800"  # of a character; JSON can hold it, UTF-8 cannot
ENTRY = CacheEntry(sha256_of(b"manifest"), (BASE, OWN), CREATED)


def written(entry):
    return write_entry(KEY, entry, About("RUN make"), CACHE)


def read(manifest):
    data = manifest.to_bytes()
    return read_entry(KEY, Manifest.parse(data, source="m"), source="m", here=CACHE)


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        replace(ENTRY, chain=(BASE,), made_layer=False),
        CacheEntry("", (OWN,), "2026-01-02T03:04:05.678+02:00"),
        CacheEntry("", (), CREATED, made_layer=False),
        replace(ENTRY, chain=(BASE, OWN, OWN)),
    ],
    ids=["layer", "no layer", "scratch", "scratch without a layer", "two layers of the same bytes"],
)
def test_what_is_written_is_read(entry):
    assert read(written(entry).manifest) == entry


def test_an_entry_can_be_copied_to_another_place():
    manifest = written(ENTRY).manifest
    for elsewhere in (Repository("quay.io", "copy"), None):
        found = read_entry(KEY, manifest, source="m", here=elsewhere)
        assert [layer.repository for layer in found.chain] == [HUB, elsewhere]


def test_the_documents_are_these():
    about = About("[app 2/3] RUN make", 12.3456, {"step": "RUN make", "base": "sha256:0"})
    stored = write_entry(KEY, ENTRY, about, CACHE)
    assert stored.config == (
        b'{"title":"[app 2/3] RUN make","created":"2026-01-02T03:04:05Z","seconds":12.346,'
        b'"parts":{"base":"sha256:0","step":"RUN make"}}'
    )
    assert json.loads(stored.manifest.to_bytes()) == {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": "application/vnd.pybuild.cache.step.v1",
        "config": {
            "mediaType": "application/vnd.pybuild.cache.step.config.v1+json",
            "digest": sha256_of(stored.config),
            "size": len(stored.config),
        },
        "layers": [OWN.descriptor.to_json()],
        "annotations": {
            "org.opencontainers.image.title": "[app 2/3] RUN make",
            "vnd.pybuild.cache.version": "2",
            "vnd.pybuild.cache.key": KEY,
            "vnd.pybuild.cache.base": ENTRY.base,
            "vnd.pybuild.cache.chain": (
                f'[{{"mediaType":"{media.DOCKER_LAYER_GZIP}","digest":"{BASE.descriptor.digest}",'
                f'"size":4,"diff_id":"{BASE.diff_id}","repository":"docker.io/library/alpine"}},'
                f'{{"mediaType":"{media.OCI_LAYER_GZIP}","digest":"{OWN.descriptor.digest}",'
                f'"size":3,"diff_id":"{OWN.diff_id}"}}]'
            ),
            "vnd.pybuild.cache.created": CREATED,
            "vnd.pybuild.cache.made-layer": "true",
        },
    }


def test_a_step_without_a_layer_has_the_empty_one():
    entry = replace(ENTRY, chain=(BASE,), made_layer=False)
    assert written(entry).manifest.layers == (EMPTY,)
    assert (EMPTY.digest, EMPTY.size_bytes) == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        2,
    )


def test_the_manifest_has_every_layer_of_the_chain_that_lies_beside_it():
    parent = ChainLayer(describe(b"parent"), sha256_of(b"parent tar"), CACHE)
    manifest = written(replace(ENTRY, chain=(BASE, parent, OWN))).manifest
    assert manifest.layers == (parent.descriptor, OWN.descriptor)


def test_a_title_of_any_bytes_is_kept_as_far_as_utf_8_has_it():
    stored = write_entry(KEY, ENTRY, About("RUN \udcff" + "x" * 999), CACHE)
    assert json.loads(stored.config)["title"] == "RUN ?" + "x" * 999
    title = dict(stored.manifest.annotations)["org.opencontainers.image.title"]
    assert title == "RUN ?" + "x" * 195


def annotated(**changes):
    manifest = written(ENTRY).manifest
    changed = {f"vnd.pybuild.cache.{name}": value for name, value in changes.items()}
    notes = {**dict(manifest.annotations), **changed}
    kept = tuple(sorted((name, value) for name, value in notes.items() if value is not None))
    return replace(manifest, annotations=kept)


def chain_with(**changes):
    layers = json.loads(dict(annotated().annotations)["vnd.pybuild.cache.chain"])
    layers[0] |= changes
    return json.dumps(layers)


def own_elsewhere():
    layers = json.loads(dict(annotated().annotations)["vnd.pybuild.cache.chain"])
    layers[-1]["repository"] = "quay.io/other"
    return json.dumps(layers)


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (replace(annotated(), artifact_type=""), "m is not a cache entry"),
        (annotated(version="0"), "m was written by another version"),
        (annotated(version=None), "m was written by another version"),
        (annotated(key=sha256_of(b"other")), "m belongs to another key"),
        (annotated(base="latest"), "m: base holds 'latest', which is not a sha256 digest"),
        (annotated(created="yesterday"), "m has no time of creation"),
        (annotated(created="2026-99-02T03:04:05Z"), "m has no time of creation"),
        (annotated(created="٢٠٢٦-01-02T03:04:05Z"), "m has no time of creation"),
        (annotated(**{"made-layer": "maybe"}), "m does not say whether the step made a layer"),
        (annotated(chain="["), "m: chain is not JSON: "),
        (annotated(chain="[" * 100_000), "m: chain is not JSON: "),
        (annotated(chain=f'["{HALF}"]'), "m: chain: [0] is not an object"),
        (annotated(chain=json.dumps([{}] * 4097)), "m: chain has more than 4096 layers"),
        (annotated(chain=chain_with(size=1 << 41)), "m: chain: [0].size is not a size that a"),
        (annotated(chain=chain_with(size="1")), "m: chain: [0].size is not an integer"),
        (annotated(chain=own_elsewhere()), "m does not have the step's own layer"),
        (annotated(chain="{}"), "m: chain is not an array"),
        (annotated(chain="[]"), "m has an empty chain"),
        (annotated(chain="[5]"), "m: chain: [0] is not an object"),
        (annotated(chain=chain_with(digest="../x")), "m: chain: [0].digest holds '../x'"),
        (annotated(chain=chain_with(size=-1)), "m: chain: [0].size is not a size"),
        (annotated(chain=chain_with(diff_id="")), "m: chain: [0].diff_id holds ''"),
        (
            annotated(chain=chain_with(mediaType="text/html")),
            "m: chain: [0].mediaType is not the media type of a layer",
        ),
        (
            annotated(chain=chain_with(repository="docker.io/a/../b")),
            "m: chain: [0].repository is not a repository",
        ),
        (
            annotated(chain=chain_with(repository="alpine")),
            "m: chain: [0].repository is not a repository",
        ),
        (
            annotated(chain=chain_with(repository="docker.io/library/alpine:3")),
            "m: chain: [0].repository is not a repository",
        ),
        (
            annotated(chain=chain_with(repository="None")),
            "m: chain: [0].repository is not a repository",
        ),
        (
            replace(annotated(), layers=(BASE.descriptor,)),
            "m has other layers than its chain",
        ),
        (replace(annotated(), layers=()), "m has other layers than its chain"),
    ],
)
def test_what_is_no_entry_is_told_apart(manifest, problem):
    with pytest.raises(IntegrityError) as raised:
        read_entry(KEY, manifest, source="m", here=CACHE)
    assert raised.value.message.startswith(problem)
