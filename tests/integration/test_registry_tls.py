"""Private CAs and client certificates with the reference registry, both versions."""

from __future__ import annotations

import pytest

from pybuild.errors import RegistryError
from pybuild.oci.reference import Repository
from pybuild.request import ClientCertificate, Credential
from tools.certificates import new_authority
from tools.docker_registry import PASSWORD, PROGRAMS, USER, docker_registry
from tools.images import describe
from tools.registry_client import new_client

DATA = b"layer" * 1000


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return new_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("server", "IP:127.0.0.1")


@pytest.fixture(params=PROGRAMS)
def server(request, tmp_path, certificate):
    with docker_registry(
        tmp_path, version=request.param, certificate=certificate, private=True
    ) as running:
        yield running


@pytest.fixture(params=PROGRAMS)
def mutual(request, tmp_path, certificate, authority):
    with docker_registry(
        tmp_path, version=request.param, certificate=certificate, client_ca=authority.file
    ) as running:
        yield running


def there_and_back(host, **options):
    client = new_client(credentials=(Credential(host, USER, PASSWORD),), **options)
    repository = Repository(host, "a")
    client.registry.push_blob(repository, describe(DATA), lambda: iter((DATA,)))
    return b"".join(client.registry.pull_blob(repository, describe(DATA)))


def test_a_private_authority_is_believed_for_its_host(server, authority):
    assert there_and_back(server.host, authorities=((server.host, authority.file),)) == DATA


@pytest.mark.parametrize("elsewhere", ["registry.example.com", "127.0.0.1"])
def test_a_private_authority_is_believed_for_no_other_host(server, authority, elsewhere):
    with pytest.raises(RegistryError, match="is not trusted"):
        there_and_back(server.host, authorities=((elsewhere, authority.file),))
    assert [line for line in server.requests() if " /v2/" in line] == []


@pytest.mark.parametrize("how", ["host", "sides"])
def test_a_certificate_can_go_unchecked(server, how):
    options = (
        {"unverified_hosts": frozenset({server.host})}
        if how == "host"
        else {"unverified_pull": True, "unverified_push": True}
    )
    assert there_and_back(server.host, **options) == DATA


def test_a_client_certificate_is_shown(mutual, authority, tmp_path_factory):
    mine = new_authority(tmp_path_factory.mktemp("stranger")).issue("stranger")
    known = authority.issue(f"me-{mutual.host}", "DNS:me")
    authorities = ((mutual.host, authority.file),)
    shown = ClientCertificate(mutual.host, known / "cert.pem", known / "key.pem")
    assert (
        there_and_back(mutual.host, authorities=authorities, client_certificates=(shown,)) == DATA
    )
    stranger = ClientCertificate(mutual.host, mine / "cert.pem", mine / "key.pem")
    for certificates in ((), (stranger,)):
        with pytest.raises(RegistryError) as raised:
            there_and_back(mutual.host, authorities=authorities, client_certificates=certificates)
        assert raised.value.message.startswith(f"pushing {describe(DATA).digest} to {mutual.host}")
