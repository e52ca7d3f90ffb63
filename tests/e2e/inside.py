"""The tests in ``inside/test_*_inside.py``, run in a container of our own image with a runtime's
default rights.

Needs a Docker daemon, the action image and two images to build on.
"""

import shutil
import subprocess
import sysconfig
from pathlib import Path

from tools.services import daemon, machine

SITE = Path(sysconfig.get_path("purelib"))
PYTEST = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments")
TESTS = ("test_rootfs_inplace_inside.py", "test_inplace_mounts_inside.py")
MAIN = """
import sys
sys.path[:0] = ["/pybuild/own/src", "/pybuild/own/tests"]
sys.path += ["/pybuild/own/site"]
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider",
    "-c", "/dev/null", "--rootdir", "/pybuild/own/tests", "--import-mode=importlib",
    "-o", "filterwarnings=error", *sys.argv[1:]]))
"""


def passes(image, folder, tests, *options, start=(daemon.DOCKER,)):
    """Run a file of tests in a container of an image; it must pass.

    Args:
        image: An image of ours.
        folder: Made for all that the container mounts, copies all of it.
        tests: One of ``TESTS``.
        options: pytest's.
        start: The container engine's command.
    """
    folder.mkdir()
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "file").write_text("context\n")
    shutil.copytree(machine.ROOT / "src", folder / "src")
    shutil.copytree(machine.ROOT / "tests/inside", folder / "tests")
    for name in PYTEST:
        shutil.copytree(SITE / name, folder / "site" / name)
    shutil.copy(SITE / "py.py", folder / "site")
    _export_bases(folder / "bases")
    mounts = (
        f"{folder}/{name}:/pybuild/own/{name}:ro" for name in ("src", "site", "tests", "bases")
    )
    result = subprocess.run(
        [
            *start, "run", "--rm", "--network", "none", "-e", "PYBUILD_TEST_SECRET=hunter2",
            *(word for mount in mounts for word in ("-v", mount)),
            "-v", f"{workspace}:/workspace",
            "-v", f"{workspace}:/var/run/secrets/kubernetes.io/serviceaccount:ro",
            "--tmpfs", "/tmp", "--tmpfs", "/foreign", "--tmpfs", "/app/data",
            "--entrypoint", "/pybuild/libexec/pybuild",
            image, "-BIS", "-c", MAIN, f"/pybuild/own/tests/{tests}", *options,
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def _export_bases(directory):
    """Root filesystems of two images as tars."""
    directory.mkdir()
    for name, base in (("debian.tar", "debian:bookworm-slim"), ("busybox.tar", "busybox:latest")):
        container = daemon.docker("create", base, "true")
        daemon.docker("export", "-o", directory / name, container)
        daemon.docker("rm", container)
