"""A real Docker daemon takes what is exported, and gives the same files back."""

import io
import json
import os
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
from isal import igzip

from pybuild.archive.zstd import ZstdCompressor
from pybuild.errors import StateError
from pybuild.layers.whiteouts import decode
from pybuild.oci import media
from pybuild.oci.manifest import Manifest
from pybuild.oci.reference import Reference
from pybuild.store.daemon import load
from pybuild.store.export import ExportImage, export_docker
from pybuild.store.files_directory import export_local
from pybuild.store.files_tar import export_tar
from pybuild.tree.entry import Entry, Kind
from tools.images import describe
from tools.layer_samples import S, tar_of, walk
from tools.services import __main__ as services
from tools.services.daemon import DOCKER, SOCKET, docker

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service=ep


@pytest.fixture(scope="module", autouse=True)
def daemon_ready():
    services.main(["packages", "dockerd"])


@pytest.fixture
def names():
    """Two names for an image, which are removed from the daemon afterwards."""
    mark = os.urandom(4).hex()
    tags = tuple(map(Reference.parse, (f"pybuild-test/{mark}:1", f"127.0.0.1:5000/a/{mark}:two")))
    yield tags
    subprocess.run([DOCKER, "rmi", "-f", *map(shown, tags)], check=False, capture_output=True)


def shown(tag):
    return str(tag).removeprefix("docker.io/")


def compress_zstd(data):
    compressor = ZstdCompressor()
    return compressor.compress(data) + compressor.flush()


COMPRESSIONS = {
    media.OCI_LAYER_GZIP: lambda data: igzip.compress(data, 1),
    media.OCI_LAYER: lambda data: data,
    media.OCI_LAYER_ZSTD: compress_zstd,
}


def make_image(tars, layer_type=media.OCI_LAYER_GZIP):
    """An image of these layers that runs busybox, and what opens its blobs."""
    blobs = [COMPRESSIONS[layer_type](data) for data in tars]
    config = json.dumps(
        {
            "os": "linux",
            "architecture": json.loads(docker("version", "--format", "{{json .Server.Arch}}")),
            "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/busybox", "cat", "/word"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + sha256(data).hexdigest() for data in tars],
            },
        }
    ).encode()
    layers = tuple(describe(blob, layer_type) for blob in blobs)
    about_config = describe(config, media.OCI_CONFIG)
    manifest = Manifest(media.OCI_MANIFEST, about_config, layers).to_bytes()
    image = ExportImage(
        describe(manifest, media.OCI_MANIFEST), manifest, about_config, config, layers
    )
    by_digest = dict(zip((layer.digest for layer in layers), blobs, strict=True))
    return image, lambda blob: iter([by_digest[blob.digest]])


def file(path, data=b"", mode=0o644, uid=0, gid=0, **fields):
    return Entry(path, Kind.FILE, mode, uid, gid, 5 * S, len(data), **fields), data


def special(path, kind, mode=0o644, uid=0, gid=0, **fields):
    return Entry(path, kind, mode, uid, gid, 7 * S, **fields), b""


def hard_link(path, target, mode=0o644, uid=0, gid=0):
    # Docker gives the file what the link's header says, so that is the same, as in real layers.
    return Entry(path, Kind.HARDLINK, mode, uid, gid, 5 * S, link=target), b""


def directory(path, mode=0o755, uid=0, gid=0):
    return special(path, Kind.DIRECTORY, mode, uid, gid)


def base(word):
    program = Path("/bin/busybox").read_bytes()
    return [
        directory(b"bin"),
        file(b"bin/busybox", program, 0o755),
        special(b"bin/sh", Kind.SYMLINK, 0o777, link=b"busybox"),
        *(directory(name) for name in (b"dev", b"etc", b"proc", b"sys")),
        file(b"word", word),
    ]


def nasty_layers():
    """Everything that a later layer can do to an earlier one, and every kind of file.

    Parents are named in each layer, as builders do: Docker makes others anew.
    """
    mark = os.urandom(8)
    return [
        tar_of(
            *base(mark),
            directory(b"d", 0o1777),
            file(b"d/gone", b"gone"),
            file(b"d/replaced", b"old", 0o600, 1, 2),
            file(b"d/first", b"shared", 0o640, 3, 4),
            hard_link(b"d/second", b"d/first", 0o640, 3, 4),
            directory(b"opaque", 0o700, 5, 6),
            file(b"opaque/hidden", b"hidden"),
            directory(b"becomes-file"),
            file(b"becomes-file/x", b"x"),
            file(b"becomes-directory", b"x"),
            directory(b"tree"),
            directory(b"tree/deep"),
            file(b"tree/deep/x", b"x"),
        ),
        tar_of(
            directory(b"d", 0o1777),
            file(b"d/.wh.gone"),
            file(b"d/replaced", b"new", 0o4711, 1000, 2000),
            directory(b"opaque", 0o750, 7, 8),
            file(b"opaque/.wh..wh..opq"),
            file(b"opaque/seen", b"seen"),
            file(b"becomes-file", b"a file", 0o755),
            directory(b"becomes-directory", 0o2755, 9, 10),
            file(b"becomes-directory/x", b"inside"),
            file(b".wh.tree"),
            special(b"null", Kind.CHARACTER_DEVICE, 0o666, device=(1, 3)),
            special(b"disk", Kind.BLOCK_DEVICE, 0o660, 0, 6, device=(8, 1)),
            special(b"pipe", Kind.FIFO, 0o622, 11, 12),
            special(b"dangling", Kind.SYMLINK, 0o777, 13, 14, link=b"/no/where"),
            file(b"capable", b"x", 0o755, xattrs=((b"security.capability", CAPABILITY),)),
        ),
        tar_of(
            directory(b"tree"),
            file(b"tree/new", b"new"),
            directory(b"d", 0o1777),
            file(b"d/first", b"no longer shared", 0o644, 15, 16),
            file(b"n" * 255, b"long name"),
            file(b"empty"),
            hard_link(b"empty-too", b"empty"),
            file(b"large", mark * 300_000),
            directory(b"\xc3\xa4"),
            file(b"\xc3\xa4/\xf0\x9f\x90\xb3", b"whale"),
        ),
    ]


@pytest.mark.parametrize("layer_type", [media.OCI_LAYER_GZIP, media.OCI_LAYER])
def test_docker_load_takes_an_archive_under_all_its_names(tmp_path, names, layer_type):
    word = os.urandom(8).hex().encode()
    image, open_blob = make_image([tar_of(*base(word)), tar_of(file(b"x", word))], layer_type)
    export_docker(image, tmp_path / "image.tar", tags=names, open_blob=open_blob)
    said = docker("load", "--input", tmp_path / "image.tar")
    assert said.splitlines() == [f"Loaded image: {shown(name)}" for name in names]
    for name in map(shown, names):
        assert docker("image", "inspect", "--format", "{{.Id}}", name) == image.config.digest
        assert docker("run", "--rm", "--network", "none", name) == word.decode()


def test_docker_load_takes_an_archive_without_a_name(tmp_path):
    image, open_blob = make_image([tar_of(*base(os.urandom(8)))])
    export_docker(image, tmp_path / "image.tar", tags=(), open_blob=open_blob)
    said = docker("load", "--input", tmp_path / "image.tar")
    assert said == f"Loaded image ID: {image.config.digest}"
    docker("rmi", image.config.digest)


def test_load_puts_an_image_into_the_daemon_under_all_its_names(names):
    word = os.urandom(8).hex().encode()
    layer = tar_of(*base(word))
    image, open_blob = make_image([layer, tar_of(file(b"x")), layer])
    said = load(image, SOCKET, tags=names, open_blob=open_blob)
    assert said.splitlines() == [f"Loaded image: {shown(name)}" for name in names]
    for name in map(shown, names):
        assert docker("image", "inspect", "--format", "{{.Id}}", name) == image.config.digest
        assert docker("run", "--rm", "--network", "none", name) == word.decode()


def test_an_old_daemon_says_what_it_cannot_read_and_a_new_one_reads_it(names):
    image, open_blob = make_image([tar_of(*base(os.urandom(8)))], media.OCI_LAYER_ZSTD)
    if int(docker("version", "--format", "{{.Server.Version}}").partition(".")[0]) < 23:
        with pytest.raises(StateError, match="Error processing tar file") as caught:
            load(image, SOCKET, tags=names, open_blob=open_blob)
        assert "reads no zstd layers: use compression=gzip" in caught.value.hint
    else:
        load(image, SOCKET, tags=names, open_blob=open_blob)
        assert docker("image", "inspect", "--format", "{{.Id}}", shown(names[0]))


def test_a_daemon_that_refuses_an_image_says_why(names):
    image, open_blob = make_image([b"no tar at all" * 100])
    with pytest.raises(StateError, match=r"did not load the image: .+"):
        load(image, SOCKET, tags=names, open_blob=open_blob)


# What Docker puts into every container's tree, and the directories it does that in.
DOCKERS_OWN = {
    ".dockerenv", "dev/console", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts", "etc/mtab",
    "etc/resolv.conf", "dev", "etc", "proc", "sys",
}  # fmt: skip


def described(archive):
    """Names with all that a header says; those of one file with the first of them."""
    found, firsts = {}, {}
    for info in archive:
        same = firsts.setdefault(info.linkname if info.islnk() else info.name, info.name)
        if info.islnk():
            first = found[same]
            found[info.name] = first
            group = min(info.name, first["same"])
            first["same"] = group
            continue
        found[info.name] = {
            "type": info.type,
            "mode": info.mode & 0o7777,  # Docker writes the type, too
            "owner": (info.uid, info.gid),
            "time": int(info.mtime),
            "link": info.linkname,
            "device": (info.devmajor, info.devminor),
            "capability": info.pax_headers.get("SCHILY.xattr.security.capability"),
            "content": archive.extractfile(info).read() if info.isreg() else b"",
            "same": info.name,
        }
    return {name: value for name, value in found.items() if name not in DOCKERS_OWN}


def test_the_tar_is_what_docker_exports(tmp_path, names):
    layers = nasty_layers()
    image, open_blob = make_image(layers)
    load(image, SOCKET, tags=names, open_blob=open_blob)
    container = docker("create", "--network", "none", shown(names[0]))
    try:
        exported = subprocess.run(
            [DOCKER, "export", container], check=True, capture_output=True
        ).stdout
    finally:
        docker("rm", container)
    export_tar([opened(data) for data in layers], tmp_path / "files.tar", decode=decode)
    with (
        tarfile.open(fileobj=io.BytesIO(exported)) as theirs,
        tarfile.open(tmp_path / "files.tar") as ours,
    ):
        expected, found = described(theirs), described(ours)
    assert sorted(found) == sorted(expected)
    assert found == expected
    assert found["empty"]["same"] == found["empty-too"]["same"] == "empty"
    assert found["capable"]["capability"]
    assert found["d/second"]["content"] == b"shared"


def opened(data):
    return lambda: iter([data])


@pytest.mark.skipif(os.geteuid() != 0, reason="makes devices")
def test_gnu_tar_and_the_directory_give_the_same_tree(tmp_path):
    layers = [opened(data) for data in nasty_layers()]
    export_tar(layers, tmp_path / "files.tar", decode=decode)
    (tmp_path / "gnu").mkdir()
    command = ["tar", "--extract", "--preserve-permissions", "--xattrs", "--xattrs-include=*"]
    subprocess.run([*command, "-f", tmp_path / "files.tar", "-C", tmp_path / "gnu"], check=True)
    export_local(layers, tmp_path / "local", decode=decode, warn=pytest.fail)
    theirs, ours = walk(tmp_path / "gnu"), walk(tmp_path / "local")
    assert sorted(ours) == sorted(theirs)
    for path, (kind, mode, uid, gid, *rest) in theirs.items():
        lent = (0 if uid == 0 else 0o4000) | (0 if gid == 0 else 0o2000)
        assert ours[path] == (kind, mode & ~lent, 0, 0, *rest), path
    capable = tmp_path / "local" / "capable"
    assert os.getxattr(capable, "security.capability") == CAPABILITY
