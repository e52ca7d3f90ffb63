"""RUNs in place, in a container of our own image with a runtime's default rights.

The tests themselves, ``test_rootfs_inplace_inside.py``, run inside: this starts the container.
Needs a Docker daemon, the action image and two images to build on.
"""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ACTION_IMAGE = os.environ.get("PYBUILD_TEST_IMAGE", "pybuild:test")
DEBIAN, BUSYBOX = "debian:bookworm-slim", "busybox:latest"
REPOSITORY = Path(__file__).parents[2]
MAIN = """
import sys
sys.path[:0] = ["/pybuild/own/src"]
sys.path += ["/pybuild/own/site"]
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider",
    "-c", "/dev/null", "--rootdir", "/pybuild/own/tests", "--import-mode=importlib",
    "-o", "filterwarnings=error", "/pybuild/own/tests/test_rootfs_inplace_inside.py"]))
"""


def docker():
    for program in ("/usr/bin/docker", shutil.which("docker")):
        if program and Path(program).exists():
            return program
    pytest.skip("there is no docker")


def run(*arguments):
    return subprocess.run([docker(), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    for image in (ACTION_IMAGE, DEBIAN, BUSYBOX):
        if run("image", "inspect", image).returncode:
            pytest.skip(f"the daemon has no {image}")
    directory = tmp_path_factory.mktemp("bases")
    for image, name in ((DEBIAN, "debian.tar"), (BUSYBOX, "busybox.tar")):
        container = run("create", image, "true").stdout.strip()
        run("export", "-o", str(directory / name), container)
        run("rm", container)
    return directory


def test_every_test_inside_passes_with_default_rights(bases, tmp_path):
    (tmp_path / "file").write_text("context\n")
    result = run(
        "run", "--rm", "--network", "none", "-e", "PYBUILD_TEST_SECRET=hunter2",
        "-v", f"{REPOSITORY}/src:/pybuild/own/src:ro",
        "-v", f"{sysconfig.get_path('purelib')}:/pybuild/own/site:ro",
        "-v", f"{Path(__file__).parent}:/pybuild/own/tests:ro",
        "-v", f"{bases}:/pybuild/own/bases:ro",
        "-v", f"{tmp_path}:/workspace",
        "-v", f"{tmp_path}:/var/run/secrets/kubernetes.io/serviceaccount:ro",
        "--tmpfs", "/tmp",
        "--entrypoint", "/pybuild/libexec/pybuild",
        ACTION_IMAGE, "-BIS", "-c", MAIN,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
