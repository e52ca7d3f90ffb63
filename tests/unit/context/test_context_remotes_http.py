"""ADD of files over HTTP: what is downloaded, what it becomes, and what is told."""

import gzip
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pybuild.context.remotes import RemoteSources
from pybuild.errors import ContextError
from pybuild.http import Retries, Transport
from pybuild.ports import RemoteSource
from pybuild.store.blobs import LayoutStore
from tools.file_server import FileServer, Served

DATA = bytes(range(256)) * 5_000
SUM = "sha256:" + hashlib.sha256(DATA).hexdigest()
LAST = "Tue, 01 Aug 2023 10:00:00 GMT"
LAST_S = 1_690_884_000


@pytest.fixture
def server():
    with FileServer() as running:
        yield running


class Builds:
    """Builds one after the other with one state directory."""

    def __init__(self, root):
        self.root, self.count, self.closing = root, 0, []

    def __call__(self, **secrets):
        self.count += 1
        scratch = self.root / f"scratch-{self.count}"
        scratch.mkdir()
        transport = Transport(retries=Retries(sleep=lambda _s: None))
        store = LayoutStore(self.root / "blobs")
        self.closing += [transport.close, store.close]
        given = {name: value.encode() for name, value in secrets.items()}
        records = self.root / "remotes"
        return RemoteSources(scratch, store, transport, records=records, secrets=given)


@pytest.fixture
def build(tmp_path):
    builds = Builds(tmp_path)
    yield builds
    for close in builds.closing:
        close()


def fetched(remotes, url, checksum=""):
    found = remotes.fetch(RemoteSource(url, checksum))
    assert [path.name for path in found.directory.iterdir()] == [found.name]
    return found.directory / found.name


def test_a_file_has_its_url_s_name_mode_600_and_the_server_s_time(server, build):
    server.files["/a/b c.bin"] = Served(DATA)
    server.files["/a/b%20c.bin"] = Served(DATA, {"Last-Modified": LAST})
    path = fetched(build(), server.url("/a/b%20c.bin?x=y"))

    assert path.name == "b c.bin"
    assert path.read_bytes() == DATA
    status = path.stat()
    assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0o600, LAST_S * 10**9)


@pytest.mark.parametrize("headers", [{}, {"Last-Modified": "yesterday"}])
def test_without_a_time_it_is_of_1970(server, build, headers):
    server.files["/f"] = Served(DATA, headers)

    assert fetched(build(), server.url("/f")).stat().st_mtime == 0


def test_a_url_without_a_path_has_a_file_without_a_name(server, build):
    server.files["/"] = Served(b"x")

    assert fetched(build(), server.url("/")).name == "__unnamed__"


def test_its_identity_is_its_bytes_its_name_and_its_time(server, build):
    server.files |= {
        "/one/f": Served(DATA, {"Last-Modified": LAST}),
        "/two/f": Served(DATA, {"Last-Modified": LAST}),
        "/name": Served(DATA, {"Last-Modified": LAST}),
        "/time/f": Served(DATA),
        "/bytes/f": Served(DATA + b"x", {"Last-Modified": LAST}),
    }
    remotes = build()
    one, *others = (remotes.identify(RemoteSource(server.url(path))) for path in server.files)

    assert [other == one for other in others] == [True, False, False, False]


def test_identified_and_fetched_by_many_it_is_asked_for_once(server, build):
    server.files["/f"] = Served(DATA)
    remotes, remote = build(), RemoteSource(server.url("/f"))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(remotes.identify, [remote] * 4))) == 1
        assert len(set(pool.map(remotes.fetch, [remote] * 4))) == 1

    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"one"'},
        {"ETag": 'W/"weak"', "Last-Modified": LAST},
        {"Last-Modified": LAST},  # the server's Date is much later
    ],
)
def test_an_unchanged_url_is_not_downloaded_again(server, build, headers):
    server.files["/f"] = Served(DATA, headers)
    first = build().identify(RemoteSource(server.url("/f")))
    again = build()

    assert again.identify(RemoteSource(server.url("/f"))) == first
    assert fetched(again, server.url("/f")).read_bytes() == DATA
    assert [one.status for one in server.seen] == [200, 304]


def test_an_etag_that_came_back_ends_the_download_of_a_server_without_conditions(server, build):
    server.files["/f"] = Served(DATA * 20, {"ETag": 'W/"one"'}, conditions=False)
    first = build().identify(RemoteSource(server.url("/f")))
    server.files["/f"].headers = {"ETag": '"one"'}
    server.files["/f"].body = b"not read"

    assert build().identify(RemoteSource(server.url("/f"))) == first


def test_a_changed_url_is_downloaded(server, build):
    server.files["/f"] = Served(DATA, {"ETag": '"one"'})
    first = build().identify(RemoteSource(server.url("/f")))
    server.files["/f"] = Served(b"new", {"ETag": '"two"'})
    again = build()

    assert again.identify(RemoteSource(server.url("/f"))) != first
    assert fetched(again, server.url("/f")).read_bytes() == b"new"


def test_a_time_that_may_stand_for_two_contents_is_no_condition(server, build):
    headers = {"Last-Modified": LAST, "Date": LAST}
    server.files["/f"] = Served(DATA, headers)
    for _ in range(2):
        build().identify(RemoteSource(server.url("/f")))

    assert "if-modified-since" not in server.seen[1].headers


def test_without_anything_to_ask_by_it_is_downloaded_again(server, build):
    server.files["/f"] = Served(DATA)
    for _ in range(2):
        build().identify(RemoteSource(server.url("/f")))

    assert [one.status for one in server.seen] == [200, 200]


def test_a_body_that_was_trimmed_is_downloaded_again(tmp_path, server, build):
    server.files["/f"] = Served(DATA, {"ETag": '"one"'})
    first = build().identify(RemoteSource(server.url("/f")))
    for blob in (tmp_path / "blobs/blobs/sha256").iterdir():
        blob.unlink()
    again = build()

    assert again.identify(RemoteSource(server.url("/f"))) == first
    assert fetched(again, server.url("/f")).read_bytes() == DATA


def test_a_damaged_record_is_passed_over(tmp_path, server, build):
    server.files["/f"] = Served(DATA, {"ETag": '"one"'})
    build().identify(RemoteSource(server.url("/f")))
    (record,) = (tmp_path / "remotes").iterdir()
    record.write_bytes(b"{")

    assert fetched(build(), server.url("/f")).read_bytes() == DATA


def test_with_a_checksum_nothing_is_asked_to_identify_it(server, build):
    remote = RemoteSource(server.url("/f"), SUM)
    identity = build().identify(remote)

    assert server.seen == []
    assert SUM.encode() in identity


def test_with_a_checksum_a_stored_body_needs_no_request(server, build):
    server.files["/f"] = Served(DATA, {"Last-Modified": LAST})
    first = fetched(build(), server.url("/f"), SUM)
    second = fetched(build(), server.url("/f"), SUM)

    assert len(server.seen) == 1
    assert second.read_bytes() == first.read_bytes() == DATA
    assert second.stat().st_mtime == LAST_S


def test_another_file_than_the_checksum_says_is_refused_and_not_kept(tmp_path, server, build):
    server.files["/f"] = Served(b"other")
    with pytest.raises(ContextError) as refused:
        build().fetch(RemoteSource(server.url("/f"), SUM))

    other = "sha256:" + hashlib.sha256(b"other").hexdigest()
    assert refused.value.message == (
        f"digest mismatch for {server.url('/f')}: a blob of 5 bytes is {other}, expected {SUM}"
    )
    assert list((tmp_path / "blobs/blobs/sha256").iterdir()) == []


@pytest.mark.parametrize("checksum", ["sha256:abc", "md5:" + "0" * 32, "0" * 64])
def test_a_checksum_is_a_sha256(server, build, checksum):
    with pytest.raises(ContextError, match="a file's checksum is a sha256 digest"):
        build().identify(RemoteSource(server.url("/f"), checksum))


def test_a_file_that_changes_during_the_build_is_refused(tmp_path, server, build):
    server.files["/f"] = Served(DATA)
    remotes, remote = build(), RemoteSource(server.url("/f"))
    remotes.identify(remote)
    for blob in (tmp_path / "blobs/blobs/sha256").iterdir():
        blob.unlink()
    server.files["/f"] = Served(b"other")

    with pytest.raises(ContextError, match="digest mismatch"):
        remotes.fetch(remote)


def test_a_download_that_breaks_off_is_made_again(server, build):
    server.files["/f"] = Served(DATA, breaks=2)

    assert fetched(build(), server.url("/f")).read_bytes() == DATA


def test_a_download_that_always_breaks_off_fails(server, build):
    server.files["/f"] = Served(DATA, breaks=1_000)
    with pytest.raises(ContextError) as failed:
        build().identify(RemoteSource(server.url("/f")))

    assert failed.value.message.startswith(
        f"cannot fetch {server.url('/f')}: the connection to {server.address} broke"
    )


def test_what_the_server_keeps_compressed_is_the_file_itself(server, build):
    server.files["/f"] = Served(gzip.compress(DATA), {"Content-Encoding": "gzip"})

    assert fetched(build(), server.url("/f")).read_bytes() == DATA


def test_an_archive_stays_one(server, build):
    data = gzip.compress(DATA)
    server.files["/f.tar.gz"] = Served(data, {"Content-Type": "application/gzip"})

    assert fetched(build(), server.url("/f.tar.gz")).read_bytes() == data


def test_an_encoding_that_is_not_known_is_no_file(server, build):
    server.files["/f"] = Served(b"x", {"Content-Encoding": "br"})
    with pytest.raises(ContextError, match="with the encoding 'br'"):
        build().identify(RemoteSource(server.url("/f")))


@pytest.mark.parametrize(
    "secrets",
    [{"HTTP_AUTH_TOKEN_127.0.0.1": "t0ken"}, {"HTTP_AUTH_HEADER_127.0.0.1": "Bearer t0ken"}],
)
def test_a_secret_of_the_host_opens_it(server, build, secrets):
    server.files["/f"] = Served(DATA, authorization="Bearer t0ken")

    assert fetched(build(**secrets), server.url("/f")).read_bytes() == DATA


def test_a_user_in_the_url_is_sent_and_not_shown(server, build):
    server.files["/f"] = Served(DATA, authorization="Basic bWU6cyNjcmV0")
    url = f"http://me:s%23cret@{server.address}/f"

    assert fetched(build(), url).read_bytes() == DATA
    with pytest.raises(ContextError) as refused:
        build().identify(RemoteSource(f"http://me:s%23crot@{server.address}/f?sig=s3cr3t"))
    assert refused.value.message == (
        f"cannot fetch {server.url('/f')}: the server wants credentials (HTTP 401 Unauthorized)"
    )
    assert refused.value.hint == (
        "give the secret HTTP_AUTH_TOKEN_127.0.0.1 or HTTP_AUTH_HEADER_127.0.0.1"
    )


def test_a_redirect_to_another_host_gets_no_credentials(server, build):
    with FileServer({"/g": Served(DATA, {"ETag": '"one"'})}) as elsewhere:
        server.files["/f"] = Served(status=302, headers={"Location": elsewhere.url("/g")})
        secrets = {"HTTP_AUTH_TOKEN_127.0.0.1": "t0ken"}
        assert fetched(build(**secrets), server.url("/f")).name == "f"
        build(**secrets).identify(RemoteSource(server.url("/f")))

        assert server.seen[0].headers["authorization"] == "Bearer t0ken"
        assert ["authorization" in one.headers for one in elsewhere.seen] == [False, False]
        assert [one.status for one in elsewhere.seen] == [200, 304]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "there is no such file (HTTP 404 Not Found)"),
        (403, "access was refused (HTTP 403 Forbidden)"),
        (204, "the server's answer makes no sense (HTTP 204 No Content)"),
        (599, "the server failed (HTTP 599)"),
    ],
)
def test_what_servers_answer_instead(server, build, status, message):
    server.files["/f"] = Served(status=status)
    with pytest.raises(ContextError) as failed:
        build().identify(RemoteSource(server.url("/f")))

    assert failed.value.message == f"cannot fetch {server.url('/f')}: {message}"
    assert failed.value.hint


def test_a_host_that_does_not_listen(build):
    with FileServer() as gone:
        url = gone.url("/f?sig=s3cr3t")
    with pytest.raises(ContextError) as failed:
        build().identify(RemoteSource(url))

    assert failed.value.message == (
        f"cannot fetch {url.partition('?')[0]}: {gone.address} refused the connection"
    )


@pytest.mark.parametrize("url", ["http:///x", "http://h:port/x", "https://[::1/x"])
def test_what_is_no_url(build, url):
    with pytest.raises(ContextError, match="is not an http or https URL"):
        build().identify(RemoteSource(url))


def test_a_name_that_no_file_can_have(server, build):
    with pytest.raises(ContextError, match="a name of more than 255 bytes"):
        build().identify(RemoteSource(server.url("/" + "x" * 256)))


def test_a_local_path_is_no_remote_source(build):
    with pytest.raises(ContextError, match="a/b is not a remote source"):
        build().identify(RemoteSource("a/b"))


def test_no_url_is_written_down(tmp_path, server, build):
    server.files["/f"] = Served(DATA, {"ETag": '"one"'})
    build().identify(RemoteSource(server.url("/f?sig=s3cr3t")))

    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert b"s3cr3t" not in path.read_bytes() + os.fsencode(path)
