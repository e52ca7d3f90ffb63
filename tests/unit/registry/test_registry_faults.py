"""Registries in trouble: a whole image gets through, or one line says why and no tag is there."""

from __future__ import annotations

import pytest

from pybuild.errors import PybuildError, RegistryError
from pybuild.oci import media
from pybuild.oci.manifest import Manifest
from pybuild.oci.reference import Reference, Repository
from pybuild.request import Credential
from tools.fake_registry import FakeRegistry, Fault
from tools.images import AMD64, describe, image_documents
from tools.registry_client import new_client

PASSWORD = "secret"
LAYERS = tuple(bytes([number]) * 3000 for number in range(6))


@pytest.fixture
def registry():
    with FakeRegistry(auth="bearer") as fake:
        yield fake


def client_of(registry, password=PASSWORD):
    return new_client(
        insecure_hosts=frozenset({registry.host}),
        credentials=(Credential(registry.host, "user", password),),
    )


@pytest.fixture
def client(registry):
    return client_of(registry)


@pytest.fixture
def here(registry):
    return Repository(registry.host, "a")


def push_image(client, here):
    config, document = image_documents(LAYERS)
    for data, kind in ((config, media.OCI_CONFIG), *((d, media.OCI_LAYER_GZIP) for d in LAYERS)):
        client.registry.push_blob(here, describe(data, kind), lambda data=data: iter((data,)))
    client.registry.push_manifest(here, "1", Manifest.parse(document, source="m"))


def pull_image(client, here):
    found = client.registry.resolve(Reference.parse(f"{here}:1"), AMD64)
    return tuple(
        b"".join(client.registry.pull_blob(found.repository, layer))
        for layer in found.manifest.layers
    )


@pytest.mark.parametrize(
    "fault",
    [
        Fault("", status=500, every=3, times=999),
        Fault("", status=429, every=3, times=999, headers={"Retry-After": "2"}),
        Fault("", hang_up=True, every=3, times=999),
        Fault("GET.*blobs", cut_after=1000, every=2, times=999),
        Fault("PUT.*uploads", take=1000, every=2, times=999),
    ],
    ids=["500", "429", "hang up", "cut downloads", "cut uploads"],
)
def test_an_image_gets_through_to_a_registry_that_fails_now_and_then(registry, client, here, fault):
    registry.faults.append(Fault(**vars(fault)))
    push_image(client, here)
    assert pull_image(client_of(registry), here) == LAYERS


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("PUT.*uploads", status=403, times=999), "access denied"),
        (Fault("POST", status=403, times=999), "access denied"),
        (Fault("PUT.*manifests", status=403, times=999), "access denied"),
        (Fault("HEAD", status=403, times=999), "access denied"),
        (Fault("PUT", status=500, times=999), "answered 500"),
        (Fault("POST", status=405, times=999), "answered 405"),
        (Fault("PUT", hang_up=True, times=999), "broke"),
        (Fault("/token", status=500, times=999), "logging in to .* answered 500"),
        (
            Fault("PUT.*uploads", status=400, body=b'{"errors":[{"code":"DIGEST_INVALID"}]}'),
            "got other bytes",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.pattern} {value.status}",
)
def test_a_push_that_fails_is_one_line_and_leaves_no_tag(registry, client, here, fault, reason):
    registry.faults.append(Fault(**vars(fault)))
    with pytest.raises(PybuildError, match=reason) as raised:
        push_image(client, here)
    assert "\n" not in raised.value.message
    assert raised.value.exit_code in {5, 6}
    assert registry.manifests == {}


def test_whether_a_push_is_let_in_is_one_post_that_leaves_nothing(registry, here):
    registry.auth = ""
    client_of(registry).registry.check_push(here)
    assert registry.lines() == [
        "POST /v2/a/blobs/uploads/",
        "DELETE /v2/a/blobs/uploads/1?state=a%2Fb",
    ]
    assert registry.partial == {}


def test_the_token_of_the_question_serves_the_push(registry, client, here):
    client.registry.check_push(here)
    push_image(client, here)
    assert sum("/token" in line for line in registry.lines()) == 1


@pytest.mark.parametrize("status", [401, 403, 405, 500])
def test_an_upload_that_cannot_be_given_up_does_no_harm(registry, client, here, status):
    headers = {"WWW-Authenticate": f'Bearer realm="{registry.url}/token",scope="a:delete"'}
    registry.faults.append(Fault("DELETE", status=status, headers=headers, times=99))
    client.registry.check_push(here)
    assert sum("/token" in line for line in registry.lines()) == 1
    registry.faults.append(Fault("DELETE", hang_up=True))
    client.registry.check_push(here)


@pytest.mark.parametrize(
    ("password", "faults", "message"),
    [
        ("wrong", [], "logging in to {host} was refused by {host}: wrong user name or password"),
        (
            "secret",
            [Fault("POST", status=403, body=b'{"errors":[{"code":"DENIED","message":"no"}]}')],
            "pushing to {host}/a was refused by {host}: access denied (DENIED: no)",
        ),
        (
            "secret",
            [Fault("POST", status=404, body=b'{"errors":[{"code":"NAME_UNKNOWN"}]}')],
            "pushing to {host}/a failed: {host} answered 404 (NAME_UNKNOWN)",
        ),
    ],
)
def test_who_may_not_push_learns_it_first(registry, here, password, faults, message):
    registry.faults += faults
    with pytest.raises(RegistryError) as raised:
        client_of(registry, password).registry.check_push(here)
    assert raised.value.message == message.format(host=registry.host)


def test_a_missing_base_is_one_line(registry, client):
    with pytest.raises(RegistryError) as raised:
        client.registry.resolve(Reference.parse(f"{registry.host}/nope:1"), AMD64)
    assert raised.value.message == (
        f"image {registry.host}/nope:1 was not found at {registry.host}"
    )
