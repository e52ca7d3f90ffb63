"""Reading the address of a git context."""

import pytest

from pybuild.context.git import GitRepository
from pybuild.context.git_address import GitAddress, parse_git_address
from pybuild.errors import ContextError
from pybuild.request import GitOptions

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            f"git://github.com/o/r.git#refs/heads/main#{SHA.upper()}",
            GitAddress("https://github.com/o/r.git", "https://github.com", "refs/heads/main", SHA),
        ),
        ("git://h/r.git##" + SHA, GitAddress("https://h/r.git", "https://h", "", SHA)),
        ("git://h/r.git#" + SHA, GitAddress("https://h/r.git", "https://h", SHA)),
        (
            "https://h:8443/o/r.git#v1:services/a",
            GitAddress("https://h:8443/o/r.git", "https://h:8443", "v1", "", "services/a"),
        ),
        ("https://h/r.git#:a", GitAddress("https://h/r.git", "https://h", subdir="a")),
        ("https://h/r.git#feature#1", GitAddress("https://h/r.git", "https://h", "feature#1")),
        ("http://[::1]:80/r.git", GitAddress("http://[::1]:80/r.git", "http://[::1]:80")),
        ("git@h:o/r.git#dev:b", GitAddress("git@h:o/r.git", ref="dev", subdir="b")),
        ("ssh://git@h:2222/o/r.git", GitAddress("ssh://git@h:2222/o/r.git")),
        (
            "https://s3cr3t@h/r.git",
            GitAddress("https://h/r.git", "https://h", token="s3cr3t"),
        ),
        (
            "git://oauth2:p%40ss@h/r.git#main",
            GitAddress("https://h/r.git", "https://h", "main", user="oauth2", token="p@ss"),
        ),
    ],
)
def test_forms(text, address):
    assert parse_git_address(text) == address


def test_git_is_http_where_asked_for():
    assert parse_git_address("git://h/r.git", pull_http=True).url == "http://h/r.git"


@pytest.mark.parametrize(
    "text",
    [
        "-oProxyCommand=x:y",
        "--upload-pack=touch x",
        "https://h/r.git\n",
        "https://h/a b.git",
        "https://-h/r.git",
        "https:///r.git",
        "https://h/",
        "https://h:port/r.git",
        "https://h/ext::sh.git",
        "ssh://-oProxyCommand=x/r.git",
        "ssh://-o@h/r.git",
        "ssh://git:secret@h/r.git",
        "-o@h:r.git",
        "git@-h:r.git",
        "git@h:--upload-pack=x",
        "git@h::x",
    ],
)
def test_addresses_that_git_could_misread_are_refused_without_being_quoted(text):
    with pytest.raises(ContextError) as refused:
        parse_git_address(text)

    assert text not in refused.value.message
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    "ref",
    ["--upload-pack=x", "-b", "a..b", "a~1", "a^", "/a", "a/", "a.lock", "a@{1}", "a*", "a\\b"],
)
def test_refs_that_are_no_names_are_refused(ref):
    with pytest.raises(ContextError) as refused:
        parse_git_address("https://h/r.git#" + ref)

    assert refused.value.message == f"{ref!r} is not a git branch, tag or commit"


def test_a_colon_is_no_part_of_a_ref_in_kanikos_form():
    with pytest.raises(ContextError, match="'main:sub' is not a git branch"):
        parse_git_address("git://h/r.git#main:sub")


def test_the_commit_of_kanikos_form_must_be_full():
    with pytest.raises(ContextError) as refused:
        parse_git_address("git://h/r.git#main#abc123")

    assert refused.value.message == "'abc123' is not a full git commit id"


def test_the_branch_option_wins_over_the_fragment_and_keeps_the_directory():
    options = GitOptions(branch="release/1")
    address = GitRepository.parse("https://h/r.git#main:svc", options).address

    assert (address.ref, address.subdir) == ("release/1", "svc")


def test_a_branch_and_a_commit_contradict_each_other():
    with pytest.raises(ContextError) as refused:
        GitRepository.parse(f"git://h/r.git#main#{SHA}", GitOptions(branch="dev"))

    assert refused.value.message == (
        f"the git context names the commit {SHA}, and the git branch dev is given too"
    )


def test_a_branch_that_is_an_option_is_refused():
    with pytest.raises(ContextError, match="is not a git branch"):
        GitRepository.parse("https://h/r.git", GitOptions(branch="--upload-pack=x"))


def test_neither_options_nor_the_address_show_a_token():
    repository = GitRepository.parse("https://s3cr3t@h/r.git", GitOptions())

    assert "s3cr3t" not in repr(repository)
