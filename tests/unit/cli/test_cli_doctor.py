"""What the doctor says of a place."""

import io
import socket
from pathlib import Path

import pytest

from pybuild.cli.doctor_command import examine, report
from pybuild.cli.invocation import Invocation
from pybuild.cli.surroundings import Machine, exposed_rows, process_rows
from pybuild.errors import UsageError
from pybuild.rootfs.probe import Availability

OVERLAY = Availability("overlay", "the process does not have CAP_SYS_ADMIN", "give it --privileged")
INPLACE = Availability("inplace")
STATUS = """\
Name:\tpython3
Uid:\t0\t0\t0\t0
Gid:\t5\t5\t5\t5
CapEff:\t00000000a80425fb
NoNewPrivs:\t1
Seccomp:\t2
"""


def examined(tmp_path, *backends, arguments=(), env=None):
    stdout = io.StringIO()
    invocation = Invocation(
        program="pybuild",
        arguments=tuple(arguments),
        env={"PYBUILD_STATE_DIR": str(tmp_path / "state"), **(env or {})},
        cwd=tmp_path,
        stdin=io.BytesIO(),
        stdout=stdout,
        stderr=io.StringIO(),
    )
    probed = []

    def probe(state_dir):
        probed.append(state_dir)
        assert state_dir.is_dir()
        return backends

    return examine(invocation, probe), stdout.getvalue(), probed


def test_a_place_where_one_backend_works(tmp_path):
    status, text, probed = examined(tmp_path, OVERLAY, INPLACE)

    assert status == 0
    assert probed == [tmp_path / "state"]
    assert f"  state directory  {tmp_path}/state\n" in text


def test_a_place_where_none_works(tmp_path):
    status, text, _ = examined(tmp_path, OVERLAY)

    assert status == 7
    assert text.startswith("Root filesystem of a RUN")


def test_the_doctor_takes_no_arguments(tmp_path):
    with pytest.raises(UsageError, match="doctor takes no arguments, not 'x'"):
        examined(tmp_path, INPLACE, arguments=["x"])


def test_the_answer():
    here, exposed = [("kernel", "6.1 x86_64"), ("user", "0:0")], [("socket", "/run/docker.sock")]

    lines = list(report([OVERLAY, INPLACE], here, exposed))
    asked = lines.index("What a RUN may ask for (inplace):")
    end = lines.index("This process:")
    assert lines[:asked] == [
        "Root filesystem of a RUN (auto takes the first that is available):",
        "  overlay  not available: the process does not have CAP_SYS_ADMIN",
        "           hint: give it --privileged",
        "  inplace  available",
        "",
    ]
    assert lines[asked + 6] == "  --network=none       refused before anything runs"
    assert lines[end - 1 :] == [
        "",
        "This process:",
        "  kernel  6.1 x86_64",
        "  user    0:0",
        "",
        "Exposed here; a RUN in place can reach what its user may read:",
        "  socket  /run/docker.sock",
    ]


def test_an_answer_without_exposed_things_says_so():
    assert list(report([INPLACE], [("a", "b")], []))[-1] == "  nothing that is known"


def machine(root, *, env=None, in_image=True, abi=7):
    def landlock_abi():
        if isinstance(abi, OSError):
            raise abi
        return abi

    return Machine(env or {}, in_image, root, "6.1", "x86_64", landlock_abi)


def status_file(root, text=STATUS):
    path = root / "proc/self/status"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_what_the_process_may_do(tmp_path):
    status_file(tmp_path)

    assert process_rows(machine(tmp_path)) == [
        ("image", "our own"),
        ("kernel", "6.1 x86_64"),
        ("user", "0:5"),
        ("capabilities", "00000000a80425fb (a container's default)"),
        ("seccomp", "filter"),
        ("privileges", "never grow (no_new_privs)"),
        ("landlock", "ABI 7"),
    ]


def test_what_cannot_be_found_out(tmp_path):
    rows = dict(process_rows(machine(tmp_path, in_image=False, abi=OSError(95, "Not supported"))))

    assert rows["image"] == "not our own: this is a host"
    assert rows["landlock"] == "not there: Not supported"
    assert {rows[name] for name in ("user", "capabilities", "seccomp", "privileges")} == {"unknown"}


@pytest.fixture
def docker_socket(tmp_path):
    path = tmp_path / "run/docker.sock"
    path.parent.mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("../run")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        yield path


def test_a_socket_is_told_once(tmp_path, docker_socket):
    there = machine(tmp_path, env={"DOCKER_HOST": f"unix://{docker_socket}"})

    assert exposed_rows(there, ()) == [("socket", str(docker_socket))]


def test_secrets_and_credentials_are_named_and_not_shown(tmp_path):
    account = tmp_path / "run/secrets/kubernetes.io/serviceaccount"
    (account / "..data").mkdir(parents=True)
    (account / "..data/token").write_text("hunter22")
    (account / "token").symlink_to("..data/token")
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text("hunter22")
    (home / "key.json").write_text("hunter22")
    config = home / "config.json"
    config.write_text("{}")
    env = {"HOME": str(home), "GOOGLE_APPLICATION_CREDENTIALS": str(home / "key.json")}

    rows = exposed_rows(machine(tmp_path, env=env), (config, Path("/nowhere/config.json")))

    assert rows == [
        ("secret", f"{account}/token"),
        ("credentials", str(config)),
        ("credentials", f"{home}/.aws/credentials"),
        ("credentials", f"{home}/key.json"),
    ]
