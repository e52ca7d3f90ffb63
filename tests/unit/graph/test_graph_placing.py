"""COPY and ADD: here-documents, flags, URLs and git repositories become parts in order."""

import pytest

from pybuild.errors import DockerfileError
from pybuild.graph.plan import Files, FromContext, FromStage, Inline
from pybuild.ports import RemoteSource
from tools.planning import last, plan_of

HTTP = "https://example.com/f.tgz"
GIT = "https://example.com/r.git"
SHA = "sha256:" + "a" * 64


def placed(text, before="FROM a\nARG V=v\n"):
    stage = last(plan_of(f"{before}{text}\n"))
    step = stage.steps[-1]
    return step.action, stage.history[step.history].created_by


def local(*paths):
    return Files(FromContext(), paths)


@pytest.mark.parametrize(
    ("text", "parts", "shown"),
    [
        (
            'COPY x <<a <<"b" y /d/\n$V "q" \\$V\na\n$V\nb',
            (local("x", "y"), Inline("a", b'v "q" $V\n'), Inline("b", b"$V\n")),
            "COPY x y <<a <<b /d/",
        ),
        ("COPY <<-dir/f /d\n\t$V\n\tdir/f", (Inline("dir/f", b"v\n"),), "COPY <<dir/f /d"),
        ("ADD x <<f /d/\n1\nf", (local("x"), Inline("f", b"1\n")), "ADD x <<f /d/"),
        (
            f"ADD x y {HTTP} z {GIT}#main:sub /d/",
            (local("x", "y"), RemoteSource(HTTP), local("z"), RemoteSource(f"{GIT}#main:sub")),
            f"ADD x y {HTTP} z {GIT}#main:sub /d/",
        ),
        ("ADD https://example.com/$V /d", (RemoteSource("https://example.com/v"),),
         "ADD https://example.com/v /d"),
        (f"ADD --checksum={SHA} {HTTP} /d", (RemoteSource(HTTP, SHA),), f"ADD {HTTP} /d"),
        (
            f"ADD --checksum=abc123 --keep-git-dir {GIT} /d",
            (RemoteSource(GIT, "abc123", keep_git_dir=True),),
            f"ADD {GIT} /d",
        ),
        (
            f"ADD {GIT}?branch=b&checksum=abc&keep-git-dir /d",
            (RemoteSource(f"{GIT}?branch=b&checksum=abc&keep-git-dir", "abc", keep_git_dir=True),),
            f"ADD {GIT}?branch=b&checksum=abc&keep-git-dir /d",
        ),
        ("ADD git@host.example:a/b /d", (RemoteSource("git@host.example:a/b"),),
         "ADD git@host.example:a/b /d"),
        ("ADD ssh://git@h/a /d", (RemoteSource("ssh://git@h/a"),), "ADD ssh://git@h/a /d"),
        ("ADD git://h/a /d", (RemoteSource("git://h/a"),), "ADD git://h/a /d"),
        # BuildKit takes these for paths of the context.
        ("ADD github.com/o/r /d", (local("github.com/o/r"),), "ADD github.com/o/r /d"),
        ("ADD ftp://h/f /d", (local("ftp://h/f"),), "ADD ftp://h/f /d"),
        ("ADD ./git@h:p /d", (local("./git@h:p"),), "ADD ./git@h:p /d"),
        ("COPY github.com/o/r /d", (local("github.com/o/r"),), "COPY github.com/o/r /d"),
    ],
)  # fmt: skip
def test_sources_are_parts_in_order(text, parts, shown):
    action, history = placed(text)
    assert action.parts == parts
    assert history == f"{shown} # buildkit"


def test_flags_reach_the_action_and_history_shows_those_that_buildkit_shows():
    action, history = placed("COPY --link --parents --exclude=*.o --exclude=$V --chown=$V x /d")
    assert (action.link, action.parents, action.exclude) == (True, True, ("*.o", "$V"))
    assert (action.chown, action.add, action.unpack) == ("v", False, None)
    assert history == "COPY --parents --chown=v x /d # buildkit"
    action, history = placed("ADD --unpack=false --chmod=u=rwX,go-w x /d")
    assert (action.add, action.unpack, action.chmod) == (True, False, "u=rwX,go-w")
    assert history == "ADD --chmod=u=rwX,go-w x /d # buildkit"


def test_a_copy_with_a_mode_is_not_linked():
    action, _ = placed("COPY --link --chmod=755 x /d")
    assert not action.link


def test_a_stages_files_and_a_here_document_are_two_parts():
    action, _ = placed("COPY --from=s x <<f /d/\n1\nf", before="FROM b AS s\nFROM a\n")
    assert action.parts == (Files(FromStage(0), ("x",)), Inline("f", b"1\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"COPY {HTTP} /d", "source can't be a URL for COPY"),
        (f"COPY x {GIT} /d", "source can't be a git ref for COPY"),
        ("COPY git@h:a/b /d", "source can't be a git ref for COPY"),
        (f"ADD --checksum={SHA} {HTTP} x /d", "checksum can't be specified for multiple sources"),
        (f"ADD --checksum={SHA} x /d", "checksum requires HTTP(S) or Git sources"),
        (f"ADD --checksum=md5:12 {HTTP} /d", "unsupported digest algorithm"),
        (f"ADD --checksum=sha256:12 {HTTP} /d", "invalid checksum digest length"),
        (f"ADD --checksum=12 {HTTP} /d", "invalid checksum digest format"),
        (f"ADD --checksum={SHA[:-1]}B {HTTP} /d", "invalid checksum digest format"),
        (f"ADD {GIT}?no=1 /d", 'unexpected query "no"'),
        (f"ADD {GIT}?ref= /d", 'query "ref" has no value'),
        (f"ADD {GIT}?ref=a&ref=b /d", 'query "ref" has multiple values'),
        (f"ADD {GIT}?tag=a&branch=b /d", "branch conflicts with tag"),
        (f"ADD {GIT}?submodules=maybe /d", 'invalid submodules value: "maybe"'),
        (f"ADD --keep-git-dir=false {GIT}?keep-git-dir=1 /d", "inconsistent keep-git-dir"),
        (f"ADD --checksum=a1 {GIT}?commit=b2 /d", 'checksum mismatch "a1" != "b2"'),
        ("ADD ssh://[h/r /d", "ssh://[h/r is not a URL: Invalid IPv6 URL"),
        ("COPY <<.. /d\n..", 'the here-document ".." names no file'),
        ("COPY <<a/ /d\na/", 'the here-document "a/" names no file'),
        ("COPY <<f /d\n${x:?gone}\nf", "x: gone"),
    ],
)
def test_what_cannot_be_placed_is_an_error_with_its_line(text, message):
    with pytest.raises(DockerfileError) as caught:
        placed(text)
    assert message in caught.value.message
    assert ">>>" in caught.value.excerpt
