"""Whom the transport believes over TLS, what it shows of itself, and how it says no."""

from __future__ import annotations

import pytest

from pybuild.errors import UsageError
from pybuild.http import Identity, Retries, Transport, TransportError, Trust
from tools.certificates import new_authority
from tools.fake_registry import FakeRegistry, Fault


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return new_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return new_authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("server", "IP:127.0.0.1")


@pytest.fixture
def secure(certificate):
    with FakeRegistry(certificate=certificate) as registry:
        yield registry


@pytest.fixture
def transport():
    made = Transport(retries=Retries(attempts=1))
    yield made
    made.close()


def get(transport, registry, trust):
    return transport.request("GET", f"{registry.url}/v2/", trust=lambda _origin: trust)


def failure(transport, registry, trust):
    with pytest.raises(TransportError) as raised:
        get(transport, registry, trust)
    return raised.value


def test_an_unknown_authority_is_refused(secure, transport):
    error = failure(transport, secure, Trust())
    assert error.message == (
        f"the certificate of {secure.host} is not trusted: unable to get local issuer certificate"
    )
    assert error.kind == "certificate"


def test_a_named_authority_is_believed(secure, transport, authority):
    assert get(transport, secure, Trust((authority.file,))).status == 200


def test_a_named_authority_does_not_replace_the_systems(authority):
    assert len(Trust((authority.file,)).context().get_ca_certs()) == (
        len(Trust().context().get_ca_certs()) + 1
    )


def test_belief_for_one_request_is_not_left_behind_for_the_next(secure, transport, authority):
    get(transport, secure, Trust((authority.file,)))
    get(transport, secure, Trust(verified=False))
    assert failure(transport, secure, Trust()).kind == "certificate"


def test_a_certificate_of_another_name_is_refused_even_if_its_authority_is_known(
    authority, transport
):
    with FakeRegistry(certificate=authority.issue("elsewhere")) as registry:
        error = failure(transport, registry, Trust((authority.file,)))
        assert error.kind == "certificate"
        assert get(transport, registry, Trust(verified=False)).status == 200


def test_belief_is_asked_for_at_each_server_of_a_redirect(
    secure, certificate, transport, authority
):
    asked = []

    def trust(origin):
        asked.append(str(origin))
        return Trust((authority.file,)) if str(origin) == secure.host else Trust()

    with FakeRegistry(certificate=certificate) as other:
        secure.faults.append(Fault("/v2/", status=307, headers={"Location": f"{other.url}/v2/"}))
        with pytest.raises(TransportError, match=f"of {other.host} is not trusted"):
            transport.request("GET", f"{secure.url}/v2/", trust=trust)
        assert asked == [secure.host, other.host]
        assert other.seen == []


def test_a_redirect_from_https_to_http_is_not_followed(secure, transport, authority):
    with FakeRegistry() as plain:
        secure.faults.append(Fault("/v2/", status=307, headers={"Location": f"{plain.url}/v2/"}))
        with pytest.raises(TransportError, match="redirects from https to http"):
            get(transport, secure, Trust((authority.file,)))
        assert plain.seen == []


@pytest.fixture
def mutual(certificate, authority):
    with FakeRegistry(certificate=certificate, client_ca=authority.file) as registry:
        yield registry


def identity(folder):
    return Identity(folder / "cert.pem", folder / "key.pem")


def test_a_client_certificate_is_shown_to_a_server_that_asks(mutual, transport, authority):
    mine = identity(authority.issue("me"))
    assert get(transport, mutual, Trust((authority.file,), identity=mine)).status == 200


def test_a_server_that_wants_a_client_certificate_and_gets_none_is_one_line(
    mutual, transport, authority
):
    error = failure(transport, mutual, Trust((authority.file,)))
    assert (error.message, error.kind) == (
        f"{mutual.host} asks for a client certificate",
        "identity",
    )


def test_a_client_certificate_that_the_server_does_not_know_is_one_line(
    mutual, transport, authority, stranger
):
    trust = Trust((authority.file,), identity=identity(stranger.issue("stranger")))
    error = failure(transport, mutual, trust)
    assert (error.message, error.kind) == (
        f"{mutual.host} does not know the CA of the client certificate",
        "identity",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, "cannot be read: No such file or directory"),
     ("no PEM", "cannot be used: it holds no certificate in PEM")],
)  # fmt: skip
def test_a_file_of_authorities_that_is_wrong_is_the_users_error(tmp_path, text, problem):
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as raised:
        Trust((path,)).context()
    assert raised.value.message == f"CA file {path} {problem}"


def test_a_key_of_another_certificate_is_the_users_error(authority, certificate):
    other = authority.issue("other")
    pair = Identity(certificate / "cert.pem", other / "key.pem")
    with pytest.raises(UsageError, match=r"^client certificate .* with key .* cannot be used$"):
        Trust(identity=pair).context()


def test_a_key_that_is_not_there_is_the_users_error(certificate, tmp_path):
    pair = Identity(certificate / "cert.pem", tmp_path / "key.pem")
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        Trust(identity=pair).context()
