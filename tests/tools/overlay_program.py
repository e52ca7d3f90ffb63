"""What RUNs with mounts see in an overlay, as JSON; copied away and run where rights are few.

``python overlay_program.py STATE-DIRECTORY HOST-DIRECTORY``: the second is of this machine, empty,
and its owner runs this.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

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
from pybuild.rootfs.open import open_rootfs
from pybuild.rootfs.run import syscalls

STATE, HOST = Path(sys.argv[1]), Path(sys.argv[2])
SECRET = b"s3cret-of-this-test\n"
APPLETS = (
    *("sh", "cat", "dd", "df", "find", "grep", "hostname", "ln", "ls", "mkdir", "mount", "mv"),
    *("ping", "readlink", "rm", "rmdir", "sort", "stat", "tail", "touch", "true", "umount", "wc"),
)
ENV = (("PATH", "/bin"),)

CLIENT = (
    'import socket; it = socket.socket(socket.AF_UNIX); it.connect("/agent");'
    ' it.sendall(b"me"); print(it.recv(100).decode())'
)

results: dict[str, object] = {}


class Tree:
    """A stage with busybox and one time for everything."""

    def __init__(self, rootfs, name):
        self.rootfs = rootfs
        self.tree = rootfs.stage(name)
        with self.tree.layer() as root:
            os.umask(0o022)
            for directory in ("bin", "tmp", "data", "etc"):
                (root / directory).mkdir()
            shutil.copy("/bin/busybox", root / "bin/busybox")
            for applet in APPLETS:
                (root / "bin" / applet).symlink_to("busybox")
            (root / "data/own").write_text("of the image\n")
            (root / "file").write_text("")
            (root / "link").symlink_to("/data/real")
            (root / "up").symlink_to("../../../../../../../../etc/up")
            (root / "through").symlink_to("/proc/self/cwd")
            for library in ("lib", "lib64"):  # of the machine's Python, where /usr is mounted
                (root / library).symlink_to(f"usr/{library}")
            for path in [root, *root.iterdir()]:
                os.utime(path, (1000, 1000), follow_symlinks=False)

    def sh(self, script, *mounts, **more):
        """Status and lines, or why it could not be."""
        lines = []
        process = Process(("sh", "-c", script), ENV, mounts=mounts, **more)
        refused = self.rootfs.refusal(process)
        if refused:
            return ["refused", refused]
        try:
            status = self.tree.run(process, lines.append)
        except errors.PybuildError as error:
            return ["failed", error.message.replace(str(HOST), "HOST").replace(str(STATE), "STATE")]
        return [status, *lines]

    def changes(self):
        """What the last RUN changed, but for directories that are as they were."""
        return sorted(
            os.fsdecode(it.path)
            for it in self.tree.candidates()
            if it.entry is None or it.entry.mtime_s != 1000
        )


def host(name, content=None):
    path = HOST / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir(exist_ok=True)
    else:
        path.write_text(content)
    return path


def names(directory):
    return sorted(str(it.relative_to(directory)) for it in directory.rglob("*"))


def binds(tree):
    source = host("ctx")
    host("ctx/f", "text\n")
    host("ctx/inner")
    syscalls.mount("tmpfs", str(source / "inner"), "tmpfs")
    (source / "inner/g").write_text("inner\n")
    read_only = HostMount(source, "/ctx", Access.READ_ONLY)
    dropped = HostMount(source, "/ctx", Access.DROPPED)
    results["read_only"] = tree.sh(
        "cat /ctx/f /ctx/inner/g; (echo x > /ctx/f) 2>&1; touch /ctx/new 2>&1;"
        " touch /ctx/inner/new 2>&1; rm /ctx/f 2>&1",
        read_only,
    )
    results["copied"] = tree.sh(
        "cat /ctx/inner/g && rm -r /ctx/inner/g && echo x > /ctx/f && ls /ctx/inner", dropped
    )
    syscalls.umount(str(source / "inner"))

    results["dropped"] = tree.sh(
        "stat -c %a /ctx; echo new > /ctx/f && echo more > /ctx/g && rmdir /ctx/inner &&"
        " cat /ctx/* && ls /ctx",
        dropped,
    )
    results["dropped_changes"] = tree.changes()
    results["source"] = [names(source), (source / "f").read_text()]

    file = host("single", "one\n")
    results["file_read_only"] = tree.sh(
        "cat /f; (echo x > /f) 2>&1", HostMount(file, "/f", Access.READ_ONLY)
    )
    results["file_dropped"] = tree.sh("echo x >> /f; cat /f", HostMount(file, "/f", Access.DROPPED))
    results["file"] = file.read_text()

    kept = HostMount(host("cache"), "/c", Access.KEPT)
    results["kept"] = [tree.sh("echo 1 > /c/f", kept), tree.sh("cat /c/f", kept)]
    results["odd_name"] = tree.sh(
        "echo x > /o/f && cat /o/f", HostMount(host("a:b,c\\d"), "/o", Access.DROPPED)
    )


def empties(tree):
    small = EmptyMount("/t", size_bytes=1 << 20)
    results["tmpfs"] = tree.sh(
        "stat -c '%a %u:%g' /t; df -k /t | grep -c 1024; ls -A /t;"
        " dd if=/dev/zero of=/t/f bs=1024 count=2000 2>&1 | grep -c 'No space'",
        small,
    )
    results["tmpfs_after"] = tree.sh("ls -d /t 2>&1")
    results["tmpfs_hides"] = tree.sh("ls -A /data; echo x > /data/x", EmptyMount("/data"))
    results["tmpfs_hidden_changes"] = tree.changes()
    results["tmpfs_on_shm"] = tree.sh(
        "df -k /dev/shm | grep -c 1024", EmptyMount("/dev/shm", size_bytes=1 << 20)
    )


def on_disk(data):
    """Whether the state directory's files hold some bytes."""
    done = subprocess.run(
        ["/usr/bin/grep", "-r", "-l", "-F", data.decode().strip(), str(STATE)],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


def secrets(tree):
    secret = FileMount("/run/secrets/s", SECRET)
    seen = []

    def while_running(line):
        seen.append([line, on_disk(SECRET)])

    script = (
        "cat /run/secrets/s; stat -c '%a %u:%g' /run/secrets/s;"
        " (echo x > /run/secrets/s) 2>&1; rm -f /run/secrets/s 2>&1;"
        " grep -c ' /run/secrets/s ro,.*noexec.* - tmpfs ' /proc/self/mountinfo"
    )
    status = tree.tree.run(Process(("sh", "-c", script), ENV, mounts=(secret,)), while_running)
    results["secret"] = [status, *(line for line, _ in seen)]
    results["secret_on_disk"] = [path for _, paths in seen for path in paths] + on_disk(SECRET)
    results["secret_changes"] = tree.changes()
    results["secret_after"] = tree.sh("ls -d /run /run/secrets/s 2>&1")
    results["secret_owner"] = tree.sh(
        "stat -c '%a %u:%g' /s; cat /s", FileMount("/s", SECRET, 0o440, 33, 44), uid=33, gid=44
    )
    results["script"] = tree.sh(
        "/dev/pipes/script", FileMount("/dev/pipes/script", b"#!/bin/sh\necho ran $0\n", 0o755)
    )
    results["big_secret"] = tree.sh("wc -c < /s", FileMount("/s", b"x" * 500_000))


def answer(listener):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            client.sendall(b"answer to " + client.recv(100))


def sockets(tree):
    with socket.socket(socket.AF_UNIX) as listener:
        place = HOST / "agent"
        listener.bind(str(place))
        place.chmod(0o600)
        listener.listen()
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        machine = HostMount(Path("/usr"), "/usr", Access.READ_ONLY)
        ask = f"stat -c '%F %a %u:%g' /agent; /usr/bin/python3 -c '{CLIENT}' 2>&1"
        results["socket"] = tree.sh(ask, machine, SocketMount(place, "/agent"))
        results["socket_changes"] = tree.changes()
        results["socket_of_user"] = tree.sh(
            ask, machine, SocketMount(place, "/agent", 0o600, 33, 44), uid=33, gid=44
        )
        results["socket_of_another"] = tree.sh(
            ask + " | tail -n 1", machine, SocketMount(place, "/agent"), uid=33, gid=44
        )
        results["socket_path"] = tree.sh(
            "stat -c %F /run/buildkit/ssh_agent.0", SocketMount(place, "/run/buildkit/ssh_agent.0")
        )
        listener.shutdown(socket.SHUT_RDWR)


def nested(tree):
    ctx = HostMount(host("deep"), "/a/b", Access.READ_ONLY)
    host("deep/f", "f\n")
    results["nested"] = tree.sh(
        "touch /a/x /a/c/d/y && find /a | sort", EmptyMount("/a"), ctx, EmptyMount("/a/c/d")
    )
    results["nested_changes"] = tree.changes()
    results["in_cache"] = [
        tree.sh(
            "echo x > /c/in/x; ls /c",
            HostMount(host("cache2"), "/c", Access.KEPT),
            EmptyMount("/c/in"),
        ),
        names(HOST / "cache2"),
    ]
    results["in_read_only"] = tree.sh(
        "true", HostMount(HOST / "deep", "/ctx", Access.READ_ONLY), EmptyMount("/ctx/new/x")
    )
    (HOST / "deep/there").mkdir()
    results["on_read_only"] = tree.sh(
        "echo x > /ctx/there/x && ls /ctx/there",
        HostMount(HOST / "deep", "/ctx", Access.READ_ONLY),
        EmptyMount("/ctx/there"),
    )
    results["on_read_only_source"] = names(HOST / "deep")


def links(tree):
    results["links"] = tree.sh(
        "ls /data/real /etc/up /etc/up/more; echo x > /etc/up/more/x; rm -r /data/own",
        HostMount(HOST / "deep", "/link", Access.READ_ONLY),
        EmptyMount("/up/more"),
    )
    results["links_changes"] = tree.changes()
    results["beside"] = tree.sh(
        "echo beside > /new/dir/g", HostMount(HOST / "single", "/new/dir/f", Access.READ_ONLY)
    )
    results["beside_changes"] = tree.changes()


def traces(tree):
    results["untouched"] = tree.sh(
        "true",
        HostMount(HOST / "single", "/x/y/f", Access.READ_ONLY),
        HostMount(HOST / "deep", "/tmp/z", Access.READ_ONLY),
        FileMount("/run/secrets/s", SECRET),
    )
    results["untouched_changes"] = tree.changes()
    results["tree"] = sorted(it.name for it in tree.tree.directory().iterdir())


def swaps(tree):
    victim = host("victim")
    host("victim/y")
    host("victim/empty", "")
    results["swapped"] = tree.sh(
        f"mv /x /moved && ln -s {victim} /x; ls -d /moved",
        EmptyMount("/x/y"),
        FileMount("/x/empty", b"z"),
    )
    results["victim"] = names(victim)


def targets(tree):
    victim = HOST / "victim"
    cache = host("shared")
    (cache / "sub").symlink_to(victim)
    (cache / "magic").symlink_to("/proc/self/cwd")
    shared = HostMount(cache, "/c", Access.KEPT)
    results["link_in_cache"] = tree.sh(
        f"echo x > /c/sub/new/x; ls {victim}", shared, EmptyMount("/c/sub/new")
    )
    results["victim_after_link"] = names(victim)
    for name, target in {
        "magic": "/c/magic/new",
        "through": "/through/new",
        "proc": "/proc/self/new",
        "proc_itself": "/proc",
        "sys": "/sys/fs/new",
        "fd": "/dev/fd/1",
        "root": "/..",
        "on_file": "/file",
        "below_file": "/file/x",
    }.items():
        results[f"target_{name}"] = tree.sh("true", shared, EmptyMount(target))
    results["target_on_directory"] = tree.sh("true", FileMount("/data", SECRET))
    results["tree_after_targets"] = sorted(it.name for it in tree.tree.directory().iterdir())


def rights(tree):
    results["propagation"] = tree.sh(
        "grep -c -E 'shared:|master:' /proc/self/mountinfo; mount -t tmpfs none /tmp 2>&1",
        HostMount(HOST / "deep", "/d", Access.KEPT),
    )
    results["umount"] = tree.sh(
        "umount /d 2>&1; mount -o remount,rw /d 2>&1; touch /d/x 2>&1",
        HostMount(HOST / "deep", "/d", Access.READ_ONLY),
    )


def surroundings(tree):
    show = "ls /sys/class/net; ping -c 1 -W 2 127.0.0.1 | grep -c ' 0% packet loss'"
    results["network_none"] = tree.sh(show, network="none")
    results["network_host"] = tree.sh("readlink /proc/self/ns/net", network="host")[1:] == [
        str(Path("/proc/self/ns/net").readlink())
    ]
    results["hostname"] = tree.sh("hostname; hostname renamed; hostname")
    results["hostname_given"] = tree.sh(
        "hostname; grep -c -w box /etc/hosts", sandbox=Sandbox(hostname="box")
    )
    results["machine_s_hostname"] = socket.gethostname()
    results["hosts"] = tree.sh(
        "cat /etc/hosts", sandbox=Sandbox(hosts=(("somewhere", "10.1.2.3"), ("other", "::7")))
    )
    results["shm"] = tree.sh("df -k /dev/shm | grep -c 32768", sandbox=Sandbox(shm_bytes=32 << 20))
    results["limits"] = tree.sh(
        "ulimit -n; ulimit -H -n; ulimit -c; ulimit -s",
        sandbox=Sandbox(
            limits=(Limit("nofile", 500, 600), Limit("core", 0, 0), Limit("stack", -1, -1))
        ),
    )
    results["limit_too_high"] = tree.sh(
        "ulimit -n", sandbox=Sandbox(limits=(Limit("nofile", 1024, 1 << 40),))
    )
    results["limit_raised"] = tree.sh(
        "ulimit -H -u",
        sandbox=Sandbox(limits=(Limit("nproc", 1_000_000, 1_000_000),)),
    )


def main():
    warnings = []

    def emit(event):
        if isinstance(event, events.BuildWarning):
            warnings.append(event.message)

    with open_rootfs("overlay", STATE, emit) as rootfs:
        parts = (
            *(binds, empties, secrets, sockets, nested),
            *(links, traces, swaps, targets, rights, surroundings),
        )
        for part in parts:
            part(Tree(rootfs, part.__name__))
    results["left"] = sorted(it.name for it in (STATE / "trees").iterdir())
    results["warnings"] = warnings
    json.dump(results, sys.stdout)


main()
