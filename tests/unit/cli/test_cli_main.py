"""What the program does for whom: commands, streams, files and exit codes."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pybuild.cli.invocation import Invocation
from pybuild.cli.main import run
from pybuild.errors import (
    ContextError,
    DockerfileError,
    HookFailed,
    HostUnsupported,
    IntegrityError,
    RegistryError,
    StateError,
    StepFailed,
    Terminated,
    UsageError,
)
from tools.fake_build import DIGEST, IMAGE_ID, FakeBuild


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


class Ran:
    def __init__(
        self, *arguments, build=None, env=None, cwd=Path("/"), program="pybuild", stdout=None
    ):
        self.build = build or FakeBuild()
        self.stdout = stdout or io.TextIOWrapper(io.BytesIO())
        self.stderr = io.StringIO()
        invocation = Invocation(
            program=program,
            arguments=arguments,
            env={"HOME": "/root", **(env or {})},
            cwd=cwd,
            stdin=io.BytesIO(),
            stdout=self.stdout,
            stderr=self.stderr,
            build=self.build,
            plan=self.build.plan,
            clock=lambda: 1_700_000_000.0,
        )
        self.status = run(invocation)
        self.out, self.err = self.stdout.buffer.getvalue().decode(), self.stderr.getvalue()


def test_a_build():
    ran = Ran("build", "-t", "r.io/a:1", "--push", ".")

    assert ran.status == 0
    assert ran.out == ""
    assert ran.err == (
        "\n#1 [1/1] RUN make\n#1 DONE 1.0s\n\n"
        f"digest: {DIGEST}\npushed: r.io/a:1@{DIGEST}\n"
        "size: 5B in 0 layers\ncached: 0/1 steps\ntime: 1.0s\n"
    )


def test_quiet_prints_the_digest_alone():
    ran = Ran("build", "--progress=quiet", ".")

    assert (ran.status, ran.out, ran.err) == (0, f"{DIGEST}\n", "")


def test_the_short_form_of_quiet():
    assert Ran("build", "-q", ".").out == f"{DIGEST}\n"


def test_rawjson_prints_objects():
    ran = Ran("build", "--progress=rawjson", ".")

    events = [json.loads(line)["event"] for line in ran.err.splitlines()]
    assert events == ["debug", "vertex-started", "vertex-done", "result"]


def test_a_dry_run_prints_the_plan():
    ran = Ran("build", "--dry-run", ".")

    assert (ran.status, ran.out, ran.err) == (0, "the plan\n", "")


ERRORS = [
    (UsageError("no"), 2, 1),
    (DockerfileError("no"), 3, 1),
    (StepFailed("no", status=42), 42, 42),
    (HookFailed("no", status=43), 43, 43),
    (RegistryError("no"), 5, 1),
    (IntegrityError("no"), 6, 1),
    (HostUnsupported("no"), 7, 1),
    (ContextError("no"), 8, 1),
    (StateError("no"), 9, 1),
    (Terminated("no"), 143, 143),
    (ZeroDivisionError("no"), 70, 70),
    (KeyboardInterrupt(), 143, 143),
]


@pytest.mark.parametrize(
    ("error", "build", "executor"), ERRORS, ids=[type(error).__name__ for error, _, _ in ERRORS]
)
def test_exit_codes(error, build, executor):
    assert Ran("build", ".", build=FakeBuild(error)).status == build
    assert Ran("executor", "--no-push", build=FakeBuild(error)).status == executor


def test_an_error_is_one_line_with_excerpt_and_hint():
    error = DockerfileError("it is wrong", hint="do this", excerpt="Dockerfile:1\n   1 | >>> X")
    ran = Ran("build", ".", build=FakeBuild(error))

    assert ran.err.endswith(
        "#1 ERROR: it is wrong\nDockerfile:1\n   1 | >>> X\nERROR: it is wrong\nhint: do this\n"
    )


def test_an_error_of_the_executor_begins_as_kanikos():
    ran = Ran("executor", "--no-push", build=FakeBuild(RegistryError("r.io: 503")))

    assert ran.err.endswith("error building image: r.io: 503\n")


def test_a_usage_error_of_the_executor_begins_as_kanikos():
    ran = Ran("executor", "--no-push", "--materialize")

    assert (ran.status, ran.err) == (1, "error building image: not supported yet: --materialize\n")


def test_a_bug_shows_a_traceback_without_secrets():
    build = FakeBuild(ZeroDivisionError("with hunter22"))
    ran = Ran("build", ".", build=build, env={"PYBUILD_GIT_TOKEN": "hunter22"})

    assert "Traceback" in ran.err
    assert "ZeroDivisionError: with ***\nERROR: this is a bug in pybuild\n" in ran.err


def test_an_unknown_variable_is_told():
    ran = Ran("build", ".", env={"PYBUILD_TAGS": "x"})

    assert ran.status == 0
    assert ran.err.startswith(
        "WARN: UnknownVariable: the variable PYBUILD_TAGS is not read by anything; "
        "did you mean PYBUILD_TAG?\n"
    )


@pytest.mark.parametrize("flag", [["--git-token=tok-flag"], ["--git-token", "tok-flag"]])
def test_secrets_of_flags_and_variables_are_masked(flag):
    build = FakeBuild(says=["tok-flag pw-env"])
    env = {"PYBUILD_USERNAME": "u", "PYBUILD_PASSWORD": "pw-env"}
    ran = Ran("build", *flag, ".", build=build, env=env)

    assert "#1 0.500 *** ***\n" in ran.err


def test_files_of_a_build(tmp_path):
    ran = Ran("build", "-t", "r.io/a:1", "--iidfile", "iid", "--metadata-file=d/m.json", ".",
              cwd=tmp_path)  # fmt: skip

    assert ran.status == 0
    assert (tmp_path / "iid").read_text() == IMAGE_ID
    metadata = json.loads((tmp_path / "d/m.json").read_text())
    assert metadata["containerimage.digest"] == DIGEST
    assert metadata["image.name"] == "r.io/a:1"


def test_a_failure_leaves_its_class_in_the_metadata_file(tmp_path):
    build = FakeBuild(StepFailed("no", status=5))
    Ran("build", "--metadata-file=m.json", ".", cwd=tmp_path, build=build)

    error = json.loads((tmp_path / "m.json").read_text())["pybuild.error"]
    assert (error["class"], error["status"]) == ("StepFailed", 5)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    ran = Ran("build", "--iidfile=file/iid", ".", cwd=tmp_path)

    assert ran.status == 9
    assert f"ERROR: cannot write {tmp_path}/file/iid: " in ran.err


def test_the_executor(tmp_path):
    ran = Ran("executor", "--context=dir:///src", "--destination", "r.io/a:1",
              "--digest-file", "deep/digest", cwd=tmp_path)  # fmt: skip

    assert ran.status == 0
    assert ran.build.request.push
    assert ran.build.request.context == "/src"
    assert (tmp_path / "deep/digest").read_bytes() == DIGEST.encode()
    assert f"\nPushed r.io/a@{DIGEST}\n" in ran.err
    assert ran.out == ""


def test_the_executors_files_of_names(tmp_path):
    Ran("executor", "-d", "r.io/a:1", "-d", "r.io:5/b/c", "--no-push",
        "--image-name-with-digest-file=names", "--image-name-tag-with-digest-file=d/tagged",
        cwd=tmp_path)  # fmt: skip

    assert (tmp_path / "names").read_bytes() == (f"r.io/a@{DIGEST}\nr.io:5/b/c@{DIGEST}\n".encode())
    assert (tmp_path / "d/tagged").read_bytes() == (
        f"r.io/a:1@{DIGEST}\nr.io:5/b/c:latest@{DIGEST}\n".encode()
    )


def test_a_run_prints_to_standard_output_and_the_log_to_standard_error():
    build = FakeBuild(says=["compiling", "::set-env name=A::b"])
    ran = Ran("executor", "--no-push", build=build)

    assert ran.out == "#1 0.500 compiling\n#1 0.500 ::set-env name=A::b\n"
    assert "\n#1 [1/1] RUN make\n#1 DONE 1.0s\n" in ran.err


def test_a_log_with_timestamps():
    ran = Ran("executor", "--no-push", "--log-timestamp", build=FakeBuild(says=["compiling"]))

    assert ran.out == "#1 0.500 compiling\n"
    assert "\n2023-11-14T22:13:20Z #1 DONE 1.0s\n2023-11-14T22:13:20Z\n" in ran.err
    assert all(line.startswith("2023-11-14T22:13:20Z") for line in ran.err.splitlines())


def test_a_log_in_json():
    ran = Ran("executor", "--no-push", "--log-format=json", build=FakeBuild(says=["compiling"]))

    assert json.loads(ran.err.splitlines()[-1])["event"] == "result"


def test_a_flag_that_is_not_honoured_is_warned_of():
    ran = Ran("executor", "--no-push", "--single-snapshot", env={"FF_KANIKO_X": "1"})

    assert ran.status == 0
    assert ran.err.startswith(
        "WARN: KanikoFlagNotHonoured: --single-snapshot=true is not honoured: every instruction "
        "keeps a layer of its own; the files are the same\n"
        "WARN: KanikoFeatureFlag: the variable FF_KANIKO_X changes nothing here\n"
    )


def test_flags_without_effect_are_told_at_verbosity_debug():
    told = "debug: --use-new-run changes nothing here: changes are found without hashing files\n"

    assert told in Ran("executor", "--no-push", "--use-new-run", "-v", "debug").err
    assert told not in Ran("executor", "--no-push", "--use-new-run").err


def test_http_for_git_of_the_executor():
    ran = Ran("executor", "--no-push", env={"GIT_PULL_METHOD": "http", "GIT_TOKEN": "token"})

    assert ran.build.request.git.pull_http
    assert ran.build.request.git.token == "token"


@pytest.mark.parametrize(
    ("program", "arguments", "status", "expected"),
    [
        ("pybuild", [], 2, "ERROR: no command is given\n"),
        ("pybuild", ["biuld"], 2, "ERROR: unknown command: biuld\nhint: did you mean build?\n"),
        ("pybuild", ["build"], 2, "ERROR: the build context is missing\n"),
        ("pybuild", ["build", "a", "b"], 2, "ERROR: build takes one context, not 2: a b\n"),
        ("pybuild", ["build", "--tga=x", "."], 2, "ERROR: unknown flag: --tga\n"),
        ("pybuild", ["--no-push"], 0, "digest: "),
        ("pybuild", ["-d", "r.io/a"], 0, "Pushed r.io/a@sha256:"),
        ("/kaniko/executor", ["--no-push"], 0, "digest: "),
        ("/kaniko/executor", ["build"], 1, "error building image: unexpected argument 'build'\n"),
        ("/kaniko/executor", [], 1, "error building image: you must provide --destination"),
        ("pybuild", ["version", "x"], 2, "ERROR: version takes no arguments, not 'x'\n"),
    ],
)
def test_which_command(program, arguments, status, expected):
    ran = Ran(*arguments, program=program)

    assert ran.status == status
    assert expected in ran.err


@pytest.mark.parametrize(
    ("program", "arguments", "expected"),
    [
        ("pybuild", ["--help"], "Usage: pybuild COMMAND"),
        ("pybuild", ["-h"], "Usage: pybuild COMMAND"),
        ("pybuild", ["--version"], "pybuild 0."),
        ("pybuild", ["version"], "pybuild 0."),
        ("pybuild", ["build", "--help"], "-t, --tag REFERENCE"),
        ("executor", ["--help"], "-d, --destination REFERENCE"),
        ("executor", ["version"], "pybuild 0."),
        ("executor", ["--verbosity=debug", "-c", "/x", "version"], "pybuild 0."),
    ],
)
def test_help_and_version_go_to_standard_output(program, arguments, expected):
    ran = Ran(*arguments, program=program)

    assert (ran.status, ran.err) == (0, "")
    assert expected in ran.out


def test_help_lists_every_flag():
    text = Ran("build", "--help").out
    lines = [line for line in text.splitlines() if line.startswith("  -")]

    assert len(lines) > 25
    assert all(len(line) <= 100 for line in text.splitlines())


HEAVY = ("urllib3", "rich", "boto3", "botocore", "git", "actions_toolkit", "requests", "isal")


def python(*arguments, stdout=subprocess.PIPE):
    return subprocess.run(
        [sys.executable, *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("PYBUILD_")},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from pybuild.cli.main import main; main(['--help']);"
        f"sys.exit(' '.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    )
    done = python("-c", program)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_build(number):
    program = """
import os, sys, signal
from pybuild.cli import invocation, main
def build(request, emit, stdin, stdout):
    os.kill(os.getpid(), int(sys.argv[1]))
    signal.pause()
invocation.Invocation.builder = lambda self: build
sys.exit(main.main(["build", "."]))
"""
    done = python("-c", program, str(int(number)))

    assert done.returncode == 143
    assert done.stderr == f"ERROR: ended by {number.name}\n"


def test_a_closed_pipe_is_quiet():
    read, write = os.pipe()
    os.close(read)
    done = python("-m", "pybuild.cli.main", "build", "--help", stdout=write)
    os.close(write)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "moment", ["invocation.Invocation.of_this_process = classmethod(end)", "main._secrets = end"]
)
def test_a_signal_before_the_command_is_known_ends_with_143(moment):
    program = f"""
import os, signal, sys
from pybuild.cli import invocation, main
def end(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
{moment}
sys.exit(main.main(["version"]))
"""
    done = python("-c", program)

    assert (done.returncode, done.stderr) == (143, "")


def test_a_signal_while_the_program_is_imported_ends_with_143():
    program = """
import importlib.abc, os, signal, sys
from pybuild.cli import start
class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pybuild.cli.main":
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
sys.meta_path.insert(0, Watch())
sys.exit(start.main())
"""
    done = python("-c", program)

    assert (done.returncode, done.stderr) == (143, "")


def test_a_second_signal_ends_at_once():
    program = """
import os, sys, signal
from pybuild.cli import invocation, main
def build(request, emit, stdin, stdout):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("still here", flush=True)
invocation.Invocation.builder = lambda self: build
sys.exit(main.main(["build", "."]))
"""
    done = python("-c", program)

    assert (done.returncode, done.stdout) == (143, "")


@pytest.mark.parametrize("output", ["-", "type=tar,dest=-", "type=oci", "type=docker,dest=-"])
def test_an_archive_goes_to_standard_output_and_the_log_does_not(output):
    ran = Ran("build", "-o", output, ".")

    assert (ran.status, ran.out) == (0, "the archive")
    assert f"digest: {DIGEST}\n" in ran.err


def test_the_digest_of_quiet_is_not_mixed_with_an_archive():
    ran = Ran("build", "-q", "-o", "-", ".")

    assert (ran.out, ran.err) == ("the archive", f"{DIGEST}\n")


def test_no_archive_is_written_to_a_terminal():
    ran = Ran("build", "-o", "-", ".", stdout=Terminal(io.BytesIO()))

    assert (ran.status, ran.out, ran.build.request) == (2, "", None)
    assert ran.err == (
        "ERROR: an output is not written to standard output while that is a terminal\n"
        "hint: name the file to write: dest=FILE\n"
    )


def test_standard_output_with_a_log_takes_no_archive():
    ran = Ran("executor", "--no-push", "--tar-path=-")

    assert (ran.status, ran.build.request) == (1, None)
    assert "an output cannot go to standard output, which has the log here\n" in ran.err


def test_an_archive_whose_reader_has_gone_is_one_line():
    program = """
import sys
from pybuild.cli import invocation, main
from pybuild.store.destination import new_file
def build(request, emit, stdin, stdout):
    with new_file(stdout) as file:
        file.write(b"0" * 1000)
invocation.Invocation.builder = lambda self: build
sys.exit(main.main(["build", "-o", "-", "."]))
"""
    read, write = os.pipe()
    os.close(read)
    done = python("-c", program, stdout=write)
    os.close(write)

    assert done.returncode == StateError.exit_code
    assert done.stderr == (
        "ERROR: cannot write to the stream: Broken pipe\nhint: let the reader read to the end\n"
    )


def test_the_executor_s_hints_name_its_flags():
    error = HostUnsupported("cannot run", hint="leave out --platform")
    ran = Ran("executor", "--no-push", build=FakeBuild(error=error))

    assert ran.err.endswith("cannot run\nhint: leave out --custom-platform\n")


def test_a_layout_of_the_executor_lists_its_image_once():
    ran = Ran("executor", "-d", "r.io/a", "-d", "r.io/b", "--oci-layout-path=/o")

    assert [output.named for output in ran.build.request.outputs] == [False]
