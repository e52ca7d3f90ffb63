"""Blobs and manifests move with the fewest requests, and only if they are right."""

from __future__ import annotations

import pytest

from pybuild.errors import BlobMissing, IntegrityError, RegistryError
from pybuild.events import BlobMoved
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Repository
from pybuild.request import Credential
from tools.fake_registry import FakeRegistry, Fault
from tools.images import describe
from tools.registry_client import new_client

DATA = b"0123456789" * 100
BLOB = describe(DATA)
UPLOAD = f"PUT /v2/a/blobs/uploads/1?state=a%2Fb&digest={BLOB.digest.replace(':', '%3A')}"
HEAD = f"HEAD /v2/a/blobs/{BLOB.digest}"
START = "POST /v2/a/blobs/uploads/"
MANIFEST = Manifest(media.OCI_MANIFEST, describe(b"{}", media.OCI_CONFIG), (BLOB,))


@pytest.fixture
def registry():
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def client(registry):
    return new_client(
        insecure_hosts=frozenset({registry.host}),
        credentials=(Credential(registry.host, "user", "secret"),),
    )


@pytest.fixture
def here(registry):
    return Repository(registry.host, "a")


def pull(client, repository, descriptor=BLOB):
    return b"".join(client.registry.pull_blob(repository, descriptor))


def push(client, repository, mount_from=None, data=DATA, descriptor=BLOB):
    return client.registry.push_blob(
        repository, descriptor, lambda: iter((data[:300], data[300:])), mount_from
    )


def test_a_blob_is_pulled_with_one_request(registry, client, here):
    registry.add_blob("a", DATA)
    assert pull(client, here) == DATA
    assert registry.lines() == [f"GET /v2/a/blobs/{BLOB.digest}"]
    assert client.moved == [BlobMoved("pulled", BLOB.digest, len(DATA), str(here))]


def test_a_blob_that_is_not_there_is_one_line(client, here):
    with pytest.raises(BlobMissing) as raised:
        pull(client, here)
    assert raised.value.message == (
        f"pulling {BLOB.digest} from {here} failed: it is not there (BLOB_UNKNOWN: blob unknown)"
    )
    assert client.moved == []


def test_wrong_bytes_are_found_out_at_the_end(registry, client, here):
    registry.blobs["a", BLOB.digest] = DATA[::-1]
    chunks = client.registry.pull_blob(here, BLOB)
    assert next(chunks) == DATA[::-1]
    with pytest.raises(IntegrityError, match=f"^{BLOB.digest} from {here} has the digest sha256:"):
        next(chunks)


def test_more_bytes_than_there_must_be_are_not_handed_on(registry, client, here):
    registry.blobs["a", BLOB.digest] = DATA + b"!"
    with pytest.raises(IntegrityError, match=r"is longer than 1000 bytes$"):
        next(client.registry.pull_blob(here, BLOB))


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("cut_after", [0, 400])
def test_a_broken_download_is_resumed_where_it_broke(registry, client, here, length, cut_after):
    registry.add_blob("a", DATA)
    registry.faults.append(Fault("blobs", cut_after=cut_after, length=length))
    assert pull(client, here) == DATA
    wanted = f"bytes={cut_after}-" if cut_after else None
    assert [seen.headers.get("range") for seen in registry.seen] == [None, wanted]


def test_a_registry_without_ranges_sends_all_again_and_what_came_is_not_told_twice(
    registry, client, here
):
    registry.add_blob("a", DATA)
    registry.ranges = False
    registry.faults.append(Fault("blobs", cut_after=400))
    assert pull(client, here) == DATA
    assert registry.seen[1].headers["range"] == "bytes=400-"


def test_a_registry_that_resumes_at_another_place_is_not_believed(registry, client, here):
    registry.add_blob("a", DATA)
    registry.faults += [
        Fault("blobs", cut_after=400),
        Fault("blobs", status=206, headers={"Content-Range": "bytes 0-999/1000"}, body=DATA),
    ]
    with pytest.raises(RegistryError, match=f"^pulling {BLOB.digest} from {here} failed: the "):
        pull(client, here)


def test_bytes_that_changed_between_two_lines_are_found_out(registry, client, here):
    registry.blobs["a", BLOB.digest] = b"x" * len(DATA)
    registry.faults.append(Fault("blobs", cut_after=400))
    chunks = client.registry.pull_blob(here, BLOB)
    assert next(chunks) == b"x" * 400
    registry.blobs["a", BLOB.digest] = DATA
    with pytest.raises(IntegrityError):
        list(chunks)


def test_a_download_that_gets_nowhere_fails_after_five_attempts(registry, client, here):
    registry.add_blob("a", DATA)
    registry.ranges = False
    registry.faults.append(Fault("blobs", cut_after=400, times=99))
    with pytest.raises(RegistryError) as raised:
        pull(client, here)
    assert raised.value.message.startswith(
        f"pulling {BLOB.digest} from {here} failed after 400 of 1000 bytes: the connection to"
        f" {registry.host} broke: "
    )
    assert len(registry.seen) == 5


def test_a_bad_line_that_gets_on_is_not_given_up(registry, client, here, monkeypatch):
    monkeypatch.setattr("pybuild.registry.pull._PROGRESS_BYTES", 1000)
    data = bytes(range(240)) * 50
    registry.add_blob("a", data)
    registry.faults.append(Fault("blobs", cut_after=1001, times=99))
    assert pull(client, here, describe(data)) == data
    assert len(registry.seen) == 12
    assert client.naps == [0.5] * 11


@pytest.mark.parametrize(("pull_retries", "requests"), [(0, 1), (2, 3)])
def test_how_often_a_pull_is_tried_again_can_be_said(registry, here, pull_retries, requests):
    client = new_client(
        insecure_hosts=frozenset({registry.host}), pull_retries=pull_retries, push_retries=9
    )
    registry.faults.append(Fault("blobs", status=500, times=99))
    with pytest.raises(RegistryError, match="answered 500"):
        pull(client, here)
    assert len(registry.seen) == requests


@pytest.mark.parametrize(("push_retries", "puts"), [(0, 1), (2, 3)])
def test_how_often_a_push_is_tried_again_can_be_said(registry, here, push_retries, puts):
    client = new_client(
        insecure_hosts=frozenset({registry.host}), push_retries=push_retries, pull_retries=9
    )
    registry.faults.append(Fault("PUT", status=500, times=99))
    with pytest.raises(RegistryError, match="answered 500"):
        push(client, here)
    assert sum(line.startswith("PUT") for line in registry.lines()) == puts


def test_has_blob_is_one_head(registry, client, here):
    assert not client.registry.has_blob(here, BLOB)
    registry.add_blob("a", DATA)
    assert client.registry.has_blob(here, BLOB)
    assert registry.lines() == [HEAD, HEAD]


def test_a_new_blob_is_one_post_and_one_put(registry, client, here):
    assert push(client, here) == "pushed"
    assert registry.lines() == [HEAD, START, UPLOAD]
    assert registry.blobs["a", BLOB.digest] == DATA
    put = registry.seen[-1].headers
    assert put["content-length"] == str(len(DATA))
    assert put["content-type"] == "application/octet-stream"
    assert "transfer-encoding" not in put
    assert client.moved == [BlobMoved("pushed", BLOB.digest, len(DATA), str(here))]


def test_a_blob_that_is_there_is_not_read(registry, client, here):
    registry.add_blob("a", DATA)
    source = pytest.fail
    assert client.registry.push_blob(here, BLOB, source) == "exists"
    assert registry.lines() == [HEAD]
    assert client.moved[0].how == "exists"


def test_a_blob_of_another_repository_is_mounted(registry, client, here):
    registry.add_blob("team/base", DATA)
    base = Repository(registry.host, "team/base")
    assert client.registry.push_blob(here, BLOB, pytest.fail, base) == "mounted"
    digest = BLOB.digest.replace(":", "%3A")
    assert registry.lines() == [HEAD, f"{START}?mount={digest}&from=team%2Fbase"]
    assert client.moved[0].how == "mounted"


def test_the_token_of_a_mount_covers_the_source(registry, client, here):
    registry.auth = "bearer"
    registry.add_blob("base", DATA)
    base = Repository(registry.host, "base")
    assert client.registry.push_blob(here, BLOB, pytest.fail, base) == "mounted"
    mount = next(seen for seen in registry.seen if "mount=" in seen.target)
    scopes = registry.tokens[mount.authorization.removeprefix("Bearer ")]
    assert scopes == ["repository:a:pull,push", "repository:base:pull"]


def test_a_refused_mount_goes_on_as_an_upload_without_a_second_post(registry, client, here):
    registry.mounts = False
    registry.add_blob("base", DATA)
    assert push(client, here, Repository(registry.host, "base")) == "pushed"
    assert [line.partition("?")[0] for line in registry.lines()] == [
        HEAD,
        START,
        UPLOAD.partition("?")[0],
    ]


def test_a_token_server_that_hides_the_source_does_not_stop_the_upload(registry, client, here):
    registry.auth = "bearer"
    registry.grants = lambda scope: ":base:" not in scope
    registry.add_blob("base", DATA)
    assert push(client, here, Repository(registry.host, "base")) == "pushed"


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_registry_that_cannot_mount_gets_an_upload(registry, client, here, status):
    registry.faults.append(Fault("mount=", status=status))
    assert push(client, here, Repository(registry.host, "base")) == "pushed"


def test_a_source_on_another_registry_is_not_mounted(registry, client, here):
    assert push(client, here, Repository("ghcr.io", "base")) == "pushed"
    assert START in registry.lines()


@pytest.mark.parametrize(
    "fault",
    [Fault("PUT", status=503), Fault("PUT", hang_up=True), Fault("PUT", status=429)],
    ids=["503", "hang-up", "429"],
)
def test_a_broken_upload_begins_anew(registry, client, here, fault):
    registry.faults.append(Fault(**vars(fault)))
    assert push(client, here) == "pushed"
    assert registry.lines() == [HEAD, START, UPLOAD, START, UPLOAD]
    assert client.naps == [0.5]


def test_a_broken_upload_after_a_refused_mount_begins_anew(registry, client, here):
    registry.mounts = False
    registry.faults.append(Fault("PUT", status=503))
    assert push(client, here, Repository(registry.host, "base")) == "pushed"
    assert registry.lines()[2:] == [UPLOAD, START, UPLOAD]


def test_a_lasting_failure_is_one_line(registry, client, here):
    registry.faults.append(Fault("PUT", status=500, times=99))
    with pytest.raises(RegistryError) as raised:
        push(client, here)
    assert (
        raised.value.message
        == f"pushing {BLOB.digest} to {here} failed: {registry.host} answered 500"
    )
    assert len(client.naps) == 4


def test_bytes_the_registry_disagrees_with_are_not_sent_again(registry, client, here):
    with pytest.raises(IntegrityError, match="the registry got other bytes"):
        push(client, here, data=DATA[::-1])
    assert registry.lines() == [HEAD, START, UPLOAD]


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"!"])
def test_a_source_of_another_size_is_found_out(registry, client, here, data):
    with pytest.raises(IntegrityError, match=f"must have 1000 bytes, its source gave {len(data)}"):
        push(client, here, data=data)
    assert registry.blobs == {}


def test_an_upload_place_that_is_no_http_url_is_refused(registry, client, here):
    registry.faults.append(Fault("POST", status=202, headers={"Location": "ftp://x/"}))
    with pytest.raises(RegistryError, match="names no place to upload to"):
        push(client, here)


def test_a_push_without_the_right_is_refused_before_any_byte(registry, here):
    registry.auth = "basic"
    client = new_client(insecure_hosts=frozenset({registry.host}))
    with pytest.raises(RegistryError, match=f"was refused: {registry.host} asks for a login"):
        push(client, here)
    assert registry.lines() == [HEAD]


def test_a_token_that_ends_during_an_upload_is_renewed(registry, client, here):
    registry.auth = "bearer"
    registry.faults.append(
        Fault(
            "PUT",
            status=401,
            headers={"WWW-Authenticate": f'Bearer realm="{registry.url}/token"'},
        )
    )
    assert push(client, here) == "pushed"
    assert registry.blobs["a", BLOB.digest] == DATA


def test_a_manifest_is_put_with_its_media_type(registry, client, here):
    client.registry.push_manifest(here, "1", MANIFEST)
    assert registry.manifests["a", "1"] == (media.OCI_MANIFEST, MANIFEST.to_bytes())
    assert client.registry.pull_manifest(here, "1") == MANIFEST


def test_a_manifest_stored_with_another_digest_is_found_out(registry, client, here):
    registry.digest_header = "sha256:" + "0" * 64
    with pytest.raises(IntegrityError, match="its registry says sha256:0000"):
        client.registry.push_manifest(here, "1", MANIFEST)


def test_a_manifest_that_names_what_is_not_there_says_so(registry, client, here):
    body = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}'
    registry.faults.append(Fault("PUT", status=400, body=body))
    with pytest.raises(BlobMissing) as raised:
        client.registry.push_manifest(here, "1", MANIFEST)
    assert raised.value.message == (
        f"pushing {here}:1 failed: {registry.host} does not have all that the manifest names"
        " (MANIFEST_BLOB_UNKNOWN: blob unknown)"
    )


def test_a_manifest_that_is_invalid_is_another_error(registry, client, here):
    body = b'{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}'
    registry.faults.append(Fault("PUT", status=400, body=body))
    with pytest.raises(RegistryError) as raised:
        client.registry.push_manifest(here, "1", MANIFEST)
    assert raised.value.message == (
        f"pushing {here}:1 failed: {registry.host} answered 400 (MANIFEST_INVALID: no)"
    )
    assert not isinstance(raised.value, BlobMissing)


def test_a_manifest_that_is_not_there_is_none(client, here):
    assert client.registry.pull_manifest(here, "1") is None


def test_an_index_is_not_taken_for_a_manifest(registry, client, here):
    registry.add_manifest("a", "1", media.OCI_INDEX, b'{"manifests": []}')
    with pytest.raises(IntegrityError, match="not an image manifest"):
        client.registry.pull_manifest(here, "1")


def test_an_empty_blob_can_be_pushed_and_pulled(client, here):
    nothing = Descriptor(media.OCI_LAYER, describe(b"").digest, 0)
    assert push(client, here, data=b"", descriptor=nothing) == "pushed"
    assert pull(client, here, nothing) == b""
