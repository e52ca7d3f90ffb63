"""The action image is closed: nothing that callers mount, set or bring along stands in its way."""

import functools
import http.server
import json
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

INTERPRETER = "/pybuild/libexec/pybuild"
DEFAULT_CAPABILITIES = "00000000a80425fb"
CONTAINER_FILES = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}


# Where GitHub, GitLab, Kubernetes, Tekton and Kaniko's users mount things.
MOUNT_TARGETS = (
    "/github/workspace",
    "/workspace",
    "/kaniko/.docker/config.json",
    "/builds/group/project",
    "/tmp",
    "/var/run/secrets/kubernetes.io/serviceaccount",
    "/tekton/results",
    "/root/.docker",
    "/home/user",
)


@pytest.fixture(scope="module", params=["docker", "itself"])
def built(request, image):
    """The image as docker builds it, and as the image itself does."""
    if request.param == "docker":
        return image
    return request.getfixturevalue("self_built").reference


@pytest.fixture
def run_image(run_image, built):
    return functools.partial(run_image, built=built)


def run_python(run_image, code, **options):
    return run_image(["-I", "-c", code], entrypoint=INTERPRETER, **options)


def run_shell(run_image, script, **options):
    return run_image(["-c", script], entrypoint="/bin/sh", **options)


def test_the_program_runs(run_image):
    done = run_image(["version"])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("pybuild ")


def test_kanikos_path_runs_the_program(run_image):
    done = run_image(["version"], entrypoint="/kaniko/executor")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_nothing_is_written_when_the_program_starts(built):
    docker = functools.partial(subprocess.run, check=True, capture_output=True, text=True)
    container = docker(["/usr/bin/docker", "create", "--network", "host", built, "version"])
    name = container.stdout.strip()
    try:
        docker(["/usr/bin/docker", "start", "--attach", name])
        changed = docker(["/usr/bin/docker", "diff", name]).stdout.split()[1::2]
    finally:
        docker(["/usr/bin/docker", "rm", "--force", name])

    assert [path for path in changed if path.startswith("/pybuild")] == []


def test_the_root_is_nothing_but_links(run_image):
    code = (
        "import json, os; print(json.dumps({each.name: os.readlink(each.path) if each.is_symlink()"
        " else '' for each in os.scandir('/')}))"
    )

    entries = json.loads(run_python(run_image, code).stdout)

    others = {name for name, target in entries.items() if target != f"pybuild/own/{name}"}
    assert others == {"pybuild", "proc", "sys", "dev", "etc", ".dockerenv"}


def test_what_callers_mount_lands_in_the_prefix(run_image, tmp_path):
    mounts = {Path("/var/run/docker.sock"): "/var/run/docker.sock"}
    for number, target in enumerate(MOUNT_TARGETS):
        source = tmp_path / str(number)
        source.touch() if target.endswith(".json") else source.mkdir()
        mounts[source] = target

    done = run_shell(run_image, "cat /proc/self/mountinfo", mounts=mounts)

    points = {line.split()[4] for line in done.stdout.splitlines()} - {"/"}
    outside = {point for point in points if point.split("/")[1] not in {"proc", "sys", "dev"}}
    assert "/pybuild/own/run/docker.sock" in outside
    assert {point for point in outside if not point.startswith("/pybuild/own/")} == CONTAINER_FILES
    assert len(outside - CONTAINER_FILES) == len(mounts)


def test_no_process_is_called_python(run_image):
    code = (
        "import os, sys; print(open('/proc/self/comm').read().strip(),"
        " os.readlink('/proc/self/exe'), sys.executable)"
    )

    assert run_python(run_image, code).stdout.split() == ["pybuild", INTERPRETER, INTERPRETER]
    first_line = run_shell(run_image, "head -n 1 /pybuild/bin/pybuild").stdout
    assert first_line.startswith(f"#!{INTERPRETER} ")


def test_the_interpreter_can_start_a_module_of_ours(run_image):
    code = (
        "import subprocess, sys; print(subprocess.run([sys.executable, '-I', '-c',"
        " 'import pybuild; print(pybuild.__file__)'], capture_output=True, text=True).stdout)"
    )

    assert run_python(run_image, code).stdout.strip().startswith("/pybuild/lib/")


def test_all_libraries_are_there(run_image):
    code = (
        "import actions_toolkit.core, backports.zstd, boto3, bz2, ctypes, git, isal.igzip, lzma,"
        " rich.console, ssl, urllib3\n"
        "for name in ('s3', 'sts', 'ecr'): boto3.client(name, 'eu-west-1')\n"
        "print('all')"
    )

    done = run_python(run_image, code)

    assert (done.stdout, done.stderr) == ("all\n", "")


def test_the_container_has_default_rights(run_image):
    status = run_shell(run_image, "grep CapEff /proc/self/status").stdout

    assert status.split()[1] == DEFAULT_CAPABILITIES


@pytest.mark.parametrize("shell", ["/bin/sh", "sh", "/busybox/sh", "/pybuild/bin/sh"])
def test_runners_find_a_shell(run_image, shell):
    script = (
        "pwd && cat /dev/null && tar --help 2>/dev/null; mkdir -p a/b && env true && git --version"
    )

    done = run_image(["-c", script], entrypoint=shell)

    assert done.returncode == 0, done.stderr
    assert "git version" in done.stdout


def test_the_home_and_the_working_directory_are_those_of_kaniko(run_image):
    done = run_shell(run_image, "cd && pwd && echo $USER && cd - >/dev/null && pwd -P")

    assert done.stdout.split() == ["/root", "root", "/pybuild/own/workspace"]


HOSTILE_FILES = {
    "/etc/ld.so.preload": "/tmp/not-there.so\n",
    "/etc/nsswitch.conf": "passwd: nowhere\nhosts: nowhere\n",
    "/etc/passwd": "not a line of accounts\n",
    "/etc/gitconfig": "[this is no configuration\n",
    "/etc/ssl/openssl.cnf": "openssl_conf = missing\n[missing\n",
    "/etc/ssl/certs/ca-certificates.crt": "no certificate\n",
    "/etc/ssh/ssh_config": "NoSuchOption yes\n",
    "/etc/python3.11/sitecustomize.py": "raise SystemExit('theirs')\n",
    "/usr/lib/python3.11/sitecustomize.py": "raise SystemExit('theirs')\n",
    "/usr/lib/ssl/openssl.cnf": "openssl_conf = missing\n[missing\n",
}


def test_files_of_another_image_steer_nothing(run_image, tmp_path):
    mounts = {}
    for number, (target, content) in enumerate(HOSTILE_FILES.items()):
        source = tmp_path / str(number)
        source.write_text(content)
        mounts[source] = target
    script = (
        "pybuild version && git init -q /tmp/repository && ssh -T -G nobody@localhost >/dev/null"
        f" && {INTERPRETER} -I -c 'import pwd, socket, ssl;"
        ' assert pwd.getpwuid(0).pw_name == "root"; assert socket.getaddrinfo("localhost", 80);'
        " assert ssl.create_default_context().get_ca_certs()'"
    )

    done = run_shell(run_image, script, mounts=mounts)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_environment_without_ours_does_no_harm(run_image):
    script = (
        "exec env -i /pybuild/bin/busybox sh -c 'unset PATH; /pybuild/bin/pybuild version"
        " && /pybuild/bin/git --exec-path'"
    )

    done = run_shell(run_image, script)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "/pybuild/git-core"


def bare_repository(folder):
    """A repository with one commit, as a bare one that any web server can serve."""
    work, bare = folder / "work", folder / "served" / "repository.git"
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    git = functools.partial(subprocess.run, check=True, capture_output=True)
    git(["git", "init", "-q", "-b", "main", work])
    (work / "Dockerfile").write_text("FROM scratch\n")
    git(["git", "-C", work, "add", "."])
    git(["git", "-C", work, *identity, "commit", "-q", "-m", "first"])
    git(["git", "clone", "-q", "--bare", work, bare])
    git(["git", "-C", bare, "update-server-info"])
    return bare


def test_git_talks_to_a_host_that_wants_a_token(run_image, git_http):
    bare_repository(git_http.root).rename(git_http.root / "repository.git")
    address = f"http://any:{git_http.token}@127.0.0.1:{git_http.port}/repository.git"

    done = run_image(["ls-remote", address], entrypoint="/pybuild/bin/git")

    assert done.returncode == 0, done.stderr
    assert "refs/heads/main" in done.stdout


def test_git_knows_submodules(run_image):
    script = (
        "git init -q inner && git init -q outer && cd inner"
        " && git -c user.name=me -c user.email=me@example.org commit -q --allow-empty -m first"
        " && cd ../outer && git -c protocol.file.allow=always submodule --quiet add ../inner inner"
        " && git submodule status"
    )

    done = run_shell(run_image, script)

    assert done.returncode == 0, done.stderr
    assert "inner (heads/" in done.stdout


@pytest.fixture
def tls_host(tmp_path):
    """A web server with a certificate of its own, which serves a repository: (address,
    certificate)."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    request = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        "-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", key, "-out", certificate,
    ]  # fmt: skip
    subprocess.run(request, check=True, capture_output=True)
    served = bare_repository(tmp_path).parent

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = functools.partial(QuietHandler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}/repository.git", certificate
        server.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        """Say nothing."""


FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1] + '/HEAD').status)"


def fetch_both(run_image, address, **options):
    """Read the repository with git and with Python."""
    by_git = run_image(["ls-remote", address], entrypoint="/pybuild/bin/git", **options)
    by_python = run_image(["-I", "-c", FETCH, address], entrypoint=INTERPRETER, **options)
    return by_git, by_python


def test_an_unknown_certificate_is_refused(run_image, tls_host):
    by_git, by_python = fetch_both(run_image, tls_host[0])

    assert by_git.returncode == 128
    assert "certificate" in by_git.stderr
    assert by_python.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in by_python.stderr


def test_a_bundle_mounted_at_kanikos_place_is_trusted(run_image, tls_host):
    address, certificate = tls_host
    mounts = {certificate: "/kaniko/ssl/certs/ca-certificates.crt:ro"}

    by_git, by_python = fetch_both(run_image, address, mounts=mounts)

    assert (by_git.returncode, by_python.returncode) == (0, 0), by_git.stderr + by_python.stderr


def test_a_certificate_appended_at_kanikos_place_is_trusted(run_image, tls_host):
    address, certificate = tls_host
    script = (
        "cat /home/certificate >> /kaniko/ssl/certs/ca-certificates.crt"
        f' && git ls-remote {address} && {INTERPRETER} -I -c "$1" {address}'
    )

    done = run_image(
        ["-c", script, "sh", FETCH],
        entrypoint="/bin/sh",
        mounts={certificate: "/home/certificate"},
    )

    assert done.returncode == 0, done.stderr
