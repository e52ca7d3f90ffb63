"""The launcher completes a caller's environment, and changes nothing that the caller chose."""

import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_counts_before_anything_is_imported(number, tmp_path):
    """As process 1 the program would else never get it."""
    script = tmp_path / "launcher.py"
    text = Path(launcher.__file__).read_text()
    script.write_text(
        text.replace(
            "    import site\n",
            f"    import sys\n    _found = sorted(set(sys.modules) & {{'os', 'signal', 'site'}})\n"
            f"    print(_found, flush=True)\n    posix.kill(posix.getpid(), _signal.{number})\n"
            "    import site\n",
            1,
        )
    )

    done = subprocess.run(
        [sys.executable, "-IBS", script], check=False, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (143, "[]\n", "")
