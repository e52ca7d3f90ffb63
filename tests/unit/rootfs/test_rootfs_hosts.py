import pytest

from pybuild.ports import PLAIN_SANDBOX, Sandbox
from pybuild.rootfs.hosts import hosts_file

LOOPBACK = "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback\n"


@pytest.mark.parametrize(
    ("machine", "rest"),
    [
        ("", ""),
        ("127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n", ""),
        ("# comment\n\n 10.0.0.1  runner # of the CI\n", "10.0.0.1\trunner\n"),
        ("127.0.1.1 machine localhost\n", "127.0.1.1\tmachine\n"),
        ("10.0.0.1 a b\nfe00::0 ip6-localnet\n", "10.0.0.1\ta b\nfe00::0\tip6-localnet\n"),
        ("10.0.0.1\n", ""),
    ],
)
def test_the_machine_s_names_are_kept_once(machine, rest):
    assert hosts_file(machine, PLAIN_SANDBOX, "box") == LOOPBACK + rest


def test_added_names_win_over_the_machine_s():
    sandbox = Sandbox(hosts=(("registry", "10.1.2.3"), ("registry", "::7")))
    found = hosts_file("10.9.9.9 registry other\n", sandbox, "box")
    assert found == LOOPBACK + "10.1.2.3\tregistry\n::7\tregistry\n10.9.9.9\tother\n"


def test_without_a_name_of_its_own_the_machine_s_lines_name_it():
    found = hosts_file("127.0.1.1 machine\n", PLAIN_SANDBOX, "")
    assert found.splitlines()[0] == "127.0.0.1\tlocalhost"
    assert found.splitlines()[-1] == "127.0.1.1\tmachine"
