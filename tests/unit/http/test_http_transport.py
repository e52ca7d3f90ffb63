"""What a caller of the transport sees: answers, retries, redirects and one-line failures."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate

import pytest

from pybuild.http import Retries, Transport, TransportError
from tools.fake_registry import FakeRegistry, Fault


@pytest.fixture
def server():
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def other():
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def naps():
    return []


@pytest.fixture
def transport(naps):
    with_naps = Transport(retries=Retries(sleep=naps.append, random=lambda: 0.0))
    yield with_naps
    with_naps.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_an_answer_has_status_headers_and_body(server, transport):
    response = transport.request("GET", f"{server.url}/v2/", headers={"X-A": "1"})
    assert (response.status, response.body) == (200, b"{}")
    assert response.headers["content-LENGTH"] == "2"
    assert server.seen[0].headers["x-a"] == "1"
    assert server.seen[0].headers["user-agent"] == "pybuild"
    assert server.seen[0].headers["accept-encoding"] == "identity"


def test_a_streamed_answer_comes_in_chunks_and_its_connection_is_used_again(server, transport):
    data = bytes(range(256)) * 4096
    digest = server.add_blob("a", data)
    for _ in range(3):
        with transport.request("GET", f"{server.url}/v2/a/blobs/{digest}", stream=True) as found:
            assert b"".join(found.chunks()) == data
        transport.request("HEAD", f"{server.url}/v2/")
    assert server.connections == 1


def test_the_body_of_an_error_is_there_even_when_streaming_was_asked_for(server, transport):
    response = transport.request("GET", f"{server.url}/v2/a/manifests/b", stream=True)
    assert response.status == 404
    assert b"MANIFEST_UNKNOWN" in response.body


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(server, transport, naps, status):
    server.faults.append(Fault("/v2/", status=status, times=2))
    assert transport.request("GET", f"{server.url}/v2/").status == 200
    assert naps == [0.5, 1.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 501])
def test_a_refusal_is_final(server, transport, naps, status):
    server.faults.append(Fault("/v2/", status=status))
    assert transport.request("GET", f"{server.url}/v2/").status == status
    assert (len(server.seen), naps) == (1, [])


def test_after_five_attempts_the_last_answer_is_handed_on(server, transport, naps):
    server.faults.append(Fault("/v2/", status=503, body=b"down", times=9))
    response = transport.request("GET", f"{server.url}/v2/")
    assert (response.status, response.body, len(server.seen)) == (503, b"down", 5)
    assert naps == [0.5, 1.0, 2.0, 4.0]


def test_without_retry_there_is_one_attempt(server, transport):
    server.faults.append(Fault("/v2/", status=503))
    assert transport.request("GET", f"{server.url}/v2/", attempts=1).status == 503


@pytest.mark.parametrize(
    ("headers", "nap"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.5),
        ({"Retry-After": "soon"}, 0.5),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:09 GMT"}, 0.5),  # long past
    ],
)
def test_retry_after_is_honoured(server, transport, naps, headers, nap):
    server.faults.append(Fault("/v2/", status=429, headers=headers))
    assert transport.request("GET", f"{server.url}/v2/").status == 200
    assert naps == [nap]


def test_retry_after_may_be_a_date_by_the_servers_own_clock(server, transport, naps):
    until = formatdate(time.time() + 20, usegmt=True)
    server.faults.append(Fault("/v2/", status=503, headers={"Retry-After": until}))
    assert transport.request("GET", f"{server.url}/v2/").status == 200
    assert 15 <= naps[0] <= 21


def test_retry_after_may_be_a_date_of_a_server_that_does_not_tell_its_own():
    naps = []
    retries = Retries(sleep=naps.append, random=lambda: 0.0, now_s=lambda: 1445412480.0)
    headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:09 GMT"}
    assert retries.again(1, Answer(429, headers))
    assert naps == [9.0]


@dataclass
class Answer:
    """As much of a response as counts for another attempt."""

    status: int
    headers: dict[str, str]


@pytest.mark.parametrize(("attempts", "made"), [(1, 1), (2, 2), (9, 9)])
def test_a_caller_may_ask_for_another_number_of_attempts(server, transport, attempts, made):
    server.faults.append(Fault("/v2/", status=503, times=99))
    assert transport.request("GET", f"{server.url}/v2/", attempts=attempts).status == 503
    assert len(server.seen) == made


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server, transport, naps):
    server.faults.append(Fault("/v2/", status=429, headers={"Retry-After": "3600"}))
    assert transport.request("GET", f"{server.url}/v2/").status == 429
    assert naps == []


def test_jitter_shortens_a_pause_by_up_to_a_half(server):
    naps = []
    transport = Transport(retries=Retries(sleep=naps.append, random=lambda: 0.5))
    server.faults.append(Fault("/v2/", status=503))
    transport.request("GET", f"{server.url}/v2/")
    assert naps == [0.375]


def test_a_broken_connection_is_tried_again_with_the_body_from_its_start(server, transport):
    server.faults.append(Fault("PUT", hang_up=True))
    begun = []

    def body():
        begun.append(1)
        return iter((b"ab", b"cd"))

    headers = {"Content-Length": "4", "Content-Type": "x/y"}
    url = f"{server.url}/v2/a/manifests/b"
    assert transport.request("PUT", url, headers=headers, body=body).status == 201
    assert [seen.body for seen in server.seen] == [b"abcd", b"abcd"]
    assert len(begun) == 2
    assert "transfer-encoding" not in server.seen[1].headers


def test_a_document_cut_short_is_fetched_again(server, transport):
    server.add_manifest("a", "b", "x/y", b"0123456789")
    server.faults.append(Fault("manifests", cut_after=4))
    assert transport.request("GET", f"{server.url}/v2/a/manifests/b").body == b"0123456789"


def test_a_stream_cut_short_is_an_error_that_says_so(server, transport):
    digest = server.add_blob("a", b"0123456789")
    server.faults.append(Fault("blobs", cut_after=4))
    response = transport.request("GET", f"{server.url}/v2/a/blobs/{digest}", stream=True)
    with pytest.raises(TransportError, match=f"^the connection to {server.host} broke: ") as raised:
        b"".join(response.chunks())
    assert (raised.value.kind, raised.value.passing) == ("broken", True)


def test_a_document_of_endless_size_is_refused(server, transport):
    server.add_manifest("a", "b", "x/y", bytes((16 << 20) + 1))
    with pytest.raises(TransportError, match="sent more than 16 MiB"):
        transport.request("GET", f"{server.url}/v2/a/manifests/b")


def redirect(target, status=307):
    return Fault("/v2/", status=status, headers={"Location": target})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_server_keeps_the_headers(server, transport, status):
    server.faults.append(redirect("/v2/?there", status))
    headers = {"Authorization": "Basic x"}
    response = transport.request("GET", f"{server.url}/v2/", headers=headers)
    assert response.url == f"{server.url}/v2/?there"
    assert [seen.authorization for seen in server.seen] == ["Basic x", "Basic x"]


def test_no_secret_follows_a_redirect_to_another_server_nor_comes_back(server, other, transport):
    server.faults.append(redirect(f"{other.url}/v2/"))
    other.faults.append(redirect(f"{server.url}/v2/?back"))
    headers = {"Authorization": "Basic x", "PRIVATE-TOKEN": "y", "Cookie": "z", "Range": "bytes=1-"}
    transport.request("GET", f"{server.url}/v2/", headers=headers)
    for seen in (other.seen[0], server.seen[1]):
        assert not {"authorization", "private-token", "cookie"} & set(seen.headers)
        assert seen.headers["range"] == "bytes=1-"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_is_never_sent_on(server, other, transport, method):
    server.faults.append(redirect(f"{other.url}/v2/"))
    assert transport.request(method, f"{server.url}/v2/", body=b"secret").status == 307
    assert other.seen == []


@pytest.mark.parametrize("target", ["ftp://a/b", "file:///etc/passwd", "http://[", "http://a:b/"])
def test_a_redirect_to_something_else_is_an_error(server, transport, target):
    server.faults.append(redirect(target))
    with pytest.raises(TransportError, match=f"^{server.host} redirects to a malformed URL$"):
        transport.request("GET", f"{server.url}/v2/")


def test_redirects_in_a_circle_end(server, transport):
    server.faults.append(Fault("/v2/", status=302, headers={"Location": "/v2/"}, times=99))
    with pytest.raises(TransportError, match="redirects without end"):
        transport.request("GET", f"{server.url}/v2/")
    assert len(server.seen) == 6


def test_a_refused_connection_is_one_line_at_once(transport, naps):
    port = free_port()
    with pytest.raises(TransportError) as raised:
        transport.request("GET", f"http://127.0.0.1:{port}/v2/?signature=hidden")
    assert raised.value.message == f"127.0.0.1:{port} refused the connection"
    assert (raised.value.kind, naps) == ("refused", [])


def test_an_unknown_name_is_one_line_at_once(transport, monkeypatch):
    def unknown(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TransportError) as raised:
        transport.request("GET", "https://nope.invalid/v2/")
    assert raised.value.message == "the host name nope.invalid cannot be resolved"
    assert raised.value.kind == "dns"


@pytest.mark.parametrize("url", ["ftp://a/", "/v2/", "https://", "http://a:99999/"])
def test_other_urls_are_refused(transport, url):
    with pytest.raises(TransportError, match="not an http or https URL"):
        transport.request("GET", url)


def test_https_to_a_plain_server_is_a_tls_failure(server, transport):
    with pytest.raises(TransportError) as raised:
        transport.request("GET", f"https://{server.host}/v2/", attempts=1)
    assert raised.value.kind in {"tls", "broken"}


def test_a_request_goes_through_the_proxy_with_its_login(server, transport):
    transport.proxies = {"http": f"http://me:p%40ss@{server.host}", "no": "direct.invalid"}
    transport.request("GET", "http://registry.invalid/v2/")
    assert server.lines() == ["GET http://registry.invalid/v2/"]
    assert server.seen[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


def test_a_proxy_that_is_not_there_is_named_as_the_cause(transport):
    transport.proxies = {"http": f"http://user:hidden@127.0.0.1:{free_port()}"}
    with pytest.raises(TransportError) as raised:
        transport.request("GET", "http://registry.invalid/v2/")
    assert raised.value.message == "the proxy for registry.invalid failed: Connection refused"


def test_many_threads_share_the_transport(server, transport):
    digest = server.add_blob("a", b"x" * 100_000)
    url = f"{server.url}/v2/a/blobs/{digest}"
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(lambda _: transport.request("GET", url).body, range(64)))
    assert {len(body) for body in bodies} == {100_000}
    assert server.connections <= 16
