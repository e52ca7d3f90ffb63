"""ADD of git repositories against a real ``git http-backend``, and others over git's protocol."""

import shutil
import socket
import subprocess
import time

import pytest

from pybuild.context.remotes import RemoteSources
from pybuild.errors import ContextError
from pybuild.http import Transport
from pybuild.ports import RemoteSource
from pybuild.store.blobs import LayoutStore
from tools.git_origin import TIME_S, Origin
from tools.git_server import GitServer

TOKEN = "ghp-s3cr3t/t+k=n"


@pytest.fixture
def origin(tmp_path):
    made = Origin(tmp_path / "origin", "app.git")
    made.first = made.commit({"f": "one", "sub/g": "sub", "run": "#!"})
    (made.work / "run").chmod(0o755)
    made.second = made.commit({"f": "two"}, links={"out": "/etc", "in": "sub"})
    made.git("tag", "-a", "v1", "-m", "annotated")
    made.tag = made.git("rev-parse", "v1")
    made.push("main", "v1")
    return made


@pytest.fixture
def server(origin):
    with GitServer(origin.root / "srv", TOKEN, user="x-access-token") as running:
        yield running


@pytest.fixture
def remotes(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    events = []
    secrets = {"GIT_AUTH_TOKEN": TOKEN.encode() + b"\n"}
    with LayoutStore(tmp_path / "blobs") as store:
        made = RemoteSources(
            scratch,
            store,
            Transport(),
            records=tmp_path / "remotes",
            secrets=secrets,
            emit=events.append,
        )
        made.events = events
        yield made


def fetched(remotes, url, **more):
    found = remotes.fetch(RemoteSource(url, **more))
    assert found.name == ""
    return found.directory


@pytest.mark.parametrize(
    ("form", "text"),
    [("", "two"), ("#v1", "two"), ("#{first}", "one"), ("?branch=main", "two")],
)
def test_the_tree_of_a_ref(origin, server, remotes, form, text):
    root = fetched(remotes, server.url("app.git") + form.format(first=origin.first))

    assert (root / "f").read_text() == text
    assert not (root / ".git").exists()


def test_a_directory_of_it(server, remotes):
    assert [path.name for path in fetched(remotes, server.url("app.git#:in")).iterdir()] == ["g"]


def test_files_are_644_or_755_and_as_old_as_the_commit(origin, server, remotes):
    root = fetched(remotes, server.url("app.git"))
    time_s = int(origin.git("log", "-1", "--format=%ct"))

    modes = {path.name: path.lstat().st_mode & 0o7777 for path in root.iterdir()}
    assert modes == {"f": 0o644, "run": 0o755, "sub": 0o755, "in": 0o777, "out": 0o777}
    assert root.stat().st_mode & 0o7777 == 0o755
    times = {path.lstat().st_mtime for path in (root, *root.rglob("*"))}
    assert times == {time_s}
    assert time_s > TIME_S


def test_its_identity_is_the_commit_and_what_is_taken_from_it(origin, server, remotes):
    url = server.url("app.git")
    same = [url, f"{url}#main", f"{url}#v1", f"{url}?commit={origin.second}"]
    other = [
        f"{url}#{origin.first}",
        f"{url}#:sub",
        f"{url}?submodules=false",
        f"{url}?keep-git-dir",
    ]

    assert len({remotes.identify(RemoteSource(one)) for one in same}) == 1
    assert len({remotes.identify(RemoteSource(one)) for one in (url, *other)}) == 1 + len(other)


def test_identifying_fetches_nothing(origin, server, remotes):
    remotes.identify(RemoteSource(server.url("app.git")))

    assert 0 < server.sent_bytes < 2_000
    assert not list((origin.root.parent / "scratch").rglob("*.pack"))


def test_what_was_identified_is_fetched_even_if_the_branch_has_moved(origin, server, remotes):
    remote = RemoteSource(server.url("app.git#main"))
    remotes.identify(remote)
    origin.commit({"f": "three"})
    origin.push("main")

    assert (remotes.fetch(remote).directory / "f").read_text() == "two"


def test_a_commit_is_known_without_asking(origin, server, remotes):
    identity = remotes.identify(RemoteSource(server.url(f"app.git#{origin.first}")))

    assert origin.first.encode() in identity
    assert server.requests == []


@pytest.mark.parametrize("of", ["second", "tag"])
def test_the_checksum_is_the_beginning_of_the_commit_or_of_the_tag(origin, server, remotes, of):
    checksum = getattr(origin, of)[:10].upper()

    assert (fetched(remotes, server.url("app.git#v1"), checksum=checksum) / "f").exists()


def test_another_commit_than_the_checksum_says_is_refused(origin, server, remotes):
    with pytest.raises(ContextError) as refused:
        remotes.identify(RemoteSource(server.url("app.git#v1"), origin.first))

    assert refused.value.message == (
        f"the git repository {server.url('app.git')} has the commit {origin.second} at"
        f" refs/tags/v1: expected checksum to match {origin.first}"
    )


@pytest.mark.parametrize(
    ("url", "more", "message"),
    [
        ("app.git?checksum=abcdef", {"checksum": "abcdee"}, "checksum mismatch"),
        ("app.git?keep-git-dir=0", {"keep_git_dir": True}, "inconsistent keep-git-dir"),
        ("app.git", {"checksum": "sha256:" + "0" * 64}, "expected hex commit hash"),
    ],
)
def test_flags_and_the_query_must_agree(server, remotes, url, more, message):
    with pytest.raises(ContextError, match=message):
        remotes.identify(RemoteSource(server.url(url), **more))


def test_the_git_directory_is_kept_where_that_is_asked_for(origin, server, remotes):
    root = fetched(remotes, server.url("app.git#v1"), keep_git_dir=True)

    def git(*arguments):
        command = ["git", "-c", "safe.directory=*", "-C", str(root), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert git("rev-parse", "HEAD") == origin.second
    assert git("describe") == "v1"
    assert git("status", "--porcelain") == ""
    assert git("remote", "get-url", "origin") == server.url("app.git")
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"s3cr3t" not in path.read_bytes()
            assert str(root).encode() not in path.read_bytes()


def test_a_directory_with_the_git_directory_is_warned_of(server, remotes):
    root = fetched(remotes, server.url("app.git?keep-git-dir#:sub"))

    assert [path.name for path in root.iterdir()] == ["g"]
    assert "not in the directory that is taken" in remotes.events[0].message


@pytest.mark.parametrize("form", ["#:out", "?subdir=..", "?subdir=sub/../../.."])
def test_a_directory_outside_is_refused(server, remotes, form):
    with pytest.raises(ContextError, match="leads out of the context"):
        remotes.fetch(RemoteSource(server.url("app.git") + form))


def test_no_such_ref(server, remotes):
    with pytest.raises(ContextError, match="has no branch or tag nothing"):
        remotes.identify(RemoteSource(server.url("app.git#nothing")))


def test_a_refused_token_is_not_shown(server, remotes):
    server.token = "other"
    with pytest.raises(ContextError) as refused:
        remotes.identify(RemoteSource(server.url("app.git")))

    assert refused.value.message == (
        f"cannot fetch the git repository {server.url('app.git')}: it wants credentials"
    )


def test_a_token_of_another_host_stays_here(origin, tmp_path):
    with GitServer(origin.root / "srv") as stranger, LayoutStore(tmp_path / "blobs") as store:
        (tmp_path / "scratch").mkdir()
        secrets = {"GIT_AUTH_TOKEN.example.org": b"s3cr3t"}
        remotes = RemoteSources(
            tmp_path / "scratch",
            store,
            Transport(),
            records=tmp_path / "remotes",
            secrets=secrets,
        )
        remotes.fetch(RemoteSource(stranger.url("app.git")))

        assert {request.authorization for request in stranger.requests} == {""}


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_git_s_own_protocol(origin, remotes):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    base = f"--base-path={origin.root / 'srv'}"
    options = ["--export-all", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}"]
    with subprocess.Popen(
        ["git", "daemon", base, *options, str(origin.root / "srv")],
        stderr=subprocess.DEVNULL,
    ) as daemon:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            root = fetched(remotes, f"git://127.0.0.1:{port}/app.git#main:sub")
            assert (root / "g").read_text() == "sub"
        finally:
            daemon.terminate()
