"""Paths compiled into programs are exchanged for paths in the prefix."""

import pytest
from image.closure import close_paths
from image.layout import library_folder

FOLDER = library_folder().encode()


@pytest.mark.parametrize(
    ("compiled", "closed"),
    [
        (b"/etc/ld.so.preload", b"/pybuild/o.preload"),
        (b"/etc/nsswitch.conf", b"/pybuild/itch.conf"),
        (b"/etc/passwd", b"/pybuild/wd"),
        (b"/etc/gitconfig", b"/pybuild/onfig"),
        (b"/etc/ssh/ssh_config", b"/pybuild/ssh_config"),
        (b"/etc/ssl/certs/ca-certificates.crt", b"/pybuild/certs/ca-certificates.crt"),
        (b"/usr/lib/git-core", b"/pybuild/git-core"),
        (b"/usr/lib/ssl/cert.pem", b"/pybuild/ssl/cert.pem"),
        (b"/usr/share/locale", b"/pybuild/s/locale"),
        (b"FILE:/etc/krb5.keytab", b"FILE:/pybuild/.keytab"),
    ],
)
def test_a_path_that_an_image_could_provide_leads_into_the_prefix(compiled, closed):
    assert close_paths(b"x\0" + compiled + b"\0y") == b"x\0" + closed + b"\0y"


@pytest.mark.parametrize("path", [b"/etc/hosts", b"/etc/resolv.conf", b"/proc/self/exe", b"/etc"])
def test_a_path_of_the_container_stays(path):
    assert close_paths(path + b"\0") == path + b"\0"


def test_the_loader_searches_no_folder_of_the_image():
    system = b"/lib/%s/\0/usr/lib/%s/\0/lib/\0/usr/lib/\0" % (FOLDER, FOLDER)

    closed = close_paths(b"\0" + system)

    assert len(closed) == len(system) + 1
    for folder in closed.strip(b"\0").split(b"\0"):
        assert folder.startswith((b"/pybuild/", b"/sys/"))
