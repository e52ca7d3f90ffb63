"""The machine the tests run on: its packages, its settings for package managers, and our cache
folder on it."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# In the order of installation; `busybox-static` and `busybox` exclude each other.
PACKAGES = (
    "apache2-utils", "busybox-static", "ca-certificates", "debootstrap", "docker.io",
    "docker-registry", "git", "iptables", "skopeo", "uidmap", "umoci",
)  # fmt: skip

# Others, such as `find-links`, may name folders of this machine.
PIP_OPTIONS = {"cert", "extra-index-url", "index-url", "proxy", "trusted-host"}


def cache() -> Path:
    """The folder that outlives a test run."""
    default = Path.home() / ".cache" / "pybuild-tests"
    folder = Path(os.environ.get("PYBUILD_TEST_CACHE") or default)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the cache folder's lock: two test runs may start on one machine."""
    with (cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def output(*command: str | Path) -> str:
    """What a command prints; it must succeed."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def ensure_packages() -> None:
    """Install the packages that are missing, without starting what they would start."""
    missing = [
        name
        for name in PACKAGES
        if not is_installed(name) and not (name == "docker.io" and shutil.which("dockerd"))
    ]
    if not missing:
        return

    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        subprocess.run(
            ["apt-get", "-qq", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL
        )


def is_installed(package: str) -> bool:
    """Whether dpkg knows the package as installed."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    found = subprocess.run(query, check=False, capture_output=True, text=True)
    return found.stdout == "installed"


def apt_sources(suite: str) -> list[tuple[str, str, str]]:
    """The machine's Debian archives as (address, suite, component), for another suite of Debian."""
    own = os_release()["VERSION_CODENAME"]
    targets = output(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages", "Origin: Debian",
    )  # fmt: skip
    if not targets:
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        return apt_sources(suite)
    return [
        (address, release.replace(own, suite), component)
        for address, release, component in map(str.split, targets.splitlines())
        if release.startswith(own)
    ]


def apt_options() -> str:
    """The machine's own ways of fetching packages, as an apt configuration file."""
    wanted = ("Acquire::Check-", "Acquire::http", "Acquire::https", "Acquire::Languages")
    dump = output("apt-config", "dump", "Acquire").splitlines()
    return "".join(f"{line}\n" for line in dump if line.startswith(wanted))


def pip_options() -> str:
    """Where the machine's pip finds packages, as a configuration file."""
    options = {}
    for line in output("python3", "-m", "pip", "config", "list").splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if option in PIP_OPTIONS:
            options[option] = value.strip("'")
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in options.items())


def os_release() -> dict[str, str]:
    """The fields of `/etc/os-release`."""
    pairs = (line.partition("=") for line in Path("/etc/os-release").read_text().splitlines())
    return {name: value.strip('"') for name, _, value in pairs}
