"""The launcher completes a caller's environment, and changes nothing that the caller chose."""

import pytest
from image import launcher

COPY = launcher.CA_BUNDLE_COPY


@pytest.fixture
def bundle(monkeypatch, tmp_path):
    """Kaniko's bundle is there."""
    path = tmp_path / "ca-certificates.crt"
    path.touch()
    monkeypatch.setattr(launcher, "CA_BUNDLE", path)
    return path


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "/pybuild/bin"),
        ({"PATH": "/usr/bin:/bin"}, "/pybuild/bin:/usr/bin:/bin"),
        ({"PATH": "/usr/bin:/pybuild/bin"}, "/usr/bin:/pybuild/bin"),
    ],
)
@pytest.mark.usefixtures("bundle")
def test_our_programs_are_found(given, path):
    environ = dict(given)

    launcher.complete(environ)

    assert environ == {"PATH": path, "TMPDIR": "/pybuild/tmp"}


def test_a_bundle_hidden_by_a_mount_is_replaced_for_every_library(bundle):
    bundle.unlink()
    environ = {}

    launcher.complete(environ)

    assert {environ[name] for name in launcher.CA_VARIABLES} == {COPY}


@pytest.mark.usefixtures("bundle")
def test_a_bundle_of_the_callers_choice_is_every_librarys():
    environ = {"SSL_CERT_FILE": "/their.crt", "AWS_CA_BUNDLE": "/aws.crt", "TMPDIR": "/scratch"}

    launcher.complete(environ)

    assert environ["GIT_SSL_CAINFO"] == environ["REQUESTS_CA_BUNDLE"] == "/their.crt"
    assert (environ["AWS_CA_BUNDLE"], environ["TMPDIR"]) == ("/aws.crt", "/scratch")
