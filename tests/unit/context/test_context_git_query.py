"""What the fragment and the query of a git URL ask for."""

import pytest

from pybuild.context.git_address import parse_git_address, parse_git_source
from pybuild.context.git_query import Wanted
from pybuild.errors import ContextError

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("fragment", "query", "wanted"),
    [
        ("", "", Wanted()),
        ("main:a/b", "", Wanted("main", "a/b")),
        ("", "ref=main&subdir=a/b", Wanted("main", "a/b")),
        ("main:a", "ref=main&subdir=a", Wanted("main", "a")),
        ("", "branch=main", Wanted("refs/heads/main")),
        ("", "branch=refs/heads/main", Wanted("refs/heads/main")),
        ("refs/tags/v1", "tag=v1", Wanted("refs/tags/v1")),
        ("v1", f"checksum={SHA[:8].upper()}", Wanted("v1", checksum=SHA[:8])),
        ("", f"commit={SHA}", Wanted(SHA, checksum=SHA)),
        ("", "commit=abcd", Wanted(checksum="abcd")),
        ("", "keep-git-dir", Wanted(keep_git_dir=True)),
        ("", "keep-git-dir=false&submodules=0", Wanted(keep_git_dir=False, submodules=False)),
        ("", "fetch-by-commit=true&mtime=commit", Wanted()),
    ],
)
def test_forms(fragment, query, wanted):
    assert Wanted.parse(fragment, query) == wanted


@pytest.mark.parametrize(
    ("fragment", "query", "message"),
    [
        ("", "raf=main", "has the unknown key 'raf'"),
        ("", "ref=a&ref=b", "has 'ref' twice"),
        ("", "ref", "has no value for 'ref'"),
        ("", "subdir=", "has no value for 'subdir'"),
        ("a", "ref=b", "asks for 'a' and for 'b'"),
        ("a", "branch=a", "asks for 'a' and for 'refs/heads/a'"),
        ("", "ref=a&tag=b", "asks for 'a' and for 'refs/tags/b'"),
        ("", "branch=a&checksum=abcd&commit=abce", "names two commits"),
        (":a", "subdir=b", "asks for the directory 'a' and for 'b'"),
        ("", "keep-git-dir=maybe", "has 'maybe' for keep-git-dir, which is true or false"),
        (
            "",
            "mtime=checkout",
            "asks for mtime=checkout; the commit's time is the only one there is",
        ),
    ],
)
def test_what_contradicts_itself_or_is_not_known_is_refused(fragment, query, message):
    with pytest.raises(ContextError) as refused:
        Wanted.parse(fragment, query)

    assert refused.value.message == f"the URL of the git repository {message}"
    assert refused.value.hint


def test_a_branch_and_a_tag_contradict_each_other():
    with pytest.raises(ContextError, match="asks for"):
        Wanted.parse("", "branch=a&tag=a")


@pytest.mark.parametrize("ref", ["--upload-pack=x", "a..b", "-x"])
def test_a_query_cannot_bring_in_an_option(ref):
    with pytest.raises(ContextError, match="is not a git branch, tag or commit"):
        Wanted.parse("", f"ref={ref}")


@pytest.mark.parametrize("checksum", ["foobar", "abc", "sha256:" + "0" * 64, "0" * 65])
def test_a_checksum_is_a_commit(checksum):
    with pytest.raises(ContextError, match="expected hex commit hash"):
        Wanted.parse("", f"checksum={checksum}")


@pytest.mark.parametrize(
    "text", ["https://h/r.git?ref=v1#:s", "git@h:r.git?ref=v1#:s", "ssh://git@h/r?ref=v1#:s"]
)
def test_every_form_of_a_repository_may_have_a_query(text):
    address = parse_git_source(text)

    assert (address.ref, address.subdir) == ("v1", "s")
    assert "?" not in address.url


def test_git_means_its_own_protocol_in_a_dockerfile_and_https_as_kanikos_context():
    assert parse_git_source("git://h/r.git#main:sub").url == "git://h/r.git"
    assert parse_git_address("git://h/r.git#main").url == "https://h/r.git"


@pytest.mark.parametrize("text", ["ftp://h/r.git", "git://me@h/r.git", "ext::sh -c x"])
def test_other_transports_are_refused(text):
    with pytest.raises(ContextError, match="the address of the git repository"):
        parse_git_source(text)
