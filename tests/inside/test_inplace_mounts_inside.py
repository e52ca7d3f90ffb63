# ruff: noqa: PTH208 - names are what is compared
"""What RUNs in place have mounted; in our own image, started by ``e2e/test_inplace.py``."""

import os
import shutil
import socket
import threading
from pathlib import Path

import pytest
from inplace_trees import changes, sh, unpacked

from pybuild import errors, events
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

SECRET = b"hunter2-of-the-mount"
OURS = Path("/pybuild/state/test-mounts")
TMPFS = Path("/foreign")  # another filesystem


@pytest.fixture
def busybox(rootfs):
    """A tree of which a RUN has changed nothing yet."""
    tree = unpacked(rootfs.stage("busybox"), "busybox")
    assert sh(tree, "true")[0] == 0
    return tree


@pytest.fixture
def place():
    OURS.mkdir(parents=True)
    yield OURS
    shutil.rmtree(OURS)


@pytest.fixture
def source(place):
    """A directory of files with owners, modes, times, links and attributes."""
    root = place / "source"
    (root / "sub").mkdir(parents=True)
    (root / "one").write_text("one\n")
    (root / "one").chmod(0o4750)
    os.chown(root / "one", 7, 8)
    (root / "one").chmod(0o4750)
    os.utime(root / "one", (1000, 1000))
    os.link(root / "one", root / "sub/same")
    (root / "link").symlink_to("sub/same")
    (root / "sub").chmod(0o711)
    os.utime(root / "sub", (2000, 2000))
    root.chmod(0o750)
    os.utime(root, (3000, 3000))
    return root


def mount(source, target, access=Access.READ_ONLY):
    return HostMount(Path(source), target, access)


def warned(seen):
    return [it.message for it in seen if isinstance(it, events.BuildWarning)]


NOTHING = {b"", b"etc"}
"""Directories that are merged with ours are always candidates."""


def look(root):
    return {
        path.relative_to(root): (
            path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted([root, *root.rglob("*")])
    }  # fmt: skip


def test_a_directory_is_seen_with_owners_modes_times_and_links(busybox, source):
    script = (
        "cd /mnt/a; stat -c '%n %a %u %g %Y %h' . one sub; readlink link; cat link;"
        " test one -ef sub/same"
    )
    lines = [
        ". 750 0 0 3000 3", "one 4750 7 8 1000 2", "sub 711 0 0 2000 2", "sub/same", "one",
    ]  # fmt: skip
    before = look(busybox.directory())
    assert sh(busybox, script, mounts=(mount(source, "/mnt/a"),)) == (0, lines)
    assert changes(busybox).keys() <= NOTHING
    assert look(busybox.directory()) == before


@pytest.mark.parametrize("access", [Access.READ_ONLY, Access.DROPPED])
def test_what_is_written_to_a_directory_is_lost_and_the_next_run_sees_it_as_it_was(
    busybox, source, seen, access
):
    before = look(source)
    script = (
        "cd /src; echo new >> one; echo x > new; rm -r sub link; mkdir sub; touch sub/x;"
        " chmod 777 .; mkdir __pycache__; touch __pycache__/x.pyc"
    )
    for _ in range(2):
        assert sh(busybox, script, mounts=(mount(source, "/src", access),)) == (0, [])
        assert changes(busybox).keys() <= NOTHING
        assert look(source) == before
    listing = "cd /src; cat one; ls -A . sub; stat -c '%a %Y' . sub"
    assert sh(busybox, listing, mounts=(mount(source, "/src", access),))[1] == [
        "one", ".:", "link", "one", "sub", "", "sub:", "same", "750 3000", "711 2000",
    ]  # fmt: skip
    expected = (
        "the command wrote to /src, which is read-only; that is not kept:"
        " /src/link, /src/new, /src/one, /src/sub/same, /src/sub/x"
    )
    assert warned(seen) == ([expected] * 2 if access is Access.READ_ONLY else [])


def test_a_source_that_changes_between_two_runs_is_seen_as_it_is(busybox, source):
    assert sh(busybox, "cat /src/one", mounts=(mount(source, "/src"),))[1] == ["one"]
    (source / "one").write_text("two\n")
    (source / "sub/new").mkdir()
    assert sh(busybox, "cat /src/one; ls /src/sub", mounts=(mount(source, "/src"),))[1] == [
        "two", "new", "same",
    ]  # fmt: skip


def test_a_file_is_seen_and_what_is_written_to_it_is_lost(busybox, source, seen):
    one = mount(source / "one", "/etc/one")
    assert sh(busybox, "cat /etc/one; echo x >> /etc/one", mounts=(one,))[1] == ["one"]
    assert sh(busybox, "cat /etc/one", mounts=(one,))[1] == ["one"]
    assert changes(busybox).keys() <= NOTHING
    assert warned(seen) == [
        "the command wrote to /etc/one, which is read-only; that is not kept: /etc/one"
    ]


def test_what_the_image_has_at_a_target_is_there_again_and_no_change(busybox, source):
    with busybox.layer() as root:
        (root / "image/deep").mkdir(parents=True)
        (root / "image/deep/own").write_text("image\n")
        os.utime(root / "image/deep", (1000, 1000))
        os.utime(root / "image", (1000, 1000))
    assert sh(busybox, "true")[0] == 0
    before = look(busybox.directory())
    for target in ("/image", "/image/deep", "/image/deep/own"):
        what = source / "one" if target.endswith("own") else source
        assert sh(busybox, f"! grep -r image {target}", mounts=(mount(what, target),)) == (0, [])
        assert changes(busybox).keys() <= NOTHING
        assert look(busybox.directory()) == before


def test_mounts_in_mounts_links_in_the_way_and_one_source_twice(busybox, source, place, seen):
    (place / "cache").mkdir()
    with busybox.layer() as root:
        (root / "real").mkdir()
        (root / "link").symlink_to("/real")
    assert sh(busybox, "true")[0] == 0
    mounts = (
        mount(source, "/link/a"),
        mount(source, "/link/a/sub/b"),
        mount(place / "cache", "/link/a/sub/b/cache", Access.KEPT),
        EmptyMount("/link/a/sub/b/cache/tmp"),
    )
    script = (
        "cd /real/a; cat one sub/b/one sub/same; echo kept > sub/b/cache/file;"
        " touch sub/b/cache/tmp/x; stat -c %a sub/b/cache/tmp"
    )
    assert sh(busybox, script, mounts=mounts) == (0, ["one", "one", "one", "1777"])
    assert look(place / "cache").keys() == {Path(), Path("file")}
    assert changes(busybox).keys() <= NOTHING
    assert warned(seen) == []
    assert sorted(os.listdir(source / "sub")) == ["same"]


@pytest.mark.parametrize("where", [OURS, TMPFS], ids=["same-filesystem", "another"])
def test_a_cache_keeps_what_runs_write_and_no_file_of_it_is_the_image_s(busybox, place, where):
    del place
    cache = where / "cache"
    cache.mkdir(mode=0o700)
    kept = (mount(cache, "/root/.cache", Access.KEPT),)
    try:
        assert sh(busybox, "mkdir /root/.cache/a; echo 1 > /root/.cache/a/f", mounts=kept)[0] == 0
        assert (cache / "a/f").read_text() == "1\n"
        script = "cat /root/.cache/a/f; ln /root/.cache/a/f /root/linked; stat -c %a /root/.cache"
        assert sh(busybox, script, mounts=kept) == (0, ["1", "700"])
        assert changes(busybox).keys() - NOTHING == {b"root", b"root/linked"}
        inside = busybox.directory() / "root/linked"
        assert (inside.stat().st_nlink, (cache / "a/f").stat().st_nlink) == (1, 1)
        assert sh(busybox, "echo other > /root/linked; rm -r /root/.cache/a", mounts=kept)[0] == 0
        assert os.listdir(cache) == []
        assert sh(busybox, "echo 2 > /root/.cache/g", mounts=kept)[0] == 0
        assert changes(busybox).keys() <= NOTHING
        assert (cache / "g").read_text() == "2\n"
        assert cache.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(cache)


def test_a_cache_that_is_removed_or_moved_by_a_run_is_a_cache_afterwards(busybox, place, seen):
    cache = place / "cache"
    cache.mkdir(mode=0o750)
    kept = (mount(cache, "/c", Access.KEPT),)
    assert sh(busybox, "echo 1 > /c/f; mv /c /moved; mkdir /c; touch /c/other", mounts=kept)[0] == 0
    assert (cache / "f").read_text() == "1\n"
    assert changes(busybox).keys() <= NOTHING
    assert warned(seen) == [
        "the command moved or linked the mount /c to /moved: it is not in the image"
    ]
    assert sh(busybox, "rm -r /c", mounts=kept)[0] == 0
    assert (os.listdir(cache), cache.stat().st_mode & 0o777) == ([], 0o750)
    assert sh(busybox, "rm -r /c; mkdir /c; echo 2 > /c/g", mounts=kept)[0] == 0
    assert (cache / "g").read_text() == "2\n"


def test_one_cache_at_two_places(busybox, place):
    cache = place / "cache"
    cache.mkdir()
    (cache / "old").write_text("old\n")
    kept = (mount(cache, "/c", Access.KEPT), mount(cache, "/d/e", Access.KEPT))
    assert sh(busybox, "cat /c/old /d/e/old; touch /c/one /d/e/two", mounts=kept) == (
        0, ["old", "old"],
    )  # fmt: skip
    assert sorted(os.listdir(cache)) == ["old", "one", "two"]
    assert changes(busybox).keys() <= NOTHING


def test_an_empty_directory_is_anybody_s_and_gone_afterwards(busybox, seen):
    empty = (EmptyMount("/scratch/a", 1 << 20), EmptyMount("/dev/shm"), EmptyMount("/tmp"))
    script = (
        "stat -c %a /scratch/a; ls -A /scratch/a /dev/shm; touch /scratch/a/x /dev/shm/y; id -u"
    )
    assert sh(busybox, script, mounts=empty, uid=33)[1] == [
        "1777", "/dev/shm:", "", "/scratch/a:", "33",
    ]  # fmt: skip
    assert changes(busybox).keys() <= NOTHING
    assert warned(seen) == ["the size of /scratch/a cannot be limited here: it lies on disk"]


SECRET_PLACES = ["/run/secrets/token", "/etc/token", "/token", "/dev/pipes/token"]


@pytest.mark.parametrize("target", SECRET_PLACES)
def test_a_secret_is_a_file_for_the_run_alone(busybox, target):
    secret = (FileMount(target, SECRET, 0o440, 33, 7),)
    before = look(busybox.directory())
    script = f"cat {target}; echo; stat -c '%F %a %u %g' {target}"
    assert sh(busybox, script, mounts=secret, uid=33) == (
        0, [SECRET.decode(), "regular file 440 33 7"],
    )  # fmt: skip
    assert changes(busybox).keys() <= NOTHING
    assert look(busybox.directory()) == before
    assert not Path("/dev/pipes").exists()


@pytest.mark.parametrize(
    "script",
    [
        "exit 3",
        "kill -9 $$",
        "ln /run/secrets/token /etc/leak",
        "mv /run/secrets/token /etc/leak",
        "mv /run/secrets /run/moved; mkdir /run/secrets; touch /run/secrets/token",
        "mv /run /run2",
        "rm -r /run",
        "ln /run/secrets/token /a; ln /a /b; rm /run/secrets/token",
        "rm -r /run/secrets; ln -s /etc /run/secrets; cp /etc/passwd /etc/token",
        "mkdir -p /lost; mv /run/secrets/token /lost; chmod 0 /lost",
    ],
)
def test_no_file_of_a_secret_s_is_left_whatever_the_run_does(busybox, script):
    secret = (FileMount("/run/secrets/token", SECRET),)
    etc = (busybox.directory() / "etc/passwd").read_bytes()
    sh(busybox, script, mounts=secret)
    for path in busybox.directory().rglob("*"):
        assert not path.is_file() or SECRET not in path.read_bytes(), path
    for path in Path("/pybuild/mounts").rglob("*"):
        assert not path.is_file() or SECRET not in path.read_bytes(), path
    assert (busybox.directory() / "etc/passwd").read_bytes() == etc
    assert not {b"etc/leak", b"a", b"b", b"lost/token"} & changes(busybox).keys()


def test_a_secret_is_gone_when_the_build_is_ended_during_the_run(busybox):
    def stop(_line):
        raise errors.Terminated("stop")

    secret = (FileMount("/etc/token", SECRET),)
    script = "ln /etc/token /leak; echo go; sleep 9992"
    with pytest.raises(errors.Terminated):
        busybox.run(Process(("sh", "-c", script), (("PATH", "/bin"),), mounts=secret), stop)
    assert not (busybox.directory() / "etc/token").exists()
    assert not (busybox.directory() / "leak").exists()


@pytest.fixture
def agent(place):
    """A socket in a directory that only its owner may enter, as ssh-agent makes it."""
    directory = place / "agent"
    directory.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket"))
        (directory / "socket").chmod(0o600)
        listener.listen()

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    data = client.recv(100)
                    client.sendall(b"you said " + data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield directory / "socket"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_socket_answers_the_user_that_it_is_for(busybox, agent):
    shown = (SocketMount(agent, "/run/agent/a.sock", 0o600, 33, 33),)
    python = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/agent/a.sock');"
        " s.sendall(b'hello'); print(s.recv(100).decode())"
    )
    ask = (
        "stat -c '%F %a %u' /run/agent/a.sock;"
        f' /pybuild/libexec/pybuild -BISc "{python}" 2>&1 | tail -n 1'
    )
    assert sh(busybox, ask, mounts=shown, uid=33) == (0, ["socket 600 33", "you said hello"])
    assert sh(busybox, ask, mounts=shown, uid=34)[1][1] == (
        "PermissionError: [Errno 13] Permission denied"
    )
    assert changes(busybox).keys() <= NOTHING
    assert not (busybox.directory() / "run").exists()


@pytest.mark.parametrize(
    ("mounted", "named"),
    [
        (EmptyMount("/proc/x"), "/proc is this container's own"),
        (mount("/x", "/dev/x"), "/dev is this container's own"),
        (EmptyMount("/foreign/a"), "/foreign is this container's own"),
        (EmptyMount("/pybuild"), "/pybuild is this container's own"),
        (FileMount("/etc/hosts", b""), "/etc/hosts is this container's own"),
    ],
)
def test_a_target_that_cannot_be_used_is_refused_beforehand_and_named(
    rootfs, busybox, mounted, named
):
    process = Process(("true",), (), mounts=(mounted,))
    assert rootfs.refusal(process) == f"{mounted.target} cannot be mounted: {named}"
    (busybox.directory() / "indirect").symlink_to(mounted.target)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/indirect/x", "nothing can be mounted at /indirect/x: /proc is this container's own"),
        ("/", "nothing can be mounted at /: it is the root"),
        ("/etc/passwd/x", "/etc/passwd of the image is not a directory"),
        ("/etc/passwd", "/etc/passwd of the image is no directory, and what is mounted there is"),
    ],
)
def test_a_target_that_the_image_does_not_allow_is_refused_and_leaves_no_trace(
    busybox, target, message
):
    with busybox.layer() as root:
        (root / "indirect").symlink_to("/proc")
    assert sh(busybox, "true")[0] == 0
    before = look(busybox.directory())
    with pytest.raises(errors.HostUnsupported, match=message):
        sh(busybox, "true", mounts=(EmptyMount("/made/deep"), EmptyMount(target)))
    assert look(busybox.directory()) == before
    assert sh(busybox, "ls -d /made") == (1, ["ls: /made: No such file or directory"])


def test_a_run_without_network_is_refused_beforehand(rootfs):
    process = Process(("true",), (), network="none")
    assert "needs a network namespace" in rootfs.refusal(process)
    assert rootfs.refusal(Process(("true",), (), network="host")) == ""


def test_hosts_are_there_for_the_run_alone_and_limits_hold(busybox, seen):
    before = Path("/etc/hosts").read_bytes()
    sandbox = Sandbox(
        (("repo.internal", "192.0.2.7"), ("six", "2001:db8::1")), "builder", 1 << 20,
        (Limit("nofile", 77, 99),),
    )  # fmt: skip
    script = "grep -E 'repo|six' /etc/hosts; ulimit -n; ulimit -Hn"
    for _ in range(2):
        assert sh(busybox, script, sandbox=sandbox) == (
            0, ["192.0.2.7\trepo.internal", "2001:db8::1\tsix", "77", "99"],
        )  # fmt: skip
    assert Path("/etc/hosts").read_bytes() == before
    assert changes(busybox).keys() <= NOTHING
    assert warned(seen) == [
        "the host name builder cannot be set here: a RUN sees the container's own",
        "the size of /dev/shm cannot be set here: a RUN has the container's own",
    ]


def test_a_copy_that_another_stage_s_run_has_changed_is_mended(rootfs, busybox, source):
    shown = (mount(source, "/src"),)
    assert sh(busybox, "true", mounts=shown)[0] == 0
    other = unpacked(rootfs.stage("other"), "busybox")
    assert sh(other, "find /pybuild/mounts -type f -exec sh -c 'echo bad > {}' ';'")[0] == 0
    assert sh(busybox, "cat /src/one /src/sub/same", mounts=shown)[1] == ["one", "one"]


def test_a_file_of_a_read_only_mount_that_is_linked_into_the_tree_is_the_tree_s_own(
    busybox, source
):
    shown = (mount(source, "/src", Access.DROPPED),)
    assert sh(busybox, "ln /src/one /kept", mounts=shown)[0] == 0
    assert b"kept" in changes(busybox)
    assert sh(busybox, "echo bad > /src/one", mounts=shown)[0] == 0
    assert changes(busybox).keys() <= NOTHING | {b"kept"}
    assert (busybox.directory() / "kept").read_text() == "one\n"
