"""Which URL a registry is spoken to at."""

from __future__ import annotations

import pytest

from pybuild.http import Retries, Transport, TransportError
from pybuild.oci.reference import Repository
from pybuild.registry.endpoints import Endpoints, Side, places
from pybuild.registry.trust import Trusts
from pybuild.request import Mirror, RegistryOptions
from tools.certificates import new_authority
from tools.fake_registry import FakeRegistry


class NoTransport:
    """Fails a test that would send something."""

    def request(self, *_args, **_kwargs):
        pytest.fail("a request was sent")


def base(host, side=Side.PULL, transport=None, **options):
    return endpoints_of(transport or NoTransport(), **options).base(host, side)


def endpoints_of(transport, **options):
    made = RegistryOptions(**options)
    return Endpoints(made, transport, Trusts(made).on_behalf_of)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("ghcr.io", "https://ghcr.io"),
        ("docker.io", "https://registry-1.docker.io"),
        ("index.docker.io", "https://registry-1.docker.io"),
        ("registry:5000", "https://registry:5000"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
    ],
)
def test_a_registry_is_spoken_to_over_https(host, url):
    assert base(host) == url


def test_a_host_named_insecure_is_spoken_to_over_http():
    assert (
        base("registry:5000", insecure_hosts=frozenset({"Registry:5000"})) == "http://registry:5000"
    )


@pytest.mark.parametrize("side", list(Side))
def test_this_machine_may_speak_http(side):
    with FakeRegistry() as registry:
        transport = Transport(retries=Retries(attempts=1))
        assert base(registry.host, side, transport) == registry.url
        assert registry.lines() == ["GET /v2/"]


def test_the_question_is_asked_once():
    with FakeRegistry() as registry:
        endpoints = endpoints_of(Transport())
        assert {endpoints.base(registry.host, side) for side in Side} == {registry.url}
        assert len(registry.seen) == 1


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return new_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("server", "IP:127.0.0.1")


@pytest.fixture
def secure(certificate):
    with FakeRegistry(certificate=certificate) as registry:
        yield registry


@pytest.mark.parametrize("side", list(Side))
def test_an_option_for_plain_http_does_not_make_a_secure_registry_plain(secure, side, authority):
    options = {
        "insecure_pull": True,
        "insecure_push": True,
        "authorities": ((secure.host, authority.file),),
    }
    assert base(secure.host, side, Transport(), **options) == secure.url


def test_a_certificate_that_is_not_trusted_is_no_reason_to_speak_http(secure):
    with pytest.raises(TransportError, match=f"the certificate of {secure.host} is not trusted"):
        base(secure.host, transport=Transport())


def test_a_registry_that_wants_a_client_certificate_is_no_reason_to_speak_http(
    certificate, authority
):
    with FakeRegistry(certificate=certificate, client_ca=authority.file) as registry:
        with pytest.raises(TransportError, match="asks for a client certificate"):
            base(
                registry.host,
                transport=Transport(),
                authorities=((registry.host, authority.file),),
            )
        assert registry.seen == []


class PlainOnly:
    """A transport to registries that do not speak TLS."""

    def __init__(self):
        self.asked = []

    def request(self, _method, url, **_how):
        self.asked.append(url)
        if url.startswith("https:"):
            raise TransportError("no TLS here", "tls")


@pytest.mark.parametrize(
    ("side", "options", "plain"),
    [
        (Side.PULL, {"insecure_pull": True}, True),
        (Side.PUSH, {"insecure_push": True}, True),
        (Side.PULL, {"insecure_push": True}, False),
        (Side.PUSH, {"insecure_pull": True}, False),
    ],
)
def test_plain_http_by_side_is_tried_after_https(side, options, plain):
    transport = PlainOnly()
    found = base("registry:5000", side, transport, **options)
    assert found == ("http" if plain else "https") + "://registry:5000"
    assert transport.asked == (
        ["https://registry:5000/v2/", "http://registry:5000/v2/"] if plain else []
    )


HUB = Repository("docker.io", "library/alpine")


@pytest.mark.parametrize(
    ("repository", "mirrors", "asked"),
    [
        (HUB, [], [HUB]),
        (HUB, [Mirror("docker.io", "m.io")], [Repository("m.io", "library/alpine"), HUB]),
        (HUB, [Mirror("index.docker.io", "m.io")], [Repository("m.io", "library/alpine"), HUB]),
        (
            HUB,
            [Mirror("docker.io", "m.io", "a/b")],
            [Repository("m.io", "a/b/library/alpine"), HUB],
        ),
        (HUB, [Mirror("ghcr.io", "m.io")], [HUB]),
        (
            HUB,
            [Mirror("docker.io", "b.io"), Mirror("docker.io", "a.io")],
            [Repository("b.io", "library/alpine"), Repository("a.io", "library/alpine"), HUB],
        ),
        (HUB, [Mirror("docker.io", "registry-1.docker.io")], [HUB]),
    ],
)
def test_mirrors_come_in_order_and_the_registry_last(repository, mirrors, asked):
    assert places(repository, mirrors) == tuple(asked)


def test_with_mirrors_only_the_registry_itself_is_left_out_where_it_has_one():
    mirrors = [Mirror("docker.io", "m.io")]
    assert places(HUB, mirrors, mirrors_only=True) == (Repository("m.io", "library/alpine"),)
    elsewhere = Repository("ghcr.io", "a")
    assert places(elsewhere, mirrors, mirrors_only=True) == (elsewhere,)
