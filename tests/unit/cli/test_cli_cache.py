"""``pybuild cache``: what is printed, what is asked of a registry, and what is gone afterwards."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime

import pytest

from pybuild.cache.open import open_cache
from pybuild.cli.invocation import Invocation
from pybuild.cli.main import run
from pybuild.digest import hex_of, sha256_of
from pybuild.oci import media
from pybuild.oci.reference import Repository
from pybuild.ports import CacheEntry, ChainLayer
from pybuild.store.blobs import LayoutStore
from tools.fake_registry import FakeRegistry
from tools.images import describe, image_documents
from tools.registry_client import new_client

NOW_S = 1_800_000_000
HOUR_S = 3600
KEYS = [sha256_of(bytes([number])) for number in range(3)]
HEX = [hex_of(key) for key in KEYS]


class Ran:
    def __init__(self, folder, *arguments, env=None):
        stdout, stderr = io.StringIO(), io.StringIO()
        invocation = Invocation(
            program="pybuild",
            arguments=("cache", *arguments),
            env={"HOME": str(folder), "PYBUILD_STATE_DIR": str(folder / "state"), **(env or {})},
            cwd=folder,
            stdin=io.BytesIO(),
            stdout=stdout,
            stderr=stderr,
            clock=lambda: NOW_S,
        )
        self.status = run(invocation)
        self.out, self.err = stdout.getvalue(), stderr.getvalue()


@pytest.fixture
def server():
    with FakeRegistry() as running:
        yield running


def fill(place, folder, client=None):
    """Three steps: RUN make, two and one hour old, and COPY, 50 hours old."""
    store = LayoutStore(folder / "filling")
    events = []
    cache = open_cache(
        (),
        (place,),
        registry=client.registry if client else None,
        store=store,
        open_layout=LayoutStore,
        emit=events.append,
    ).steps
    base = ChainLayer(describe(b"base"), sha256_of(b"base tar"), Repository("r.io", "base"))
    for key, title, hours in zip(KEYS, ("RUN make", "RUN make", "COPY . ."), (2, 1, 50)):  # noqa: B905
        layer = ChainLayer(store.add(key.encode(), media.OCI_LAYER_GZIP), key)
        entry = CacheEntry(sha256_of(b"m"), (base, layer), ago(hours))
        cache.save(key, entry, title, seconds=1.25, parts={"step": title})
    assert events == [] or client


def ago(hours):
    return datetime.fromtimestamp(NOW_S - hours * HOUR_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def directory(tmp_path):
    fill(tmp_path / "cache", tmp_path)
    for path in (tmp_path / "cache/blobs/sha256").iterdir():
        os.utime(path, (NOW_S - 60, NOW_S - 60))
    return tmp_path / "cache"


@pytest.fixture
def repository(server, tmp_path):
    fill(Repository(server.host, "team/cache"), tmp_path, new_client())
    server.seen.clear()
    return f"{server.host}/team/cache"


def test_a_directory_s_entries(directory, tmp_path):
    ran = Ran(tmp_path, "ls", "./cache")

    assert ran.status == 0, ran.err
    head, *rows, empty, total = ran.out.splitlines()
    assert head.split() == ["KEY", "AGE", "SIZE", "LAST", "USED", "STEP"]
    assert [row.split()[0] for row in rows] == [HEX[1][:12], HEX[0][:12], HEX[2][:12]]
    assert [row.split()[1] for row in rows] == ["1h", "2h", "2d"]
    assert [row.split()[3] for row in rows] == ["1m"] * 3
    assert [row.split(maxsplit=4)[4] for row in rows] == ["RUN make", "RUN make", "COPY . ."]
    assert (empty, total.split(",")[0]) == ("", "3 entries")
    used = {path.stat().st_mtime for path in (directory / "blobs/sha256").iterdir()}
    assert used == {NOW_S - 60}  # to look is not to use


def test_a_repository_s_entries_for_programs(repository, server, tmp_path):
    ran = Ran(tmp_path, "ls", repository, "--format", "json")

    assert ran.status == 0, ran.err
    documents = json.loads(ran.out)
    assert [one["key"] for one in documents] == [HEX[1], HEX[0], HEX[2]]
    assert documents[0] == {
        "key": HEX[1],
        "title": "RUN make",
        "created": ago(1),
        "size": documents[0]["size"],
        "lastUsed": None,
    }
    first, *others = [line for line in server.lines() if line != "GET /v2/"]
    assert first == "GET /v2/team/cache/tags/list?n=1000"
    assert sorted(others) == sorted(f"GET /v2/team/cache/manifests/{one}" for one in HEX)


@pytest.mark.parametrize("kind", ["directory", "repository"])
def test_an_entry_in_full(kind, request, tmp_path):
    place = str(request.getfixturevalue(kind))
    ran = Ran(tmp_path, "show", place, HEX[2][:8])

    assert ran.status == 0, ran.err
    layer = describe(KEYS[2].encode())
    assert ran.out.splitlines() == [
        f"key:      {HEX[2]}",
        "step:     COPY . .",
        f"ran:      {ago(50)} (2d ago)",
        "took:     1.2s",
        f"base:     {sha256_of(b'm')}",
        "",
        "chain, the base's first layer at the top:",
        f"{describe(b'base').digest}  4B   r.io/base",
        f"{layer.digest}  71B  {place}",
        "",
        "key is made of:",
        "  step: COPY . .",
    ]


def test_a_whole_key_needs_no_list(repository, server, tmp_path):
    ran = Ran(tmp_path, "show", repository, KEYS[0], "--format=json")

    assert json.loads(ran.out)["parts"] == {"step": "RUN make"}
    assert not any("tags/list" in line for line in server.lines())


def test_old_entries_of_a_directory_go_with_their_blobs(directory, tmp_path):
    ran = Ran(tmp_path, "prune", str(directory), "--older-than", "24h")

    assert ran.status == 0, ran.err
    assert ran.out.startswith("removed 1 entry, freed ")
    assert "left 2 entries" in ran.out
    left = {path.name for path in (directory / "blobs/sha256").iterdir()}
    assert hex_of(sha256_of(KEYS[2].encode())) not in left
    assert {hex_of(sha256_of(key.encode())) for key in KEYS[:2]} <= left
    assert len(left) == 6
    assert Ran(tmp_path, "ls", str(directory)).out.count("RUN make") == 2


def test_blobs_that_a_build_uses_stay(directory, tmp_path):
    with LayoutStore(directory) as build:
        assert sha256_of(KEYS[2].encode()) in build
        ran = Ran(tmp_path, "prune", str(directory), "--older-than", "24h")
        assert (directory / "blobs/sha256" / hex_of(sha256_of(KEYS[2].encode()))).exists()
        assert "are freed later" in ran.out

    Ran(tmp_path, "prune", str(directory), "--older-than", "24h")
    assert not (directory / "blobs/sha256" / hex_of(sha256_of(KEYS[2].encode()))).exists()


def test_an_image_that_lies_in_the_directory_is_left_alone(directory, tmp_path):
    config, manifest = image_documents((b"theirs",))
    with LayoutStore(directory) as layout:
        for data in (b"theirs", config):
            layout.add(data, "")
        named = layout.add(manifest, media.OCI_MANIFEST)
    index = json.loads((directory / "index.json").read_text())
    index["manifests"].append(named.to_json())
    (directory / "index.json").write_text(json.dumps(index))

    assert Ran(tmp_path, "prune", str(directory), "--older-than=0s").status == 0
    left = {path.name for path in (directory / "blobs/sha256").iterdir()}
    assert left == {hex_of(sha256_of(data)) for data in (b"theirs", config, manifest)}


def test_entries_of_a_repository_are_removed_by_digest(repository, server, tmp_path):
    digests = {
        tag: "sha256:" + hex_of(sha256_of(data))
        for (_, tag), (_, data) in server.manifests.items()
        if tag in HEX
    }
    ran = Ran(tmp_path, "prune", repository, "--keep-last", "1")

    assert ran.status == 0, ran.err
    assert [line for line in server.lines() if line.startswith("DELETE")] == [
        f"DELETE /v2/team/cache/manifests/{digests[HEX[0]]}"
    ]
    assert "removed 1 entry, freed 0B; left 2 entries" in ran.out
    assert "are freed later" in ran.out


def test_what_would_go_is_only_told(repository, server, tmp_path):
    ran = Ran(tmp_path, "prune", repository, "--max-bytes", "0", "--dry-run")

    assert "3 entries" in ran.out
    assert not any(line.startswith("DELETE") for line in server.lines())


def test_a_registry_that_removes_nothing_is_an_error_with_a_way_out(repository, server, tmp_path):
    server.deletes = False
    ran = Ran(tmp_path, "prune", repository, "--older-than", "0s")

    assert ran.status == 5
    assert f"ERROR: {server.host} does not let manifests be removed (405)" in ran.err
    assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in ran.err
    assert sum(line.startswith("DELETE") for line in server.lines()) == 1


def test_what_is_no_entry_is_never_removed(repository, server, tmp_path):
    theirs = image_documents((b"theirs",))[1]
    for tag in ("v1", "f" * 64):
        server.add_manifest("team/cache", tag, media.OCI_MANIFEST, theirs)
    server.add_manifest("team/cache", "e" * 64, media.OCI_MANIFEST, b"garbage")

    assert Ran(tmp_path, "prune", repository, "--older-than=0s").status == 0
    assert {tag for _, tag in server.manifests if ":" not in tag} == {"v1", "f" * 64, "e" * 64}


def test_the_state_directory_is_cleared_up(tmp_path):
    with LayoutStore(tmp_path / "state/blobs") as store:
        for data in (b"1" * 1000, b"2" * 1000):
            store.add(data, "")
    ran = Ran(tmp_path, "prune", "--state", "--max-bytes", "1000")

    assert ran.out == "removed 1 blob, freed 1.0kB; left 1.0kB\n"


def image(server, name, *layers):
    config, manifest = image_documents(layers)
    for data in (config, *layers):
        server.add_blob(name, data)
    return server.add_manifest(name, "1", media.OCI_MANIFEST, manifest)


def test_base_images_are_fetched_before_a_build_asks_for_them(server, tmp_path):
    one = image(server, "a/one", b"shared", b"own of one")
    two = image(server, "a/two", b"shared", b"own of two")
    names = [f"{server.host}/a/{name}:1" for name in ("one", "two")]
    ran = Ran(tmp_path, "warm", *names, "--platform", "linux/amd64")

    assert ran.status == 0, ran.err
    assert ran.out.splitlines() == [
        f"{names[0]}@{one}: 2 layers, 16B fetched",
        f"{names[1]}@{two}: 2 layers, 10B fetched",
    ]
    blobs = tmp_path / "state/blobs/blobs/sha256"
    assert (blobs / hex_of(sha256_of(b"own of two"))).read_bytes() == b"own of two"
    server.seen.clear()

    again = Ran(tmp_path, "warm", *names, "--platform=linux/amd64")
    assert again.out.splitlines()[0] == f"{names[0]}@{one}: 2 layers, 0B fetched"
    layers = {sha256_of(data) for data in (b"shared", b"own of one", b"own of two")}
    assert not any(line.endswith(tuple(layers)) for line in server.lines())


def test_a_layer_with_other_bytes_is_not_kept(server, tmp_path):
    image(server, "a/one", b"true")
    server.blobs["a/one", sha256_of(b"true")] = b"lies"
    ran = Ran(tmp_path, "warm", f"{server.host}/a/one:1", "--platform=linux/amd64")

    assert ran.status == 6
    assert not list((tmp_path / "state/blobs/blobs/sha256").iterdir())


def test_what_a_cache_says_never_reaches_the_terminal_as_it_is(directory, tmp_path):
    index = json.loads((directory / "index.json").read_text())
    path = directory / "blobs/sha256" / hex_of(index["manifests"][0]["digest"])
    manifest = json.loads(path.read_bytes())
    manifest["annotations"]["org.opencontainers.image.title"] = "\x1b]0;owned\x07\nRUN\tx"
    with LayoutStore(directory) as layout:
        added = layout.add(json.dumps(manifest).encode(), media.OCI_MANIFEST)
    index["manifests"][0] |= {"digest": added.digest, "size": added.size_bytes}
    (directory / "index.json").write_text(json.dumps(index))

    assert "?]0;owned? RUN?x\n" in Ran(tmp_path, "ls", str(directory)).out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["sl"], "unknown command: cache sl"),
        (["ls"], "cache ls takes PLACE, not nothing"),
        (["ls", "a", "b"], "cache ls takes PLACE, not a b"),
        (["ls", "./nowhere"], "/nowhere is no cache: it has no index.json"),
        (["ls", "r.io/a:v1"], "r.io/a:v1 has a tag, which says nothing of a cache"),
        (["ls", "r.io/a", "--format=xml"], "--format: 'xml' is not one of table, json"),
        (["ls", "r.io/a", "--tag", "x"], "unknown flag: --tag"),
        (["show", "r.io/a"], "cache show takes PLACE KEY, not r.io/a"),
        (["show", "r.io/a", "xyz"], "'xyz' is not the key of an entry"),
        (["prune", "r.io/a"], "cache prune needs to know what to remove"),
        (["prune", "r.io/a", "--keep-last=x"], "--keep-last: 'x' is not a whole number"),
        (["prune", "r.io/a", "--older-than=2d"], "--older-than: '2d' is not a duration"),
        (["prune", "--state"], "cache prune --state takes --max-bytes alone"),
        (
            ["prune", "--state", "--max-bytes=1", "--keep-last=1"],
            "cache prune --state takes --max-bytes alone",
        ),
        (
            ["prune", "--state", "--max-bytes=1", "r.io/a"],
            "cache prune --state takes no arguments, not r.io/a",
        ),
        (["warm"], "cache warm needs the name of an image"),
        (["warm", "UPPER"], "'UPPER' is not an image reference"),
    ],
)
def test_what_is_not_understood_is_told(arguments, problem, tmp_path):
    ran = Ran(tmp_path, *arguments)

    assert ran.status == 2
    assert problem in ran.err


def test_an_entry_that_is_not_there(directory, tmp_path):
    ran = Ran(tmp_path, "show", str(directory), "0123")

    assert ran.status == 2
    assert f"ERROR: {directory} has no entry 0123" in ran.err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["ls", "--help"], ["prune", "-h"]])
def test_the_help(arguments, tmp_path):
    ran = Ran(tmp_path, *arguments)

    assert ran.status == 0
    assert ran.out.startswith("Usage: pybuild cache COMMAND")
    assert "--insecure-registry" in ran.out
