"""Make the root of links, the folders they point to, and the few files that stand in for /etc."""

import shutil
from pathlib import Path

from image.closure import close_paths
from image.layout import PREFIX, Layout
from image.programs import GIT_CONFIG

# Every name that callers mount something at or below. A container runtime resolves a mount's
# target inside the root, so the mount lands below /pybuild/own, out of the way of the trees
# that take the root's place.
LINKS = (
    "bin", "builds", "busybox", "cache", "certs", "data", "drone", "github", "home", "kaniko",
    "lib", "lib64", "media", "mnt", "opt", "root", "run", "sbin", "srv", "tekton", "tmp", "usr",
    "var", "workspace",
)  # fmt: skip

# The builder's own working folders, and folders that programs expect; with a mode where it is
# not 0755.
FOLDERS = {
    "state": 0o755, "stages": 0o755, "aside": 0o755, "tmp": 0o1777,
    "own/tmp": 0o1777, "own/var/tmp": 0o1777, "own/root": 0o700, "own/usr/bin": 0o755,
    # Callers who are not root write their credentials there.
    "own/kaniko": 0o777, "own/kaniko/.docker": 0o777, "own/kaniko/ssl/certs": 0o755,
}  # fmt: skip

# Links inside /pybuild/own.
PROGRAMS = {
    "bin/sh": "bin/busybox",
    "usr/bin/env": "bin/busybox",
    "var/run": "own/run",
    "kaniko/executor": "bin/pybuild",
    "kaniko/warmer": "bin/pybuild",
}

CA_BUNDLE = "ssl/certs/ca-certificates.crt"

# What the image's files of these names would be asked for.
CONFIGURATION = {
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/passwd": ("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "/etc/gitconfig": GIT_CONFIG,
    "/usr/lib/ssl/openssl.cnf": "",
}

# Says to the in-place backend that this root is ours to rearrange.
MARKER = ".pybuild-image"


def make_root(layout: Layout) -> None:
    """Make everything that is neither a program nor a library."""
    for name in LINKS:
        (layout.own / name).mkdir(parents=True, exist_ok=True)
        (layout.out / name).symlink_to(f"{PREFIX.lstrip('/')}/own/{name}")
    for name, mode in FOLDERS.items():
        folder = layout.prefix / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    for name, target in PROGRAMS.items():
        (layout.own / name).symlink_to(f"{PREFIX}/{target}")
    for applet in ("sh", "cat", "sleep"):  # how pods keep Kaniko's debug image waiting
        (layout.own / "busybox" / applet).symlink_to(f"{PREFIX}/bin/busybox")

    make_certificates(layout)
    for name, text in CONFIGURATION.items():
        closed = close_paths(name.encode()).decode()
        (layout.out / closed.lstrip("/")).write_text(text)
    (layout.prefix / MARKER).write_text("The root of this container belongs to pybuild.\n")


def make_certificates(layout: Layout) -> None:
    """Put Kaniko's bundle, which callers append to or mount over, behind every library's default.

    A second copy serves when a folder without a bundle is mounted in its place; `launcher` decides.
    """
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    bundle = f"{PREFIX}/own/kaniko/{CA_BUNDLE}"
    shutil.copyfile(system, layout.own / "kaniko" / CA_BUNDLE)

    copy = layout.prefix / CA_BUNDLE
    copy.parent.mkdir(parents=True)
    shutil.copyfile(system, copy)

    (layout.prefix / "ssl" / "cert.pem").symlink_to(bundle)  # OpenSSL
    (layout.prefix / "certs").mkdir()
    (layout.prefix / "certs" / "ca-certificates.crt").symlink_to(bundle)  # GnuTLS and git's curl
    for bundled in ("certifi", "botocore"):  # these bring their own
        own = layout.packages / bundled / "cacert.pem"
        own.unlink()
        own.symlink_to(bundle)
