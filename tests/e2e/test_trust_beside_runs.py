"""TLS of the builder's own while a RUN is at work: an image's files neither break nor widen what
the builder believes."""

import contextlib
import subprocess

import pytest

from e2e import images
from e2e.builds import Build, succeeded
from tools.certificates import new_authority
from tools.docker_registry import docker_registry
from tools.faulty_proxy import FaultyProxy, Trouble

NAMES = ("DNS:localhost", "IP:127.0.0.1")

# Every place where one system or another looks for authorities, Kaniko's and a caller's own too.
PLANTED = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/usr/lib/ssl/cert.pem",
    "/kaniko/ssl/certs/ca-certificates.crt",
    "/certificates/ca.pem",
    "/workspace/ca.pem",
)
TEXT = f"""
FROM {{library}}/busybox:latest
COPY planted.pem /planted.pem
ENV SSL_CERT_FILE=/planted.pem SSL_CERT_DIR=/etc/ssl/certs
RUN for file in {" ".join(PLANTED)}; do mkdir -p "${{file%/*}}" && cp /planted.pem "$file"; done; \\
    cp /planted.pem /etc/ssl/certs/HASH.0; mkdir -p /usr/lib/ssl/certs; \\
    cp /planted.pem /usr/lib/ssl/certs/HASH.0; \\
    echo 'openssl_conf = none' > /etc/ssl/openssl.cnf; cp /etc/ssl/openssl.cnf /usr/lib/ssl; \\
    echo 'hosts: nowhere' > /etc/nsswitch.conf; echo nameserver 192.0.2.1 > /etc/resolv.conf; \\
    mkdir -p /usr/lib/x86_64-linux-gnu/gconv; \\
    echo no > /usr/lib/x86_64-linux-gnu/gconv/gconv-modules; echo /no.so > /etc/ld.so.preload
RUN sleep 2; echo end > /end
"""


@pytest.fixture(scope="module")
def believed(tmp_path_factory):
    """The authority that the caller names."""
    return new_authority(tmp_path_factory.mktemp("believed"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """The authority that the image brings."""
    return new_authority(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def certificate(believed):
    return believed.issue("server", *NAMES)


@pytest.fixture(scope="module")
def strange_certificate(planted):
    return planted.issue("server", *NAMES)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    with docker_registry(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture
def reference(upstream, repository):
    """The image, where nobody asks for TLS."""
    return f"{upstream.host}/{repository}:v1"


@contextlib.contextmanager
def two_servers(upstream, first, second):
    """A registry over TLS whose uploads go to a second server: the builder meets that one for the
    first time when a RUN has begun."""
    with (
        FaultyProxy(upstream.host, [], second) as to,
        FaultyProxy(upstream.host, [], first) as begin,
    ):
        begin.troubles += [
            # The question before anything runs: whether the repository may be written.
            Trouble("^POST .*/blobs/uploads", times=1),
            Trouble("^POST .*/blobs/uploads", elsewhere=to.host),
        ]
        yield begin, to


def name_by_hash(authority):
    """The name by which OpenSSL looks for an authority in a directory."""
    command = ["openssl", "x509", "-hash", "-noout", "-in", authority.file]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def build(run_image, open_registry, tmp_path, repository, believed, planted):
    """Build and push to a host, with the believed authority's file at a place."""

    def run(host, place):
        made = Build(run_image, open_registry, tmp_path / "project", f"{host}/{repository}:v1")
        return made(
            TEXT.replace("HASH", name_by_hash(planted)),
            files={"planted.pem": planted.file.read_text()},
            mounts={believed.file: f"{place}:ro"},
            more=["--registry-certificate", f"{host}={place}"],
        )

    return run


# Where the image has a file of that name too, at the top and below a link of ours.
PLACES = ["/certificates/ca.pem", "/kaniko/ssl/certs/ca-certificates.crt"]


@pytest.mark.parametrize("place", PLACES)
def test_a_private_authority_is_believed_whatever_the_image_has_at_its_place(
    build, upstream, certificate, reference, place
):
    with two_servers(upstream, certificate, certificate) as (first, _):
        succeeded(build(first.host, place))
    assert len(first.struck) > 2
    assert images.has_tag(reference)


@pytest.mark.parametrize("place", PLACES)
def test_an_authority_that_the_image_brings_is_not_believed(
    build, upstream, certificate, strange_certificate, reference, place
):
    with two_servers(upstream, certificate, strange_certificate) as (first, second):
        done = build(first.host, place)
    assert done.returncode == 5, done.stderr
    assert "is not trusted" in done.stderr
    assert second.host in done.stderr
    assert not images.has_tag(reference)
