"""RUNs in place, in a container of our own image with a runtime's default rights.

The tests themselves run inside (``inside/test_*_inside.py``); this starts them.
Needs a Docker daemon, the action image and two images to build on.
"""

import subprocess
import sysconfig

import pytest

from tools.services import daemon, machine

MAIN = """
import sys
sys.path[:0] = ["/pybuild/own/src", "/pybuild/own/tests"]
sys.path += ["/pybuild/own/site"]
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider",
    "-c", "/dev/null", "--rootdir", "/pybuild/own/tests", "--import-mode=importlib",
    "-o", "filterwarnings=error", *sys.argv[1:]]))
"""


@pytest.fixture
def bases(tmp_path):
    """Root filesystems of two images as tars."""
    directory = tmp_path / "bases"
    directory.mkdir()
    for name, base in (("debian.tar", "debian:bookworm-slim"), ("busybox.tar", "busybox:latest")):
        container = docker("create", base, "true").stdout.strip()
        docker("export", "-o", str(directory / name), container)
        docker("rm", container)
    return directory


def docker(*arguments, check=True):
    return subprocess.run([daemon.DOCKER, *arguments], capture_output=True, text=True, check=check)


@pytest.mark.parametrize(
    "tests", ["test_rootfs_inplace_inside.py", "test_inplace_mounts_inside.py"]
)
def test_every_test_inside_passes_with_default_rights(image, bases, tmp_path, tests):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "file").write_text("context\n")
    result = docker(
        "run", "--rm", "--network", "none", "-e", "PYBUILD_TEST_SECRET=hunter2",
        "-v", f"{machine.ROOT}/src:/pybuild/own/src:ro",
        "-v", f"{sysconfig.get_path('purelib')}:/pybuild/own/site:ro",
        "-v", f"{machine.ROOT}/tests/inside:/pybuild/own/tests:ro",
        "-v", f"{bases}:/pybuild/own/bases:ro",
        "-v", f"{workspace}:/workspace",
        "-v", f"{workspace}:/var/run/secrets/kubernetes.io/serviceaccount:ro",
        "--tmpfs", "/tmp", "--tmpfs", "/foreign", "--tmpfs", "/app/data",
        "--entrypoint", "/pybuild/libexec/pybuild",
        image, "-BIS", "-c", MAIN, f"/pybuild/own/tests/{tests}",
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
