"""Uploads that cannot go in one piece: chunks after 413, and what goes on where it broke."""

from __future__ import annotations

import pytest

from pybuild.errors import IntegrityError, RegistryError
from pybuild.oci.reference import Repository
from pybuild.registry import push, upload
from pybuild.registry.window import Window
from tools.fake_registry import FakeRegistry, Fault
from tools.images import describe
from tools.registry_client import new_client

MIB = 1 << 10  # a thousandth of one, and so are the limits: the tests must be fast
LARGE = bytes(range(256)) * (9 * MIB // 256) + b"tail"
BLOB = describe(LARGE)


@pytest.fixture
def registry():
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch):
    for name in ("RESUME_FROM_BYTES", "CHUNK_BYTES", "_SMALLEST_CHUNK_BYTES"):
        monkeypatch.setattr(upload, name, getattr(upload, name) >> 10)


@pytest.fixture
def client(registry):
    return new_client(insecure_hosts=frozenset({registry.host}))


@pytest.fixture
def here(registry):
    return Repository(registry.host, "a")


class Counted:
    """A source that counts how often it was begun."""

    def __init__(self, data, piece=300):
        self.data, self.piece, self.begun = data, piece, 0

    def __call__(self):
        self.begun += 1
        return (self.data[at : at + self.piece] for at in range(0, len(self.data), self.piece))


def send(client, here, data=LARGE, blob=None):
    source = Counted(data)
    how = client.registry.push_blob(here, blob or describe(data), source)
    assert how == "pushed"
    return source


def ranges(registry):
    """Content-Range of each request with a part, and its size."""
    return [
        (seen.method, seen.headers["content-range"], len(seen.body))
        for seen in registry.seen
        if "content-range" in seen.headers
    ]


def methods(registry):
    return [seen.method for seen in registry.seen]


def test_a_proxy_that_limits_requests_gets_chunks(registry, client, here):
    registry.limit = 8 * MIB
    source = send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    assert methods(registry) == ["HEAD", "POST", "PUT", "POST", "PATCH", "PATCH", "PUT"]
    assert ranges(registry) == [
        ("PATCH", f"0-{8 * MIB - 1}", 8 * MIB),
        ("PATCH", f"{8 * MIB}-{9 * MIB + 3}", MIB + 4),
    ]
    last = registry.seen[-1]
    assert last.target == (
        f"/v2/a/blobs/uploads/1?state=at{len(LARGE)}&digest={BLOB.digest.replace(':', '%3A')}"
    )
    assert last.headers["content-length"] == "0"
    assert source.begun == 2


def test_a_limit_below_the_first_chunk_is_found_by_halves(registry, client, here):
    registry.limit = MIB
    source = send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    sizes = [size for _, _, size in ranges(registry)]
    assert sizes == [8 * MIB, 4 * MIB, 2 * MIB, *[MIB] * 9, 4]
    assert source.begun == 2
    assert client.naps == []


def test_a_limit_that_no_chunk_fits_is_told_with_the_remedy(registry, client, here):
    registry.limit = 100
    with pytest.raises(RegistryError) as raised:
        send(client, here)
    assert raised.value.message == (
        f"pushing {BLOB.digest} to {here} failed: {registry.host} or a proxy before it does not"
        " take a body of that size"
    )
    assert raised.value.hint == "raise its limit (nginx: client_max_body_size)"
    assert registry.blobs == {}


def test_no_chunk_but_the_last_is_smaller_than_the_registry_wants(registry, client, here):
    registry.least_chunk = 9 * MIB
    registry.limit = 9 * MIB
    send(client, here)
    assert [size for _, _, size in ranges(registry)] == [9 * MIB, 4]


def test_chunks_are_not_made_smaller_than_the_registry_wants(registry, client, here):
    registry.least_chunk = 5 * MIB
    registry.limit = 4 * MIB
    with pytest.raises(RegistryError, match="does not take a body of that size"):
        send(client, here)
    assert [size for _, _, size in ranges(registry)] == [8 * MIB]


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "public.ecr.aws",
        "europe-docker.pkg.dev",
        "gcr.io",
        "eu.gcr.io:443",
    ],
)
def test_registries_known_to_lose_parts_get_none(host):
    assert not push._takes_parts(Repository(host, "a"))


@pytest.mark.parametrize(
    "host", ["ghcr.io", "docker.io", "amazonaws.com.evil.io", "127.0.0.1:5000"]
)
def test_all_others_may_get_parts(host):
    assert push._takes_parts(Repository(host, "a"))


def test_where_parts_get_lost_413_is_final(registry, client, here, monkeypatch):
    monkeypatch.setattr(push, "_WHOLE_ONLY", ("127.0.0.1",))
    registry.limit = MIB
    with pytest.raises(RegistryError, match="does not take a body of that size"):
        send(client, here)
    assert methods(registry) == ["HEAD", "POST", "PUT"]


@pytest.mark.parametrize("said", ["0-9", "0-0", f"0-{99 * MIB}", "nonsense"])
def test_a_chunk_that_did_not_arrive_as_a_whole_or_not_at_all(registry, client, here, said):
    registry.limit = 8 * MIB
    registry.faults += [
        Fault("PATCH", status=202, headers={"Range": f"0-{4 * MIB - 1}"}),
        Fault("PATCH", status=202, headers={"Range": said}),
    ]
    with pytest.raises(
        RegistryError, match=r"the registry took a chunk, and then said that it has"
    ):
        send(client, here)
    # The second chunk begins where the registry said that the first had ended.
    assert [line for _, line, _ in ranges(registry)][1].startswith(f"{4 * MIB}-")
    assert registry.blobs == {}


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 429}, {"hang_up": True}, {"take": 77}]
)
def test_chunks_go_on_where_they_broke(registry, client, here, fault):
    registry.limit = MIB
    registry.faults.append(Fault("PATCH", every=3, times=99, **fault))
    source = send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    assert source.begun == 2
    assert set(client.naps) == {0.5}


def test_a_registry_that_was_still_writing_is_asked_again(registry, client, here):
    registry.limit = 8 * MIB
    registry.faults += [
        Fault("PATCH", take=5 * MIB),
        Fault("GET", status=204, headers={"Range": f"0-{4 * MIB - 1}"}),
    ]
    send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    begun = [at.partition("-")[0] for _, at, _ in ranges(registry)]
    assert begun == ["0", str(4 * MIB), str(5 * MIB)]


def test_chunks_begin_anew_where_the_registry_forgot_them(registry, client, here):
    registry.limit = 8 * MIB
    registry.faults += [
        Fault("PATCH", status=500, every=2),
        Fault("GET /v2/a/blobs/uploads", status=404),
    ]
    source = send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    assert source.begun == 3


def test_chunks_that_never_arrive_end(registry, client, here):
    registry.limit = 8 * MIB
    registry.faults.append(Fault("PATCH", status=503, times=99))
    with pytest.raises(RegistryError, match="answered 503"):
        send(client, here)
    assert methods(registry).count("PATCH") == 5


def test_the_end_of_chunks_is_tried_again(registry, client, here):
    registry.limit = 8 * MIB
    registry.faults.append(Fault(r"PUT .*state=at", status=502))
    send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE


def test_chunks_of_other_bytes_are_found_out(registry, client, here):
    registry.limit = 8 * MIB
    with pytest.raises(IntegrityError, match="the registry got other bytes"):
        send(client, here, LARGE[::-1], BLOB)


def test_a_source_that_ends_early_is_found_out_between_chunks(registry, client, here):
    registry.limit = 8 * MIB
    registry.faults.append(Fault("PUT", status=413))
    with pytest.raises(IntegrityError, match=f"must have {len(LARGE)} bytes, its source gave"):
        send(client, here, LARGE[: 8 * MIB], BLOB)


def test_a_large_upload_that_broke_goes_on_where_the_registry_says(registry, client, here):
    registry.faults.append(Fault("PUT", take=3 * MIB))
    source = send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    assert methods(registry) == ["HEAD", "POST", "PUT", "GET", "PUT"]
    assert ranges(registry) == [("PUT", f"{3 * MIB}-{9 * MIB + 3}", 6 * MIB + 4)]
    assert source.begun == 2
    assert client.naps == [0.5]


def test_an_upload_may_break_more_than_once(registry, client, here):
    registry.faults += [Fault("PUT", take=3 * MIB), Fault("PUT", take=2 * MIB)]
    send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    assert [begun.partition("-")[0] for _, begun, _ in ranges(registry)] == [
        str(3 * MIB),
        str(5 * MIB),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Fault("GET", status=404),
        Fault("GET", status=204),
        Fault("GET", status=204, headers={"Range": f"0-{99 * MIB}"}),
    ],
    ids=["forgotten", "says nothing", "has too much"],
)
def test_where_the_registry_does_not_say_it_begins_anew(registry, client, here, answer):
    registry.faults += [Fault("PUT", take=3 * MIB), Fault(**vars(answer))]
    send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    assert methods(registry)[-4:] == ["PUT", "GET", "POST", "PUT"]


@pytest.mark.parametrize("status", [400, 404, 416])
def test_a_registry_that_does_not_let_it_go_on_gets_it_anew(registry, client, here, status):
    registry.faults += [Fault("PUT", take=3 * MIB), Fault(r"PUT .*state=at", status=status)]
    send(client, here)
    assert registry.blobs["a", BLOB.digest] == LARGE
    assert methods(registry)[-4:] == ["GET", "PUT", "POST", "PUT"]


def test_a_small_upload_that_broke_is_not_asked_about(registry, client, here):
    small = LARGE[: upload.RESUME_FROM_BYTES - 1]
    registry.faults.append(Fault("PUT", take=MIB))
    send(client, here, small)
    assert methods(registry) == ["HEAD", "POST", "PUT", "POST", "PUT"]


DATA = bytes(range(100))


@pytest.mark.parametrize("piece", [1, 7, 100, 1000])
@pytest.mark.parametrize(
    "takes",
    [
        [(0, 10), (10, 10), (20, 100)],
        [(0, 40), (0, 10), (10, 10), (5, 50)],  # back: within what is kept, and before it
        [(50, 10), (95, 10), (100, 10), (0, 100)],
    ],
)
def test_a_window_gives_any_part_of_a_stream(takes, piece):
    window = Window(Counted(DATA, piece))
    for offset, count in takes:
        assert b"".join(window.take(offset, count)) == DATA[offset : offset + count]


def test_a_window_begins_anew_only_for_what_it_has_let_go():
    source = Counted(DATA, 10)
    window = Window(source)
    for offset in (0, 25, 25, 30):
        window.take(offset, 20)
    assert source.begun == 1
    window.take(29, 1)
    assert source.begun == 2


def test_an_empty_piece_is_not_the_end_of_a_stream():
    window = Window(lambda: iter((b"ab", b"", b"cd")))
    assert b"".join(window.take(1, 10)) == b"bcd"
