"""The pre-build hook."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from pybuild import hook as hook_module
from pybuild.errors import ContextError, HookFailed, UsageError
from pybuild.hook import run_hook
from pybuild.ports import FetchedContext
from pybuild.request import HookOptions


class HostRootfs:
    """Really runs commands of this machine."""

    name = "host"

    def __init__(self):
        self.runs = 0

    def stage(self, name):
        raise AssertionError(name)

    def run_on_host(self, argv, env, cwd, on_line):
        self.runs += 1
        done = subprocess.run(
            list(argv),
            env=dict(env),
            cwd=cwd,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in done.stdout.decode().splitlines():
            on_line(line)
        return done.returncode

    def close(self):
        pass


class FakeTree:
    """Remembers what it ran."""

    def __init__(self, status=0):
        self.status, self.process = status, None

    def directory(self):
        return Path("/")

    @contextmanager
    def layer(self):
        yield Path("/")

    def run(self, process, on_line):
        self.process = process
        on_line("from the image")
        return self.status

    def candidates(self):
        return iter(())

    def close(self):
        pass


def run(tmp_path, script, image="", tree=None, lines=None):
    rootfs = HostRootfs()
    run_hook(
        HookOptions(script, image),
        FetchedContext(tmp_path, owned=True),
        rootfs,
        {"PATH": os.environ["PATH"], "WHO": "me"},
        (lines if lines is not None else []).append,
        tree,
    )
    return rootfs


def test_it_runs_in_the_context_with_the_given_environment(tmp_path):
    lines = []
    run(tmp_path, 'echo "$WHO in $PWD"\necho made > artefact', lines=lines)

    assert lines == [f"me in {tmp_path}"]
    assert (tmp_path / "artefact").read_text() == "made\n"


@pytest.mark.parametrize("script", ["", " \n "])
def test_no_script_is_no_hook(tmp_path, script):
    assert run(tmp_path, script).runs == 0


def test_the_first_command_that_fails_ends_it_with_its_status(tmp_path):
    with pytest.raises(HookFailed) as failed:
        run(tmp_path, "\n  (exit 3)\ntouch never\nTOKEN=s3cr3t")

    assert failed.value.message == "the pre-build hook failed: exit code 3"
    assert failed.value.status == 3
    assert failed.value.excerpt == "(exit 3)"
    assert not (tmp_path / "never").exists()


def test_in_an_image_its_shell_runs_with_the_context_as_working_directory(tmp_path):
    tree, lines = FakeTree(), []
    assert run(tmp_path, "mvn package", "maven:3", tree, lines).runs == 0

    process = tree.process
    assert process.argv == ("/bin/sh", "-e", "-c", "mvn package")
    assert process.host_directory == tmp_path
    assert dict(process.env)["WHO"] == "me"
    assert (process.uid, process.gid) == (0, 0)
    assert lines == ["from the image"]


@pytest.mark.parametrize(
    ("status", "how", "hint"),
    [
        (1, "exit code 1", ""),
        (127, "exit code 127", "a command was not found, or the image has no /bin/sh"),
        (137, "exit code 137 (signal 9)", ""),
    ],
)
def test_a_failure_in_an_image_names_the_image(tmp_path, status, how, hint):
    with pytest.raises(HookFailed) as failed:
        run(tmp_path, "mvn", "maven:3", FakeTree(status))

    assert failed.value.message == f"the pre-build hook failed in maven:3: {how}"
    assert (failed.value.status, failed.value.hint) == (status, hint)


def test_a_context_that_cannot_be_written_is_found_before_anything_runs(tmp_path, monkeypatch):
    # Root may write everywhere but on a read-only mount, which a unit test cannot make.
    monkeypatch.setattr(hook_module.os, "access", lambda _path, _mode: False)
    rootfs = HostRootfs()
    with pytest.raises(ContextError) as refused:
        run_hook(HookOptions("x"), FetchedContext(tmp_path, owned=False), rootfs, {}, print)

    assert refused.value.message == (
        f"the pre-build hook needs to write to the context {tmp_path}, which is read-only"
    )
    assert rootfs.runs == 0


def test_a_script_that_no_argument_can_hold(tmp_path):
    with pytest.raises(UsageError, match="NUL"):
        run(tmp_path, "echo \0")
