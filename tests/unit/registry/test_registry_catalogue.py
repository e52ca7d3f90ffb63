"""Tags are listed page by page, and manifests removed by their digest."""

from __future__ import annotations

import pytest

from pybuild.errors import RegistryError
from pybuild.oci import media
from pybuild.oci.reference import Repository
from pybuild.registry.catalogue import Catalogue
from pybuild.registry.failures import AccessRefused
from pybuild.request import Credential, RegistryOptions
from tools.fake_registry import FakeRegistry, Fault
from tools.images import image_documents
from tools.registry_client import new_client

PATH = "team/cache"


@pytest.fixture
def server():
    with FakeRegistry() as running:
        yield running


def catalogue(server, **options):
    made = RegistryOptions(insecure_hosts=frozenset({server.host}), **options)
    return Catalogue(made, new_client().transport, lambda _event: None)


def repository(server):
    return Repository(server.host, PATH)


def fill(server, *tags):
    return [
        server.add_manifest(PATH, tag, media.OCI_MANIFEST, image_documents((tag.encode(),))[1])
        for tag in tags
    ]


def test_a_list_of_many_pages_is_read_to_its_end(server):
    fill(server, "a", "b", "c", "d", "e")
    server.page = 2

    assert list(catalogue(server).tags(repository(server))) == ["a", "b", "c", "d", "e"]
    assert server.lines() == [
        f"GET /v2/{PATH}/tags/list?n=1000",
        f"GET /v2/{PATH}/tags/list?n=2&last=b",
        f"GET /v2/{PATH}/tags/list?n=2&last=d",
    ]


def test_a_repository_that_is_not_there_has_no_tags(server):
    assert list(catalogue(server).tags(repository(server))) == []


def test_the_next_page_is_never_another_host_s(server):
    fill(server, "a", "b")
    link = {"Link": '<http://evil.example/v2/x/tags/list?n=5&last=a>; rel="next"'}
    server.faults.append(Fault("tags/list", 200, link, b'{"tags":["a"]}'))

    assert list(catalogue(server).tags(repository(server))) == ["a", "b"]
    assert server.lines()[-1] == f"GET /v2/{PATH}/tags/list?n=5&last=a"


def test_a_manifest_comes_with_what_it_is(server):
    (digest,) = fill(server, "a")
    document, manifest = catalogue(server).manifest(repository(server), "a")
    media_type, data = server.manifests[PATH, "a"]

    assert (document.media_type, document.digest) == (media_type, digest)
    assert document.size_bytes == len(data)
    assert manifest.layers[0].size_bytes == 1
    assert catalogue(server).manifest(repository(server), "b") is None


def test_a_manifest_is_removed_with_its_tags(server):
    digest, _ = fill(server, "a", "b")
    catalogue(server).remove(repository(server), digest)

    assert list(catalogue(server).tags(repository(server))) == ["b"]
    assert server.lines()[0] == f"DELETE /v2/{PATH}/manifests/{digest}"


def test_what_is_gone_need_not_be_removed(server):
    (digest,) = fill(server, "a")
    catalogue(server).remove(repository(server), digest)
    catalogue(server).remove(repository(server), digest)


def test_a_registry_that_removes_nothing_is_told_apart(server):
    (digest,) = fill(server, "a")
    server.deletes = False
    with pytest.raises(RegistryError) as raised:
        catalogue(server).remove(repository(server), digest)

    assert raised.value.message == f"{server.host} does not let manifests be removed (405)"
    assert raised.value.hint == (
        "allow it (distribution: REGISTRY_STORAGE_DELETE_ENABLED=true), or set the registry's own"
        " rules for how long images are kept"
    )


def test_to_remove_asks_for_the_right_to(server):
    (digest,) = fill(server, "a")
    server.auth = "bearer"
    login = (Credential(server.host, server.user, server.password),)
    catalogue(server, credentials=login).remove(repository(server), digest)

    assert list(server.tokens.values()) == [[f"repository:{PATH}:pull,delete"]]


def test_who_may_not_list_is_told_so(server):
    fill(server, "a")
    server.auth = "bearer"
    with pytest.raises(AccessRefused) as raised:
        list(catalogue(server).tags(repository(server)))

    assert raised.value.message.startswith("logging in to ")
