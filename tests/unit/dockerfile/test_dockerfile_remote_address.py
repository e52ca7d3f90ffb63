"""What kind of source a text of ADD names."""

import pytest

from pybuild.dockerfile.remote_address import RemoteKind, file_name, remote_kind, shown


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("https://h/a/b.git", RemoteKind.GIT),
        ("HTTPS://h/a/b.git", RemoteKind.GIT),
        ("http://h/b.git#ref:dir", RemoteKind.GIT),
        ("https://h/b.git?ref=main", RemoteKind.GIT),
        ("https://h/b.git/", RemoteKind.HTTP),
        ("https://h/x?a=b.git", RemoteKind.HTTP),
        ("https://h/x#b.git", RemoteKind.HTTP),
        ("https://h.git", RemoteKind.HTTP),
        ("https://h/x.tar.gz", RemoteKind.HTTP),
        ("git://h/x", RemoteKind.GIT),
        ("ssh://git@h/x", RemoteKind.GIT),
        ("git@h:a/b", RemoteKind.GIT),
        ("me@h:b.git#x", RemoteKind.GIT),
        ("./git@h:a", None),
        ("github.com/a/b.git", None),
        ("ftp://h/x", None),
        ("ext::sh -c x", None),
        ("-u@h:x/", RemoteKind.GIT),
        ("a/b", None),
    ],
)
def test_kinds(source, kind):
    assert remote_kind(source) is kind


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b.txt", "b.txt"),
        ("https://h/a/b.txt?x=/y#z/w", "b.txt"),
        ("https://h/a%20b", "a b"),
        ("https://h/a%2Fb", "b"),
        ("https://h/a/", "a"),
        ("https://h/", "__unnamed__"),
        ("https://h", "__unnamed__"),
        ("https://h/a/..", "__unnamed__"),
        ("https://h/%2e%2e", "__unnamed__"),
        ("https://h/a%00b", "__unnamed__"),
        ("https://[h/a", "__unnamed__"),
    ],
)
def test_the_file_is_called_what_the_path_ends_with(url, name):
    assert file_name(url) == name


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("https://u:pw@h:1/a?sig=s3cr3t#x", "https://h:1/a"),
        ("https://t0ken@h/r.git?ref=main#:sub", "https://h/r.git?ref=main#:sub"),
        ("git@h:a/b", "git@h:a/b"),
        ("a/b", "a/b"),
    ],
)
def test_what_may_be_printed(source, text):
    assert shown(source) == text
