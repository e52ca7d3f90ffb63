"""Base images under the names that Dockerfiles use, in the daemon and in the open registry as
`library/NAME`.

By default they are stand-ins made from this machine's package archives, which carry its
certificates and package managers' settings, so that `apt`, `pip` and `go` work in a RUN;
"Alpine" is Debian with small `apk`, `addgroup` and `adduser` programs.
`PYBUILD_TEST_BASES=pull` takes the real ones from Docker Hub.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from tools.services import daemon, machine, programs, registries
from tools.services.action_image import LABEL

SHIMS = Path(__file__).parent / "shims"
SUITE = "bookworm"
NAMES = ("debian:bookworm-slim", "busybox:latest", "alpine:3", "golang:1-alpine")

# Left out of the image, as Debian's own slim images do.
NOT_IN_SLIM = (
    "./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*", "./usr/share/doc/*",
    "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*", "./dev/*",
)  # fmt: skip

# Read by the go command in a RUN; the machine's own choice holds there too.
GO_SETTINGS = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def ensure_bases() -> None:
    """Have all base images in the daemon and in the open registry."""
    if os.environ.get("PYBUILD_TEST_BASES") == "pull":
        for name in NAMES:
            daemon.docker("pull", name)
    else:
        make_stand_ins()

    for name in (*NAMES, "alpine:latest"):
        target = f"{registries.OPEN.host}/library/{name}"
        daemon.docker("tag", name.replace("alpine:latest", "alpine:3"), target)
        daemon.docker("push", "--quiet", target)


def make_stand_ins() -> None:
    """Make the images that are missing, or whose recipe or settings have changed."""
    make_debian("debian:bookworm-slim")
    make_busybox("busybox:latest")

    alpine = {name: (SHIMS / name).read_bytes() for name in ("apk", "addgroup", "adduser")}
    build("alpine:3", alpine_recipe(), alpine)
    build("golang:1-alpine", go_recipe(), {}, Path(machine.output(programs.go(), "env", "GOROOT")))


def make_debian(name: str) -> None:
    """Import a minimal Debian with this machine's package settings and certificates."""
    settings = debian_settings()
    digest = key(*(f"{path}\n{text!r}" for path, text in settings.items()))
    if daemon.label(name, LABEL) == digest:
        return

    tree = machine.cache() / "debian" / SUITE
    if not (tree / "etc" / "os-release").exists():
        shutil.rmtree(tree, ignore_errors=True)
        address = machine.apt_sources(SUITE)[0][0]
        subprocess.run(
            ["debootstrap", "--variant=minbase", SUITE, tree, address],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    for path, content in settings.items():
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    excluded = [f"--exclude={pattern}" for pattern in NOT_IN_SLIM]
    archive = subprocess.run(
        ["tar", "-C", tree, *excluded, "-c", "."], check=True, stdout=subprocess.PIPE
    )
    import_image(name, archive.stdout, digest, "CMD bash")


def debian_settings() -> dict[str, bytes]:
    """Files that make package managers work in the image as they do here, by path below the
    root."""
    sources = (f"deb {' '.join(source)}\n" for source in machine.apt_sources(SUITE))
    settings = {
        "etc/apt/sources.list": "".join(sources).encode(),
        "etc/apt/apt.conf.d/90machine": machine.apt_options().encode(),
        "etc/apt/apt.conf.d/91slim": b'Acquire::Languages "none";\n',
        # As in Debian's own images: without it dpkg waits for the disk with every file.
        "etc/dpkg/dpkg.cfg.d/unsafe-io": b"force-unsafe-io\n",
        "etc/pip.conf": machine.pip_options().encode(),
        "etc/ssl/certs/ca-certificates.crt": Path(
            "/etc/ssl/certs/ca-certificates.crt"
        ).read_bytes(),
    }
    for certificate in sorted(Path("/usr/local/share/ca-certificates").glob("*.crt")):
        settings[str(certificate).lstrip("/")] = certificate.read_bytes()
    return settings


def make_busybox(name: str) -> None:
    """Import the machine's static busybox with a link for each applet."""
    program = Path("/bin/busybox").read_bytes()
    digest = key(hashlib.sha256(program).hexdigest())
    if daemon.label(name, LABEL) == digest:
        return

    files = {
        "bin/busybox": (program, 0o755),
        "etc/passwd": (b"root:x:0:0:root:/root:/bin/sh\n", 0o644),
        "etc/group": (b"root:x:0:\n", 0o644),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder, mode in {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777}.items():
            archive.addfile(entry(folder, tarfile.DIRTYPE, mode))
        for path, (content, mode) in files.items():
            add_file(archive, path, content, mode)
        for applet in machine.output("/bin/busybox", "--list").split():
            if applet != "busybox":
                archive.addfile(entry(f"bin/{applet}", tarfile.SYMTYPE, link="busybox"))
    import_image(name, buffer.getvalue(), digest, "CMD sh")


def alpine_recipe() -> str:
    """A Dockerfile: Debian that answers to Alpine's programs."""
    settings = "".join(
        f'ENV {name}="{os.environ[name]}"\n' for name in PROXIES if os.environ.get(name)
    )
    return (
        "FROM debian:bookworm-slim\n"
        "RUN apt-get -qq update"
        " && apt-get -qq -y --no-install-recommends install ca-certificates netbase tzdata wget"
        " && rm -rf /var/log/*.log /var/log/apt /var/cache/apt/*.bin\n"
        f"{settings}"
        "COPY apk addgroup adduser /usr/local/sbin/\n"
        'CMD ["/bin/sh"]\n'
    )


def go_recipe() -> str:
    """A Dockerfile: the machine's Go in the stand-in for Alpine."""
    settings = "".join(
        f'ENV {name}="{value}"\n'
        for name in GO_SETTINGS
        if (value := machine.output(programs.go(), "env", name))
    )
    return (
        "FROM alpine:3\n"
        "COPY tree/ /usr/local/go/\n"
        f"{settings}"
        "ENV GOTOOLCHAIN=local GOPATH=/go PATH=/go/bin:/usr/local/go/bin:"
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "RUN mkdir -p /go/src /go/bin && chmod -R 1777 /go\n"
        "WORKDIR /go\n"
    )


def build(name: str, recipe: str, files: dict[str, bytes], tree: Path | None = None) -> None:
    """Build an image from a recipe, its files, and a tree as its folder `tree`."""
    parent = recipe.split(maxsplit=2)[1]
    version = "" if tree is None else (tree / "VERSION").read_text()
    digest = key(recipe, str(sorted(files.items())), version, str(daemon.label(parent, LABEL)))
    if daemon.label(name, LABEL) == digest:
        return

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        add_file(archive, "Dockerfile", recipe.encode())
        for path, content in files.items():
            add_file(archive, path, content, 0o755)
        if tree is not None:
            archive.add(tree.resolve(), "tree", filter=without_surplus)
    os.environ["DOCKER_BUILDKIT"] = "1"
    daemon.docker(
        "build", "--network", "host", "--label", f"{LABEL}={digest}", "--tag", name, "-",
        stdin=buffer.getvalue(),
    )  # fmt: skip


def without_surplus(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what of Go's tree no build needs."""
    surplus = ("tree/test", "tree/doc", "tree/api", "tree/misc")
    return None if member.name in surplus else member


def add_file(archive: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    """Add a file to an archive."""
    member = entry(path, tarfile.REGTYPE, mode)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def entry(path: str, kind: bytes, mode: int = 0o777, link: str = "") -> tarfile.TarInfo:
    """An archive entry of root's, with a fixed time."""
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.linkname = kind, mode, link
    return member


def import_image(name: str, archive: bytes, digest: str, change: str) -> None:
    """Import a root file system as an image, marked with what it was made from."""
    changes = ["--change", change, "--change", f"LABEL {LABEL}={digest}"]
    daemon.docker("import", *changes, "-", name, stdin=archive)


def key(*parts: str) -> str:
    """A digest over what an image is made from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
