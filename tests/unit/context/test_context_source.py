"""Which source a context's form chooses."""

import io
from pathlib import Path

import pytest

from pybuild.context.git import GitRepository
from pybuild.context.http_context import HttpContext
from pybuild.context.local import LocalDirectory
from pybuild.context.s3 import S3Archive
from pybuild.context.source import source_for
from pybuild.context.tar import StandardInput, TarFile
from pybuild.errors import ContextError
from pybuild.request import BuildRequest, GitOptions, S3Options


def source(context: str, **more):
    store = S3Options(endpoint="http://store")
    request = BuildRequest(context=context, state_dir=Path("/state"), now_s=0, s3=store, **more)
    return source_for(request, io.BytesIO(b""))


@pytest.mark.parametrize(
    ("context", "path"),
    [("/no/such/place", "/no/such/place"), ("dir:///src/./", "/src"), ("/", "/")],
)
def test_a_path_is_a_directory_in_place(context, path):
    assert source(context) == LocalDirectory(Path(path))


def test_a_path_that_is_a_file_is_an_archive(tmp_path):
    archive = tmp_path / "context.tar.zst"
    archive.write_bytes(b"")

    assert source(str(archive)) == TarFile(archive)
    assert source(f"tar://{archive}", context_sub_path="a/b") == TarFile(archive, "a/b")


@pytest.mark.parametrize("context", ["-", "tar://stdin"])
def test_standard_input(context):
    assert isinstance(source(context), StandardInput)


def test_an_s3_object_gets_the_options_of_the_store():
    assert source("s3://bucket/a/b.tar.gz", context_sub_path="x") == S3Archive(
        "bucket", "a/b.tar.gz", S3Options(endpoint="http://store"), "x"
    )


@pytest.mark.parametrize(
    ("context", "url"),
    [
        ("git://github.com/o/r.git#refs/heads/main", "https://github.com/o/r.git"),
        ("git://host/o/r", "https://host/o/r"),
        ("https://host/o/r.git", "https://host/o/r.git"),
        ("http://host:8080/o/r.git#v1:sub", "http://host:8080/o/r.git"),
        ("git@host:o/r.git", "git@host:o/r.git"),
        ("ssh://git@host:22/o/r.git#main", "ssh://git@host:22/o/r.git"),
    ],
)
def test_git_forms(context, url):
    chosen = source(context)

    assert isinstance(chosen, GitRepository)
    assert chosen.address.url == url


@pytest.mark.parametrize(
    "context", ["https://host/x.tar.gz", "http://host/Dockerfile", "https://host/x?a=b.git"]
)
def test_any_other_url_is_an_archive_or_a_dockerfile(context):
    chosen = source(context, context_sub_path="a")

    assert isinstance(chosen, HttpContext)
    assert (chosen.url, chosen.sub_path) == (context, "a")


def test_standard_input_is_read_for_one_thing_only():
    with pytest.raises(ContextError) as refused:
        source("-", dockerfile="-")

    assert refused.value.message == (
        "standard input cannot be both the build context and the Dockerfile"
    )


def test_git_options_reach_the_repository():
    git = GitOptions(branch="dev", token="t0ken", user="bot", pull_http=True)
    chosen = source("git://host/o/r.git#main", git=git, context_sub_path="svc")

    assert chosen.address.url == "http://host/o/r.git"
    assert (chosen.address.ref, chosen.user, chosen.token) == ("dev", "bot", "t0ken")
    assert chosen.sub_path == "svc"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("", "no context is given"),
        (
            "gs://b/o.tar.gz",
            "a Google Cloud Storage object (gs://) as the context is not supported yet",
        ),
        (
            "https://acct.blob.core.windows.net/c/x.tar.gz",
            "an Azure blob as the context is not supported yet",
        ),
        ("s3://bucket", "s3://bucket names a prefix, and a prefix as a tree is not supported yet"),
        (
            "s3://bucket/a/",
            "s3://bucket/a/ names a prefix, and a prefix as a tree is not supported yet",
        ),
        ("s3:///key", "s3:///key names no bucket"),
        ("ftp://host/x.tar", "the context's kind of address is not known"),
        ("file:///srv/repo.git", "the context's kind of address is not known"),
        ("ext::sh -c touch% /tmp/x", "the context's kind of address is not known"),
        ("https://host/r.git?raf=main", "the URL of the git repository has the unknown key 'raf'"),
    ],
)
def test_other_forms_are_refused_by_name(context, message):
    with pytest.raises(ContextError) as refused:
        source(context)

    assert refused.value.message == message
    assert refused.value.hint
