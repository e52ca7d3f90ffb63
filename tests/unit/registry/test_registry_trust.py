"""Certificates by host and side: for the sake of whom a server is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybuild.errors import RegistryError
from pybuild.http import Identity, Origin, Trust
from pybuild.oci.reference import Reference, Repository
from pybuild.registry.endpoints import Side
from pybuild.registry.trust import Trusts
from pybuild.request import ClientCertificate, Credential, Mirror, RegistryOptions
from tools.certificates import new_authority
from tools.fake_registry import FakeRegistry
from tools.images import AMD64, add_image, describe
from tools.registry_client import new_client

CA, OTHER_CA = Path("/ca.pem"), Path("/other.pem")
R, TOKENS, BLOBS = "registry.example.com", "gitlab.example.com", "store.example.com"


def trust_at(server, registry=R, side=Side.PULL, **options):
    trusting = Trusts(RegistryOptions(**options)).on_behalf_of(registry, side)
    return trusting(Origin.of(f"https://{server}"))


def test_without_options_the_system_is_believed():
    assert trust_at(R) == Trust()


@pytest.mark.parametrize("host", [R, R.upper(), f"{R}:443"])
def test_an_authority_counts_for_its_registry(host):
    assert trust_at(R, authorities=((host, CA),)) == Trust((CA,))


def test_an_authority_counts_for_no_other_registry():
    assert trust_at(R, authorities=(("other.example.com", CA), (f"{R}:5000", CA))) == Trust()


@pytest.mark.parametrize("server", [TOKENS, BLOBS])
def test_what_counts_for_a_registry_counts_where_it_sends_us(server):
    assert trust_at(server, authorities=((R, CA),)) == Trust((CA,))
    assert trust_at(server, unverified_hosts=frozenset({R})) == Trust(verified=False)


def test_what_is_said_of_the_other_server_counts_too():
    authorities = ((R, CA), (TOKENS, OTHER_CA), (R, CA))
    assert trust_at(TOKENS, authorities=authorities) == Trust((CA, OTHER_CA))
    assert trust_at(R, authorities=authorities) == Trust((CA,))


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_the_hub_is_meant_by_each_of_its_names(name):
    trust = trust_at("registry-1.docker.io", "docker.io", authorities=((name, CA),))
    assert trust == Trust((CA,))


@pytest.mark.parametrize("side", list(Side))
def test_checking_can_be_left_out_for_one_side(side):
    options = {f"unverified_{side.value}": True}
    other = next(one for one in Side if one is not side)
    assert trust_at(R, side=side, **options) == Trust(verified=False)
    assert trust_at(R, side=other, **options) == Trust()


def test_a_client_certificate_is_for_its_own_host_only():
    mine = ClientCertificate(R, Path("/cert.pem"), Path("/key.pem"))
    options = {"client_certificates": (mine,)}
    shown = Identity(Path("/cert.pem"), Path("/key.pem"))
    assert trust_at(R, **options) == Trust(identity=shown)
    assert trust_at(TOKENS, **options) == Trust()
    assert trust_at(R, "other.example.com", **options) == Trust(identity=shown)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return new_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("server", "IP:127.0.0.1")


@pytest.fixture
def secure(certificate):
    with FakeRegistry(certificate=certificate) as registry:
        add_image(registry, "a", "1")
        yield registry


def resolve(client, registry):
    return client.registry.resolve(Reference.parse(f"{registry.host}/a:1"), AMD64)


def push(client, registry):
    repository = Repository(registry.host, "b")
    return client.registry.push_blob(repository, describe(b"x"), lambda: iter((b"x",)))


def test_an_unknown_certificate_is_told_with_the_remedy(secure):
    with pytest.raises(RegistryError) as raised:
        resolve(new_client(), secure)
    assert raised.value.message == (
        f"pulling the manifest of {secure.host}/a:1 failed: the certificate of {secure.host} is"
        " not trusted: unable to get local issuer certificate"
    )
    assert raised.value.hint == (
        "give the CA that signed it for this host, or leave its certificate unchecked"
    )


def test_the_token_server_and_the_store_of_blobs_are_believed_with_the_registry(
    secure, certificate, authority
):
    with (
        FakeRegistry(certificate=certificate) as tokens,
        FakeRegistry(certificate=certificate) as store,
    ):
        secure.auth = "bearer"
        secure.realm = f"{tokens.url}/token"
        tokens.tokens = secure.tokens
        secure.blobs_at = store.url
        store.blobs = secure.blobs
        client = new_client(
            authorities=((secure.host, authority.file),),
            credentials=(Credential(secure.host, "user", "secret"),),
        )
        assert resolve(client, secure).config.run.env == (("A", "b"),)
        assert (len(tokens.seen), len(store.seen)) == (1, 1)


def test_one_side_can_go_unchecked_while_the_other_does_not(secure):
    client = new_client(unverified_pull=True)
    assert resolve(client, secure)
    with pytest.raises(RegistryError, match="is not trusted"):
        push(client, secure)
    client = new_client(unverified_push=True)
    assert push(client, secure) == "pushed"
    with pytest.raises(RegistryError, match="is not trusted"):
        resolve(client, secure)


def test_what_the_cache_has_found_is_pulled_as_it_was_asked_for(secure):
    client = new_client(unverified_push=True)
    repository = Repository(secure.host, "a")
    assert client.registry.pull_manifest(repository, "1")
    assert b"".join(client.registry.pull_blob(repository, describe(b"layer"))) == b"layer"


def test_an_unchecked_mirror_does_not_leave_its_registry_unchecked(secure):
    client = new_client(
        mirrors=(Mirror("registry.invalid", secure.host),),
        unverified_hosts=frozenset({secure.host}),
    )
    found = client.registry.resolve(Reference.parse("registry.invalid/a:1"), AMD64)
    assert found.repository == Repository(secure.host, "a")
    assert trust_at("registry.invalid", "registry.invalid", unverified_hosts={secure.host}).verified


def test_a_client_certificate_opens_a_registry(certificate, authority):
    mine = authority.issue("me")
    with FakeRegistry(certificate=certificate, client_ca=authority.file) as registry:
        add_image(registry, "a", "1")
        shown = ClientCertificate(registry.host, mine / "cert.pem", mine / "key.pem")
        authorities = ((registry.host, authority.file),)
        client = new_client(authorities=authorities, client_certificates=(shown,))
        assert resolve(client, registry)
        with pytest.raises(RegistryError, match="asks for a client certificate") as raised:
            resolve(new_client(authorities=authorities), registry)
        assert raised.value.hint == (
            "give a client certificate for this host that its registry knows"
        )
