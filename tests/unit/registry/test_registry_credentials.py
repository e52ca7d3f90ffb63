"""Which login is found for which repository, in which order."""

from __future__ import annotations

import base64
import json

import pytest

from pybuild.errors import RegistryError
from pybuild.oci.reference import Repository
from pybuild.registry.credentials import Credentials
from pybuild.registry.login import Login
from pybuild.request import Credential, RegistryOptions

GHCR = Repository("ghcr.io", "team/app")
HUB = Repository("docker.io", "library/alpine")


def packed(text):
    return base64.b64encode(text.encode()).decode()


def auths(**entries):
    return json.dumps({"auths": entries})


def find(repository=GHCR, *, files=(), **options):
    events = []
    credentials = Credentials(RegistryOptions(config_files=tuple(files), **options), events.append)
    return credentials.find(repository), events


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("ghcr.io", GHCR),
        ("https://ghcr.io", GHCR),
        ("https://ghcr.io/", GHCR),
        ("http://ghcr.io/v2/", GHCR),
        ("GHCR.io", GHCR),
        ("ghcr.io/team", GHCR),
        ("ghcr.io/team/app", GHCR),
        ("https://index.docker.io/v1/", HUB),
        ("index.docker.io", HUB),
        ("docker.io", HUB),
        ("registry-1.docker.io", HUB),
        ("localhost:5000", Repository("localhost:5000", "a")),
    ],
)
def test_a_key_may_be_a_host_a_url_or_a_path(key, repository):
    login, _ = find(repository, auth_config=auths(**{key: {"auth": packed("u:p")}}))
    assert login == Login("u", "p")


@pytest.mark.parametrize(
    "key",
    ["ghcr.io.evil.io", "ghcr.io:443", "ghcr.io/tea", "ghcr.io/team/app/x", "evil.io/ghcr.io"],
)
def test_another_key_does_not_match(key):
    assert find(auth_config=auths(**{key: {"auth": packed("u:p")}})) == (None, [])


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": packed("u:p:with:colons")}, Login("u", "p:with:colons")),
        ({"auth": packed("u:pässword").rstrip("=")}, Login("u", "pässword")),
        ({"auth": packed("u:p\0\0")}, Login("u", "p")),
        ({"username": "u", "password": "p"}, Login("u", "p")),
        ({"username": "x", "password": "y", "auth": packed("u:p")}, Login("u", "p")),
        ({"identitytoken": "t"}, Login("", "", "t")),
        ({"auth": packed("00000000-0000:"), "identitytoken": "t"}, Login("00000000-0000", "", "t")),
        ({"registrytoken": "r"}, Login(registry_token="r")),
        ({}, None),
        ({"email": "a@b"}, None),
    ],
)
def test_an_entry_is_read_as_docker_reads_it(entry, login):
    assert find(auth_config=auths(**{"ghcr.io": entry})) == (login, [])


def test_the_most_specific_key_wins():
    text = auths(**{"ghcr.io": {"auth": packed("a:a")}, "ghcr.io/team": {"auth": packed("b:b")}})
    assert find(auth_config=text)[0] == Login("b", "b")


def test_explicit_then_text_then_files_in_order(tmp_path):
    files = [tmp_path / name for name in ("missing", "one", "two")]
    files[1].write_text(auths(**{"ghcr.io": {"auth": packed("one:1")}}))
    files[2].write_text(
        auths(**{"ghcr.io": {"auth": packed("two:2")}, "docker.io": {"auth": packed("hub:2")}})
    )
    text = auths(**{"ghcr.io": {"auth": packed("text:t")}})
    explicit = (Credential("ghcr.io", "explicit", "e"),)
    assert find(files=files, auth_config=text, credentials=explicit)[0].user == "explicit"
    assert find(files=files, auth_config=text)[0].user == "text"
    assert find(files=files)[0].user == "one"
    assert find(HUB, files=files, auth_config=text)[0].user == "hub"


def test_explicit_credentials_for_the_hub_may_use_its_old_name():
    options = {"credentials": (Credential("https://index.docker.io/v1/", "u", "p"),)}
    assert find(HUB, **options)[0] == Login("u", "p")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "credentials cannot be read: DOCKER_AUTH_CONFIG is not JSON: "),
        ("[]", "credentials cannot be read: DOCKER_AUTH_CONFIG is not an object"),
        (
            auths(**{"a.io": {"auth": "%%%"}}),
            "credentials cannot be read: DOCKER_AUTH_CONFIG: auths.a.io.auth is not base64",
        ),
    ],
)
def test_what_cannot_be_read_is_an_error_that_shows_no_secret(text, message):
    with pytest.raises(RegistryError) as raised:
        find(auth_config=text)
    assert raised.value.message.startswith(message)
    assert "%%%" not in raised.value.message


def test_a_file_that_may_not_be_read_is_a_warning(tmp_path):
    login, events = find(files=[tmp_path])  # a directory
    assert login is None
    assert [event.message for event in events] == [
        f"credentials in {tmp_path} are not used: Is a directory"
    ]


def test_a_login_is_never_printed():
    assert repr(Login("me", "secret", "token", "token")) == "Login()"
