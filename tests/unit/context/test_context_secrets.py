"""Which credential of the build goes to which host."""

import base64

import pytest

from pybuild.context.secrets import RemoteSecrets
from pybuild.errors import ContextError
from pybuild.http import Origin


def basic(token):
    return "Authorization: Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()


@pytest.mark.parametrize(
    ("secrets", "value"),
    [
        ({}, ""),
        ({"HTTP_AUTH_TOKEN_h.example": b"t\n"}, "Bearer t"),
        ({"HTTP_AUTH_HEADER_h.example": b"Basic abc"}, "Basic abc"),
        ({"HTTP_AUTH_HEADER_h.example": b"x", "HTTP_AUTH_TOKEN_h.example": b"t"}, "Bearer t"),
        ({"HTTP_AUTH_TOKEN_other.example": b"t"}, ""),
        ({"HTTP_AUTH_TOKEN_h.example:8443": b"t"}, ""),
    ],
)
def test_http(secrets, value):
    origin = Origin.of("https://h.example:8443/x")

    assert RemoteSecrets(secrets).http_authorization(origin) == value


@pytest.mark.parametrize(
    ("secrets", "headers"),
    [
        ({}, {}),
        ({"GIT_AUTH_TOKEN": b"t"}, {"http://h:1": basic("t")}),
        ({"GIT_AUTH_HEADER": b"bearer t"}, {"http://h:1": "Authorization: bearer t"}),
        (
            {"GIT_AUTH_TOKEN.h": b"own", "GIT_AUTH_TOKEN": b"any"},
            {"https://h": basic("own"), "http://h:1": basic("own")},
        ),
        (
            {"GIT_AUTH_TOKEN.h:1": b"port", "GIT_AUTH_TOKEN.h": b"own"},
            {"https://h:1": basic("port"), "https://h": basic("own"), "http://h:1": basic("port")},
        ),
        ({"GIT_AUTH_TOKEN.other": b"t"}, {"https://other": basic("t")}),
        (
            {"GIT_AUTH_HEADER.h": b"first", "GIT_AUTH_TOKEN.h": b"second"},
            {"https://h": "Authorization: first", "http://h:1": "Authorization: first"},
        ),
    ],
)
def test_git(secrets, headers):
    assert dict(RemoteSecrets(secrets).git_headers("http://h:1")) == headers


def test_a_repository_behind_ssh_gets_no_token_of_no_host():
    assert RemoteSecrets({"GIT_AUTH_TOKEN": b"t"}).git_headers("") == ()


def test_a_secret_cannot_bring_in_a_header():
    secrets = RemoteSecrets({"HTTP_AUTH_TOKEN_h": b"s3cr3t\r\nX-Other: 1"})
    with pytest.raises(ContextError) as refused:
        secrets.http_authorization(Origin.of("https://h/"))

    assert refused.value.message == (
        "the secret HTTP_AUTH_TOKEN_h holds several lines or control characters"
    )
    assert "s3cr3t" not in repr(secrets)
