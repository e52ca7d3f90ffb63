"""Logins: challenges, tokens, and where a login never goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from pybuild.errors import RegistryError
from pybuild.oci.reference import Repository
from pybuild.registry.auth import Challenge, read_challenge
from pybuild.request import Credential
from tools.fake_registry import FakeRegistry, Fault
from tools.images import add_image, describe
from tools.registry_client import new_client

BASIC = "Basic dXNlcjpzZWNyZXQ="


@pytest.fixture
def registry():
    with FakeRegistry(auth="bearer") as fake:
        add_image(fake, "a", "1")
        yield fake


@pytest.fixture
def other():
    with FakeRegistry() as fake:
        yield fake


def client_of(registry, password=None):
    login = Credential(registry.host, "user", password or registry.password)
    return new_client(insecure_hosts=frozenset({registry.host}), credentials=(login,))


def pull(client, registry, path="a"):
    return client.registry.pull_manifest(Repository(registry.host, path), "1")


def token_requests(registry):
    return [seen for seen in registry.seen if seen.target.startswith("/token")]


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ('Basic realm="x"', Challenge("basic", {"realm": "x"})),
        ("basic", Challenge("basic", {})),
        (
            'Bearer realm="https://a/t?x=1,2",service="a b",scope="repository:a:pull,push"',
            Challenge(
                "bearer",
                {
                    "realm": "https://a/t?x=1,2",
                    "service": "a b",
                    "scope": "repository:a:pull,push",
                },
            ),
        ),
        ("Bearer realm=https://a/t", Challenge("bearer", {"realm": "https://a/t"})),
        ('Bearer Realm = "a\\"b"', Challenge("bearer", {"realm": 'a"b'})),
        ('Basic realm="x", Bearer realm="y"', Challenge("bearer", {"realm": "y"})),
        ('Negotiate, Basic realm="x"', Challenge("basic", {"realm": "x"})),
        ("Bearer", None),
        ("Digest qop=auth", None),
        ("", None),
    ],
)
def test_a_challenge_is_read(header, challenge):
    assert read_challenge(header) == challenge


def test_basic_is_sent_once_it_is_asked_for_and_then_at_once(registry):
    registry.auth = "basic"
    client = client_of(registry)
    pull(client, registry)
    pull(client, registry)
    assert [seen.authorization for seen in registry.seen] == ["", BASIC, BASIC]


def test_a_token_is_fetched_once_for_a_scope(registry):
    client = client_of(registry)
    for _ in range(3):
        pull(client, registry)
    assert registry.lines() == [
        "GET /v2/a/manifests/1",
        "GET /token?service=fake&scope=repository%3Aa%3Apull&account=user",
        *["GET /v2/a/manifests/1"] * 3,
    ]
    assert registry.seen[1].authorization == BASIC
    assert registry.seen[-1].authorization == "Bearer token-0"


def test_another_scope_needs_no_second_challenge(registry):
    add_image(registry, "b", "1")
    client = client_of(registry)
    pull(client, registry)
    pull(client, registry, "b")
    assert registry.lines()[-2:] == [
        "GET /token?service=fake&scope=repository%3Ab%3Apull&account=user",
        "GET /v2/b/manifests/1",
    ]


def test_many_threads_fetch_one_token(registry):
    client = client_of(registry)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: pull(client, registry), range(32)))
    assert all(found)
    assert len(token_requests(registry)) == 1


def test_an_old_token_is_renewed_before_it_is_refused(registry):
    client = client_of(registry)
    pull(client, registry)
    client.now[0] = 291
    pull(client, registry)
    assert len(token_requests(registry)) == 2
    assert registry.lines().count("GET /v2/a/manifests/1") == 3


def test_a_token_that_is_refused_early_is_renewed(registry):
    client = client_of(registry)
    pull(client, registry)
    registry.tokens["token-0"] = []
    assert pull(client, registry)
    assert [seen.authorization for seen in registry.seen[-3:]] == [
        "Bearer token-0",
        BASIC,
        "Bearer token-1",
    ]


def test_without_a_login_the_token_is_anonymous(registry):
    registry.anonymous = True
    client = new_client(insecure_hosts=frozenset({registry.host}))
    assert pull(client, registry)
    (asked,) = token_requests(registry)
    assert asked.target == "/token?service=fake&scope=repository%3Aa%3Apull"
    assert asked.authorization == ""


def test_an_identity_token_is_exchanged_in_the_body(registry):
    text = f'{{"auths": {{"{registry.host}": {{"identitytoken": "refresh-me"}}}}}}'
    client = new_client(insecure_hosts=frozenset({registry.host}), auth_config=text)
    assert pull(client, registry)
    (asked,) = token_requests(registry)
    assert asked.line == "POST /token"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["refresh_token"],
        "service": ["fake"],
        "client_id": ["pybuild"],
        "scope": ["repository:a:pull"],
        "refresh_token": ["refresh-me"],
    }


def test_a_token_server_without_that_exchange_gets_the_password_beside_the_token(registry):
    entry = '{"identitytoken": "refresh-me", "username": "user", "password": "secret"}'
    text = f'{{"auths": {{"{registry.host}": {entry}}}}}'
    client = new_client(insecure_hosts=frozenset({registry.host}), auth_config=text)
    registry.faults.append(Fault("POST /token", status=404))
    assert pull(client, registry)
    assert [seen.line.split("?")[0] for seen in token_requests(registry)] == [
        "POST /token",
        "GET /token",
    ]
    assert token_requests(registry)[1].authorization == BASIC


@pytest.mark.parametrize("auth", ["bearer", "basic"])
def test_a_registry_token_is_sent_as_it_is(registry, auth):
    registry.auth = auth
    text = f'{{"auths": {{"{registry.host}": {{"registrytoken": "given"}}}}}}'
    client = new_client(insecure_hosts=frozenset({registry.host}), auth_config=text)
    registry.tokens["given"] = ["repository:a:pull"]
    if auth == "basic":
        with pytest.raises(RegistryError, match="was refused"):
            pull(client, registry)
    else:
        assert pull(client, registry)
    assert [seen.authorization for seen in registry.seen] == ["", "Bearer given"]
    assert token_requests(registry) == []


def test_a_wrong_password_at_the_token_server_is_final_and_plain(registry):
    client = client_of(registry, password="wrong")
    with pytest.raises(RegistryError) as raised:
        pull(client, registry)
    assert raised.value.message == (
        f"logging in to {registry.host} was refused by {registry.host}: wrong user name or password"
    )
    assert (len(token_requests(registry)), client.naps) == (1, [])
    assert "wrong" not in repr(raised.value).replace("wrong user", "")


def test_a_right_password_without_the_right_is_not_called_wrong(registry):
    client = client_of(registry)
    pull(client, registry)
    registry.tokens["token-0"] = []
    registry.grants = lambda _scope: True
    registry.faults.append(Fault("/token", status=200, body=b'{"token": "useless"}', times=9))
    with pytest.raises(RegistryError) as raised:
        pull(client, registry)
    assert raised.value.message == (
        f"pulling the manifest of {registry.host}/a:1 was refused by {registry.host}:"
        " the login has no right to do that (UNAUTHORIZED: authentication required)"
    )


@pytest.mark.parametrize("body", [b"no json", b"{}", b'{"token": 5}'])
def test_a_broken_token_server_is_named(registry, body):
    registry.faults.append(Fault("/token", status=200, body=body))
    with pytest.raises(RegistryError, match=f"^logging in to {registry.host} failed: the token of"):
        pull(client_of(registry), registry)


def test_a_token_server_elsewhere_on_this_machine_gets_the_login(registry, other):
    registry.realm = f"{other.url}/token?extra=1"
    other.tokens = registry.tokens
    assert pull(client_of(registry), registry)
    assert urlsplit(other.seen[0].target).query.startswith("extra=1&service=fake&scope=")
    assert other.seen[0].authorization == BASIC


@pytest.mark.parametrize("has_login", [True, False])
def test_no_login_goes_to_a_plain_token_server_elsewhere(registry, has_login):
    registry.realm = "http://evil.invalid/token"
    client = client_of(registry) if has_login else new_client()
    with pytest.raises(RegistryError) as raised:
        pull(client, registry)
    refused = f"{registry.host} wants the login sent to http://evil.invalid, which is not encrypted"
    assert (raised.value.message == refused) is has_login


def test_a_blob_that_is_elsewhere_is_fetched_without_the_login(registry, other):
    digest = registry.add_blob("a", b"layer")
    other.add_blob("a", b"layer")
    registry.blobs_at = other.url
    client = client_of(registry)
    repository = Repository(registry.host, "a")
    assert b"".join(client.registry.pull_blob(repository, describe(b"layer"))) == b"layer"
    assert [seen.line for seen in other.seen] == [f"GET /v2/a/blobs/{digest}"]
    assert other.seen[0].authorization == ""


def test_a_401_from_elsewhere_gets_no_answer(registry, other):
    other.auth = "bearer"
    registry.add_blob("a", b"layer")
    registry.blobs_at = other.url
    client = client_of(registry)
    pull(client, registry)  # from here on the login is sent at once
    with pytest.raises(RegistryError):
        b"".join(client.registry.pull_blob(Repository(registry.host, "a"), describe(b"layer")))
    assert other.lines() == [f"GET /v2/a/blobs/{describe(b'layer').digest}"]
    assert other.seen[0].authorization == ""


def test_an_upload_elsewhere_is_made_without_the_login(registry, other):
    registry.uploads_at = other.url
    client = client_of(registry)
    repository = Repository(registry.host, "a")
    how = client.registry.push_blob(repository, describe(b"new"), lambda: iter((b"new",)))
    assert how == "pushed"
    assert [seen.authorization for seen in other.seen] == [""]
    assert other.blobs["a", describe(b"new").digest] == b"new"
