"""Logins from credential programs: asked in docker's protocol, and once a host."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from pybuild.errors import RegistryError
from pybuild.oci.reference import Repository
from pybuild.registry import programs
from pybuild.registry.credentials import Credentials
from pybuild.registry.login import Login
from pybuild.request import Credential, Mirror, RegistryOptions
from tools.fake_registry import FakeRegistry
from tools.images import add_image
from tools.registry_client import new_client

GHCR = Repository("ghcr.io", "team/app")
HUB = Repository("docker.io", "library/alpine")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.fixture
def program(folder):
    def make(name, answer='{"ServerURL":"x","Username":"u","Secret":"p"}', status=0, more=""):
        path = folder / f"docker-credential-{name}"
        path.write_text(
            "#!/bin/sh\n"
            f'read -r key; echo "$1 $key" >> {folder}/asked\n{more}\n'
            f"cat <<'EOF'\n{answer}\nEOF\nexit {status}\n"
        )
        path.chmod(stat.S_IRWXU)

    return make


def asked(folder):
    log = folder / "asked"
    return log.read_text().splitlines() if log.exists() else []


class Finder:
    """Credentials of a ``DOCKER_AUTH_CONFIG``."""

    def __init__(self, folder, document, **options):
        self.events = []
        made = RegistryOptions(auth_config=json.dumps(document), helper_path=str(folder), **options)
        self.credentials = Credentials(made, self.events.append)

    def find(self, repository=GHCR):
        return self.credentials.find(repository)


@pytest.mark.parametrize("document", [{"credHelpers": {"ghcr.io": "x"}}, {"credsStore": "x"}])
def test_a_program_is_asked_for_its_host_once(folder, program, document):
    program("x")
    finder = Finder(folder, document)
    assert [finder.find(), finder.find(Repository("ghcr.io", "other"))] == [Login("u", "p")] * 2
    assert asked(folder) == ["get ghcr.io"]
    assert finder.events == []


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", "https://index.docker.io/v1/"])
def test_the_hub_is_asked_for_by_the_name_docker_login_stores_it_under(folder, program, key):
    program("x")
    assert Finder(folder, {"credHelpers": {key: "x"}}).find(HUB) == Login("u", "p")
    assert asked(folder) == ["get https://index.docker.io/v1/"]


def test_an_identity_token_is_told_by_its_user(folder, program):
    program("x", '{"Username":"<token>","Secret":"refresh"}')
    assert Finder(folder, {"credsStore": "x"}).find() == Login(identity_token="refresh")


@pytest.mark.parametrize("document", [{"credHelpers": {"ghcr.io": "x"}}, {"credsStore": "x"}])
def test_credentials_that_are_not_found_are_no_login_and_no_trouble(folder, program, document):
    program("x", "credentials not found in native keychain", status=1)
    finder = Finder(folder, document)
    assert [finder.find(), finder.find()] == [None, None]
    assert finder.events == []
    assert asked(folder) == ["get ghcr.io"]


def test_the_order_is_the_hosts_program_then_the_files_login_then_the_store(folder, program):
    program("own", '{"Username":"own","Secret":"p"}')
    program("store", '{"Username":"store","Secret":"p"}')
    entry = {"username": "file", "password": "p"}
    document = {
        "auths": {"ghcr.io": entry, "quay.io": entry, "gcr.io": {}},
        "credHelpers": {"ghcr.io": "own"},
        "credsStore": "store",
    }
    finder = Finder(folder, document)
    hosts = ("ghcr.io", "quay.io", "gcr.io")
    assert [finder.find(Repository(host, "a")).user for host in hosts] == ["own", "file", "store"]
    assert asked(folder) == ["get ghcr.io", "get gcr.io"]


def test_explicit_credentials_need_no_program(folder, program):
    program("x")
    explicit = (Credential("ghcr.io", "me", "p"),)
    finder = Finder(folder, {"credsStore": "x"}, credentials=explicit)
    assert finder.find() == Login("me", "p")
    assert asked(folder) == []


def test_what_one_file_does_not_know_the_next_may(folder, program, tmp_path):
    program("x", "credentials not found in native keychain", status=1)
    (tmp_path / "config.json").write_text(
        '{"auths": {"ghcr.io": {"username": "u", "password": "2"}}}'
    )
    finder = Finder(folder, {"credsStore": "x"}, config_files=(tmp_path / "config.json",))
    assert finder.find() == Login("u", "2")


def test_many_threads_run_a_program_once(folder, program):
    program("x", more="sleep 0.05")
    finder = Finder(folder, {"credsStore": "x"})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: finder.find(), range(16)))
    assert found == [Login("u", "p")] * 16
    assert asked(folder) == ["get ghcr.io"]


def failing(program, how):
    match how:
        case "missing":
            return
        case "fails":
            program("x", "no such\n region", status=1, more="echo more >&2")
        case "is silent":
            program("x", "", status=3)
        case "answers nonsense":
            program("x", "topsecret")
        case "hangs":
            program("x", more="exec sleep 5")


FAILURES = {
    "missing": "the credential program 'docker-credential-x' for ghcr.io is not on this machine's"
    " PATH",
    "fails": "the credential program docker-credential-x failed for ghcr.io: no such region more",
    "is silent": "the credential program docker-credential-x failed for ghcr.io: it ended with 3",
    "answers nonsense": "the credential program docker-credential-x gave for ghcr.io what is no"
    " login",
    "hangs": "the credential program docker-credential-x for ghcr.io did not answer within 0 s",
}


@pytest.fixture
def _impatient(monkeypatch, request):
    if request.node.callspec.params["how"] == "hangs":
        monkeypatch.setattr(programs, "_TIMEOUT_S", 0.2)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("how", FAILURES)
def test_a_program_named_for_the_host_that_fails_is_one_line_each_time(folder, program, how):
    failing(program, how)
    finder = Finder(folder, {"credHelpers": {"ghcr.io": "x"}})
    for _ in range(2):
        with pytest.raises(RegistryError) as raised:
            finder.find()
        assert raised.value.message == FAILURES[how]
    assert finder.events == []
    assert len(asked(folder)) <= 1


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("how", FAILURES)
def test_a_store_that_fails_is_a_warning_and_the_host_goes_without(folder, program, how):
    failing(program, how)
    finder = Finder(folder, {"credsStore": "x"})
    assert [finder.find(), finder.find()] == [None, None]
    assert [event.message for event in finder.events] == [
        f"{FAILURES[how]}; the host is used without its login"
    ]


@pytest.mark.parametrize("name", ["evil/x", "../evil", "/bin/x", "-x", ""])
def test_a_name_is_never_a_path(folder, program, name, monkeypatch):
    program("x")
    (folder / "docker-credential-evil").mkdir()
    (folder / "docker-credential-x").rename(folder / "docker-credential-evil" / "x")
    monkeypatch.chdir(folder)
    with pytest.raises(RegistryError, match="is not on this machine's PATH"):
        Finder(folder, {"credHelpers": {"ghcr.io": name}}).find()


def test_without_a_path_no_program_is_found(program):
    program("x")
    with pytest.raises(RegistryError, match="is not on this machine's PATH"):
        Finder("", {"credHelpers": {"ghcr.io": "x"}}).find()


def test_all_programs_can_be_asked_before_any_request(folder, program):
    program("x")
    with FakeRegistry() as mirror:
        client = new_client(
            auth_config=json.dumps({"credsStore": "x", "credHelpers": {"bad.io": "missing"}}),
            helper_path=str(folder),
            mirrors=(Mirror("docker.io", mirror.host),),
        )
        client.registry.prepare_logins([HUB, GHCR, GHCR, Repository("bad.io", "a")])
        hub = "https://index.docker.io/v1/"
        assert asked(folder) == [f"get {host}" for host in (mirror.host, hub, "ghcr.io")]
        assert (mirror.seen, client.warnings) == ([], [])


def test_a_programs_login_reaches_the_registry(folder, program):
    program("x", '{"Username":"user","Secret":"secret"}')
    with FakeRegistry(auth="basic") as registry:
        add_image(registry, "a", "1")
        client = new_client(
            insecure_hosts=frozenset({registry.host}),
            auth_config='{"credsStore": "x"}',
            helper_path=str(folder),
        )
        assert client.registry.pull_manifest(Repository(registry.host, "a"), "1")
        assert asked(folder) == [f"get {registry.host}"]
