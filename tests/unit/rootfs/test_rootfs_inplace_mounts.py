# ruff: noqa: PTH208 - names are what is compared
import os
import re
import socket
import threading

import pytest

from pybuild.errors import HostUnsupported
from pybuild.ports import (
    Access,
    EmptyMount,
    FileMount,
    HostMount,
    Limit,
    Process,
    Sandbox,
    SocketMount,
)
from pybuild.rootfs import surroundings
from pybuild.rootfs.inplace_mounts import InplaceMounts
from pybuild.rootfs.layout import Layout

OWNER = (os.getuid(), os.getgid())


@pytest.fixture
def root(tmp_path):
    for path in ("dev/shm", "etc", "pybuild/mounts", "pybuild/tmp", "pybuild/stages/s/etc"):
        (tmp_path / path).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def tree(root):
    return root / "pybuild/stages/s"


@pytest.fixture
def seen():
    return []


@pytest.fixture
def mounts(root, seen):
    return InplaceMounts(Layout(os.fsencode(root)), lambda event: seen.append(event.message))


@pytest.fixture
def source(tmp_path):
    directory = tmp_path / "source"
    directory.mkdir()
    (directory / "file").write_text("source")
    return directory


def shown(mounts, tree, *wanted):
    return mounts.shown(os.fsencode(tree), wanted)


def names(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_nothing_is_left_of_any_mount(mounts, root, tree, source):
    before = names(tree), names(root / "dev")
    wanted = (
        HostMount(source, "/a", Access.READ_ONLY),
        HostMount(source, "/b/c", Access.DROPPED),
        EmptyMount("/b/d"),
        FileMount("/dev/pipes/EOF", b"script", 0o755, *OWNER),
        EmptyMount("/dev/shm/x"),
        EmptyMount("/dev/shm"),
    )
    with shown(mounts, tree, *wanted):
        assert names(tree) == ["a", "a/file", "b", "b/c", "b/c/file", "b/d", "etc"]
        assert (root / "dev/pipes/EOF").read_bytes() == b"script"
        assert (root / "dev/shm/x").is_dir()
    assert (names(tree), names(root / "dev")) == before
    assert names(source) == ["file"]


def test_a_secret_s_bytes_are_overwritten_wherever_they_are_linked(mounts, root, tree):
    with shown(mounts, tree, FileMount("/run/secrets/s", b"hunter2", 0o400, *OWNER)):
        secret = tree / "run/secrets/s"
        assert secret.read_bytes() == b"hunter2"
        assert secret.stat().st_mode & 0o777 == 0o400
        os.link(secret, root / "out-of-reach")
    assert (root / "out-of-reach").read_bytes() == b""
    assert not (tree / "run").exists()


def test_a_cache_is_out_of_its_place_only_while_it_is_shown(mounts, tree, source):
    with shown(mounts, tree, HostMount(source, "/cache", Access.KEPT)):
        assert not source.exists()
        (tree / "cache/new").write_text("kept")
    assert names(source) == ["file", "new"]


def test_a_write_to_a_read_only_mount_is_told_once_and_byte_code_is_not(mounts, tree, source, seen):
    read_only = HostMount(source, "/src", Access.READ_ONLY)
    for written in ("new", "file.pyc"):
        with shown(mounts, tree, read_only) as display:
            display.began()
            (tree / "src" / written).touch()
            display.ended()
    assert seen == ["the command wrote to /src, which is read-only; that is not kept: /src/new"]


def test_names_whose_times_we_move_are_known_with_where_they_are(mounts, root, tree, source):
    (tree / "app").mkdir()
    (tree / "app/own").touch()
    wanted = (HostMount(source, "/app", Access.DROPPED), EmptyMount("/app/in"), EmptyMount("/x/y"))
    with shown(mounts, tree, *wanted) as display:
        places = display.places()
        assert places.keys() == {b"", b"app", b"x"}
        assert os.listdir(places[b"app"]) == [b"own"]
        assert places[b"x"] == os.fsencode(root / "x")


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (EmptyMount("/"), "nothing can be mounted at /: it is the root"),
        (EmptyMount("/proc/x"), "nothing can be mounted at /proc/x: /proc is this container's own"),
        (EmptyMount("/link/x"), "nothing can be mounted at /link/x: /sys is this container's own"),
        (EmptyMount("/loop"), "/loop: too many levels of symbolic links in the image"),
    ],
)
def test_a_target_that_cannot_be_used_is_refused_and_nothing_is_left(mounts, tree, mount, message):
    (tree / "link").symlink_to("/sys")
    (tree / "loop").symlink_to("loop")
    before = names(tree)
    wanted = shown(mounts, tree, EmptyMount("/made/first"), mount)
    with pytest.raises(HostUnsupported, match=re.escape(message)), wanted:
        pass
    assert names(tree) == before


def test_a_size_that_cannot_be_had_is_told(mounts, tree, seen):
    for _ in range(2):
        with shown(mounts, tree, EmptyMount("/tmp/x", 100)):
            pass
    assert seen == ["the size of /tmp/x cannot be limited here: it lies on disk"]


def test_a_socket_in_the_tree_leads_to_the_other_one(mounts, tree, tmp_path):
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "a"))
        agent.listen()

        def answer():
            client, _ = agent.accept()
            with client:
                client.sendall(client.recv(10).upper() * 50_000)

        thread = threading.Thread(target=answer)
        thread.start()
        with shown(mounts, tree, SocketMount(tmp_path / "a", "/run/s", 0o660, *OWNER)):
            assert (tree / "run/s").stat().st_mode & 0o777 == 0o660
            (tmp_path / "s").symlink_to(tree / "run/s")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "s"))
                client.sendall(b"hello")
                client.shutdown(socket.SHUT_WR)
                assert b"".join(iter(lambda: client.recv(1 << 16), b"")) == b"HELLO" * 50_000
        thread.join()
    assert names(tree) == ["etc"]


def test_hosts_are_the_image_s_and_more_where_the_runtime_has_none(tree):
    (tree / "etc/hosts").write_text("192.0.2.1 own")
    sandbox = Sandbox(hosts=(("repo", "192.0.2.7"),))
    [file] = surroundings.own_hosts(sandbox, os.fsencode(tree), ())
    assert (file.target, file.mode) == ("/etc/hosts", 0o644)
    assert file.data.endswith(b"192.0.2.7\trepo\n192.0.2.1\town\n")
    assert surroundings.own_hosts(sandbox, os.fsencode(tree), {b"etc/hosts"}) == ()
    assert surroundings.own_hosts(Sandbox(), os.fsencode(tree), ()) == ()


def test_hosts_are_written_into_the_runtime_s_own_file_and_go_before_its_names(root):
    hosts = root / "etc/hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n192.0.2.1\trepo other\n")
    inode = hosts.stat().st_ino
    sandbox = Sandbox(hosts=(("repo", "192.0.2.7"),))
    surroundings.add_hosts(sandbox, os.fsencode(root), {b"etc/hosts"})
    assert hosts.read_text().splitlines()[-2:] == ["192.0.2.7\trepo", "192.0.2.1\tother"]
    assert hosts.stat().st_ino == inode


def test_a_limit_that_cannot_be_had_is_said_beforehand():
    process = Process(("true",), (), sandbox=Sandbox(limits=(Limit("nofile", 1, 1 << 40),)))
    assert surroundings.refusal(process).startswith("the limit nofile=1:1099511627776 is more than")


def test_what_cannot_be_had_is_said_beforehand():
    process = Process(("true",), (), network="none")
    assert surroundings.refusal(process) == (
        "a RUN without network needs a network namespace, which cannot be made here"
    )
    assert surroundings.refusal(Process(("true",), (), network="host")) == ""
    assert [*surroundings.not_had(Sandbox(hostname="h", shm_bytes=1))] == [
        "the host name h cannot be set here: a RUN sees the container's own",
        "the size of /dev/shm cannot be set here: a RUN has the container's own",
    ]
