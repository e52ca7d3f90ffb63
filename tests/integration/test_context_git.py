"""Git contexts against a real ``git http-backend`` that wants a token."""

import base64
import os
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from pybuild.context.git import GitRepository
from pybuild.errors import ContextError
from pybuild.request import GitOptions
from tools.git_origin import Origin
from tools.git_server import GitServer

TOKEN = "glpat-s3cr3t/t+k=n"


@pytest.fixture
def origin(tmp_path):
    made = Origin(tmp_path)
    made.first = made.commit({"Dockerfile": "one", "svc/Dockerfile": "svc", ".gitignore": "x"})
    made.second = made.commit({"Dockerfile": "two"}, links={"out": "/etc", "in": "svc"})
    made.git("tag", "-a", "v1", "-m", "annotated")
    made.push("main", "v1")
    made.git("checkout", "-q", "-b", "dev/x")
    made.third = made.commit({"Dockerfile": "three"})
    made.push("dev/x", "HEAD:refs/pull/7/head")
    return made


@pytest.fixture
def server(origin):
    with GitServer(origin.root / "srv", TOKEN) as running:
        yield running


def fetch(
    tmp_path, server, fragment="", sub_path="", *, emit=None, name="group/app.git", **options
):
    into = tmp_path / "into"
    into.mkdir()
    given = GitOptions(**{"token": TOKEN, **options})
    url = server.url(name) + fragment
    return GitRepository.parse(url, given, sub_path, emit or (lambda _event: None)).fetch(into)


def dockerfile(context):
    return (context.directory / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("fragment", "branch", "text"),
    [
        ("", "", "two"),
        ("#main", "", "two"),
        ("#dev/x", "", "three"),
        ("#refs/heads/dev/x", "", "three"),
        ("#refs/pull/7/head", "", "three"),
        ("#v1", "", "two"),
        ("#main", "dev/x", "three"),
        ("#:svc", "", "svc"),
        ("#dev/x:svc/", "", "svc"),
        ("#main:in", "", "svc"),
    ],
)
def test_refs(tmp_path, server, fragment, branch, text):
    assert dockerfile(fetch(tmp_path, server, fragment, branch=branch)) == text


@pytest.mark.parametrize("protocol_v2", [True, False], ids=["v2", "v0"])
@pytest.mark.parametrize("form", ["#{first}", "#refs/heads/dev/x#{first}", "##{first}"])
def test_a_commit_that_no_ref_names(tmp_path, origin, server, protocol_v2, form):
    server.protocol_v2 = protocol_v2
    fragment = form.format(first=origin.first)
    into = tmp_path / "into"
    into.mkdir()
    url = f"git://{server.address}/group/app.git{fragment}"
    context = GitRepository.parse(url, GitOptions(token=TOKEN, pull_http=True)).fetch(into)

    assert dockerfile(context) == "one"
    assert context.commit == origin.first


def test_commit_and_time_are_told_and_git_itself_is_gone(tmp_path, origin, server):
    context = fetch(tmp_path, server, "#v1")

    assert context.owned
    assert context.commit == origin.second
    assert context.commit_time_s == int(origin.git("log", "-1", "--format=%ct", "v1"))
    names = {path.name for path in context.directory.iterdir()}
    assert names == {"Dockerfile", "svc", ".gitignore", "out", "in"}
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["tree"]


def test_only_the_newest_commit_travels(tmp_path, origin, server):
    (origin.work / "noise").write_bytes(os.urandom(200_000))
    origin.git("checkout", "-q", "main")
    origin.commit({})
    (origin.work / "noise").unlink()
    origin.commit({"Dockerfile": "last"})
    origin.push("main")
    fetch(tmp_path, server, "#main")

    assert 0 < server.sent_bytes < 50_000


def test_the_users_of_the_hosts(tmp_path, origin):
    with GitServer(origin.root / "srv", TOKEN, user="oauth2") as wanting:
        assert dockerfile(fetch(tmp_path, wanting)) == "two"


def test_the_user_option_wins(tmp_path, origin):
    with GitServer(origin.root / "srv", TOKEN, user="bot") as wanting:
        assert dockerfile(fetch(tmp_path, wanting, user="bot")) == "two"


def test_credentials_in_the_url_are_used_but_not_kept(tmp_path, origin):
    into = tmp_path / "into"
    into.mkdir()
    with GitServer(origin.root / "srv", "p%ss", user="me") as wanting:
        url = f"http://me:p%25ss@{wanting.address}/group/app.git#main"
        source = GitRepository.parse(url, GitOptions())
        assert dockerfile(source.fetch(into)) == "two"
    assert source.address.url == f"http://{wanting.address}/group/app.git"


def test_the_token_shows_nowhere(tmp_path, server):
    seen = Watch(forms(TOKEN))
    with seen:
        context = fetch(tmp_path, server)

    assert seen.commands, "the watcher saw no git at all"
    assert seen.found == []
    for path in (tmp_path / "into").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert not any(form in path.read_bytes() for form in forms(TOKEN))
    assert not list(context.directory.rglob(".git"))


def test_the_token_is_in_no_file_even_while_git_works(tmp_path, server, monkeypatch):
    kept = tmp_path / "kept"
    monkeypatch.setattr(
        "pybuild.context.git.shutil.rmtree", lambda path, **_: Path(path).rename(kept)
    )
    fetch(tmp_path, server)

    assert (kept / "0/FETCH_HEAD").exists()
    for path in filter(Path.is_file, kept.rglob("*")):
        assert not any(form in path.read_bytes() for form in forms(TOKEN))


def test_a_redirect_gets_no_token(tmp_path, origin, server):
    # A host that lets everybody in: git would come back to it with its POST, header and all.
    with GitServer(origin.root / "srv") as elsewhere:
        server.redirect_to = f"http://{elsewhere.address}"
        with pytest.raises(ContextError, match="it redirects to another address"):
            fetch(tmp_path, server)

        assert elsewhere.requests == []


def test_without_a_token_a_redirect_is_followed(tmp_path, origin):
    first = GitServer(origin.root / "srv")
    with GitServer(origin.root / "srv") as target, first:
        first.redirect_to = f"http://{target.address}"
        assert dockerfile(fetch(tmp_path, first, token="")) == "two"


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"token": ""}, "it wants credentials", "give a token"),
        ({"token": "wr0ng-token"}, "it wants credentials", "the host refused the token"),
    ],
)
def test_refused_credentials(tmp_path, server, options, message, hint):
    with pytest.raises(ContextError) as failed:
        fetch(tmp_path, server, **options)

    url = server.url("group/app.git")
    assert failed.value.message == f"cannot fetch the git repository {url}: {message}"
    assert hint in failed.value.hint
    assert "wr0ng" not in failed.value.message + failed.value.hint


def test_forbidden(tmp_path, server):
    server.status = 403
    with pytest.raises(ContextError, match="access was refused"):
        fetch(tmp_path, server)


def test_no_such_repository(tmp_path, server):
    with pytest.raises(ContextError, match="there is no such repository"):
        fetch(tmp_path, server, name="group/none.git")


def test_a_host_that_does_not_listen(tmp_path, origin):
    with GitServer(origin.root / "srv") as gone:
        pass
    with pytest.raises(ContextError, match="its host cannot be reached"):
        fetch(tmp_path, gone)


def test_a_host_that_does_not_exist(tmp_path):
    (tmp_path / "into").mkdir()
    source = GitRepository.parse("https://host.invalid/r.git", GitOptions(token=TOKEN))
    with pytest.raises(ContextError) as failed:
        source.fetch(tmp_path / "into")

    assert failed.value.message == (
        "cannot fetch the git repository https://host.invalid/r.git: its host name is not known"
        " here"
    )


@pytest.mark.parametrize("ref", ["nothing", "refs/heads/nothing", "abc1234"])
def test_no_such_ref(tmp_path, server, ref):
    with pytest.raises(ContextError) as failed:
        fetch(tmp_path, server, "#" + ref)

    url = server.url("group/app.git")
    assert failed.value.message == f"the git repository {url} has no branch or tag {ref}"


@pytest.mark.parametrize("protocol_v2", [True, False], ids=["v2", "v0"])
def test_no_such_commit(tmp_path, server, protocol_v2):
    server.protocol_v2 = protocol_v2
    sha = "0123456789" * 4
    with pytest.raises(ContextError) as failed:
        fetch(tmp_path, server, "#" + sha)

    url = server.url("group/app.git")
    assert failed.value.message == f"the git repository {url} has no commit {sha}"


@pytest.mark.parametrize(
    ("fragment", "sub_path", "message"),
    [
        ("#main:out", "", "out leads out of the context"),
        ("#main:..", "", ".. leads out of the context"),
        ("#main:svc", "../out", "../out leads out of the context"),
        ("#main:none", "", "the context has no directory none"),
        ("", "out", "out leads out of the context"),
    ],
)
def test_sub_directories_stay_inside(tmp_path, server, fragment, sub_path, message):
    with pytest.raises(ContextError) as failed:
        fetch(tmp_path, server, fragment, sub_path)

    assert failed.value.message == message


def test_the_job_s_own_git_settings_do_not_count(tmp_path, server, monkeypatch):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    (hooks / "post-checkout").chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"[core]\n\thooksPath = {hooks}\n"
        f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {server.url("")}\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_ASKPASS", "/bin/false")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hooks.parent))

    assert dockerfile(fetch(tmp_path, server)) == "two"
    assert not (tmp_path / "hook-ran").exists()


def test_modes_do_not_depend_on_the_umask(tmp_path, server):
    before = os.umask(0o077)
    try:
        context = fetch(tmp_path, server)
    finally:
        os.umask(before)

    assert (context.directory / "Dockerfile").stat().st_mode & 0o777 == 0o644
    assert (context.directory / "svc").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("form", ["#v1:svc", "?ref=refs/tags/v1&subdir=svc", "?tag=v1#:svc"])
def test_a_query_says_what_a_fragment_says(tmp_path, server, form):
    assert dockerfile(fetch(tmp_path, server, form)) == "svc"


def test_the_checksum_is_compared_with_the_commit(tmp_path, origin, server):
    assert dockerfile(fetch(tmp_path, server, f"?ref=v1&checksum={origin.second[:7]}")) == "two"


def test_another_commit_than_the_checksum_says_is_refused(tmp_path, origin, server):
    with pytest.raises(ContextError) as refused:
        fetch(tmp_path, server, f"?ref=v1&checksum={origin.first}")

    assert refused.value.message.endswith(f"expected checksum to match {origin.first}")


def test_submodules_are_fetched_and_theirs_too(tmp_path, origin, server):
    inner, deepest = Origin(origin.root, "group/inner.git"), Origin(origin.root, "other/deep.git")
    deep = deepest.commit({"deep": "deep"})
    deepest.push("main")
    inner.commit({"f": "not yet"})
    inner.add_submodule("below", "../../other/deep.git", deep)
    middle = inner.commit({"f": "inner"})
    inner.commit({"f": "later"})
    inner.push("main")
    origin.git("checkout", "-q", "main")
    origin.add_submodule("libs/inner", "../inner.git", middle)
    origin.add_submodule("absolute", server.url("other/deep.git"), deep)
    origin.add_submodule("left-out", server.url("other/deep.git"), deep, update="none")
    origin.commit({})
    origin.push("main")
    context = fetch(tmp_path, server)

    assert (context.directory / "libs/inner/f").read_text() == "inner"
    assert (context.directory / "libs/inner/below/deep").read_text() == "deep"
    assert (context.directory / "absolute/deep").read_text() == "deep"
    assert list((context.directory / "left-out").iterdir()) == []
    assert not list(context.directory.rglob(".git"))


def test_submodules_may_be_left_out(tmp_path, origin, server):
    origin.git("checkout", "-q", "main")
    origin.add_submodule("x", "../none.git", origin.first)
    origin.commit({})
    origin.push("main")

    assert list((fetch(tmp_path, server, "?submodules=false").directory / "x").iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["--upload-pack=touch hacked", "ext::sh -c touch% hacked", "/srv/x.git", "file:///srv/x.git"],
)
def test_a_submodule_cannot_have_programs_run_or_this_machine_read(tmp_path, origin, server, url):
    origin.git("checkout", "-q", "main")
    origin.add_submodule("x", url, origin.first)
    origin.commit({})
    origin.push("main")
    with pytest.raises(ContextError) as refused:
        fetch(tmp_path, server)

    assert refused.value.message.startswith(
        f"the submodule at x of {server.url('group/app.git')}: the address of the git repository"
    )
    assert not list(tmp_path.rglob("hacked"))


def test_the_token_goes_to_no_other_host_for_a_submodule(tmp_path, origin, server):
    with GitServer(origin.root / "srv") as elsewhere:
        origin.git("checkout", "-q", "main")
        origin.add_submodule("x", elsewhere.url("group/app.git"), origin.first)
        origin.commit({})
        origin.push("main")
        context = fetch(tmp_path, server)

        assert (context.directory / "x/Dockerfile").read_text() == "one"
        assert {request.authorization for request in elsewhere.requests} == {""}


def test_a_submodule_without_a_url_is_warned_of(tmp_path, origin, server):
    origin.git("checkout", "-q", "main")
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.first},x")
    origin.git("commit", "-q", "-m", "a link alone")
    origin.push("main")
    events = []

    fetch(tmp_path, server, emit=events.append)

    assert [event.code for event in events] == ["GitSource"]
    assert "the submodule at x has no URL in .gitmodules" in events[0].message


def forms(token: str) -> list[bytes]:
    """The token as it stands, as in a URL, and as in a header."""
    header = base64.b64encode(f"oauth2:{token}".encode())
    return [token.encode(), quote(token, safe="").encode(), header]


class Watch:
    """Looks at the command line of every process of the machine while it is open."""

    def __init__(self, secrets):
        self.secrets, self.found, self.commands = secrets, [], 0

    def __enter__(self):
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _look(self):
        while not self._end.is_set():
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = place.read_bytes()
                except OSError:
                    continue
                self.commands += b"git" in line and b"/group/app.git" in line
                self.found += [line for secret in self.secrets if secret in line]
            time.sleep(0.0005)
