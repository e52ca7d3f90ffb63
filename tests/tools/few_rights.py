"""Run a program of the tests as somebody with fewer rights than root with CAP_SYS_ADMIN."""

import contextlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pybuild

PYTHON = "/usr/bin/python3"  # that of the tests may lie where a plain user cannot read
_USER = "pybuild-userns"
_NOBODY_IN_PARTICULAR = 54321

ROOT = "root"
MANY_IDS = ("root without SYS_ADMIN", "plain user with newuidmap")
ONE_ID = "plain user"
ROOT_OF_ONE_ID = "root without SYS_ADMIN, SETUID and SETGID"
"""As a plain user without ranges, but one who may read a virtual environment below /root."""


@contextlib.contextmanager
def rights(kind):
    """Arguments of ``setpriv``."""
    if kind == ROOT:
        yield []
    elif kind == MANY_IDS[0]:
        yield _without("sys_admin")
    elif kind == ROOT_OF_ONE_ID:
        yield _without("sys_admin", "setuid", "setgid")
    elif kind == ONE_ID:
        yield _as_user(_NOBODY_IN_PARTICULAR)
    else:
        # useradd gives ranges in /etc/subuid and /etc/subgid.
        subprocess.run(["useradd", "--no-create-home", _USER], check=True)
        try:
            yield _as_user(_USER)
        finally:
            subprocess.run(["userdel", _USER], check=True)


@contextlib.contextmanager
def reachable_place():
    """A directory that plain users may write to, with our source, which may lie elsewhere."""
    directory = Path(tempfile.mkdtemp(prefix="pybuild-rights-", dir="/tmp"))
    try:
        directory.chmod(0o777)
        shutil.copytree(Path(pybuild.__file__).parent, directory / "source/pybuild")
        yield directory
    finally:
        shutil.rmtree(directory)


def run(kind, place, program, *arguments):
    """What a program prints, as a value."""
    file = place / "program.py"
    file.write_text(program)
    file.chmod(0o644)
    with rights(kind) as options:
        done = subprocess.run(
            ["setpriv", *options, PYTHON, str(file), *arguments],
            env={
                "PYTHONPATH": str(place / "source"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "SECRET": "hunter2",
            },
            check=False,
            capture_output=True,
            text=True,
            cwd=place,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def _without(*capabilities):
    names = ",".join(f"-{name}" for name in capabilities)
    return [f"--bounding-set={names}", f"--inh-caps={names}"]


def _as_user(name):
    # An owner of files above would do too; what a container runtime starts has no groups either.
    return [f"--reuid={name}", f"--regid={name}", "--clear-groups", "--inh-caps=-all"]
