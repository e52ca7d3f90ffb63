"""Exports: what other tools load, the same bytes each time, and never a half of it."""

import hashlib
import io
import json
import os
import tarfile

import pytest

from pybuild.errors import IntegrityError, StateError, UsageError
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor, Manifest
from pybuild.oci.reference import Reference
from pybuild.store.export import ExportImage, export_docker, export_oci
from tools.images import describe

LAYERS = [b"first layer", b"second layer" * 1000]
CONFIG = b'{"config":{}}'
TAGS = (Reference.parse("example.com/a/b:1.0"), Reference.parse("busybox"))


def hex_of(data):
    return hashlib.sha256(data).hexdigest()


LAYER_BLOBS = tuple(describe(data) for data in (*LAYERS, LAYERS[0]))
CONFIG_BLOB = describe(CONFIG, media.OCI_CONFIG)
MANIFEST = Manifest(media.OCI_MANIFEST, CONFIG_BLOB, LAYER_BLOBS).to_bytes()
MANIFEST_BLOB = describe(MANIFEST, media.OCI_MANIFEST)
IMAGE = ExportImage(MANIFEST_BLOB, MANIFEST, CONFIG_BLOB, CONFIG, LAYER_BLOBS)


def open_blob(descriptor):
    data = next(data for data in LAYERS if describe(data).digest == descriptor.digest)
    return iter([data[:5], data[5:]])


def write(kind, destination, tags=TAGS, source=open_blob):
    if kind == "docker":
        export_docker(IMAGE, destination, tags=tags, open_blob=source)
    else:
        export_oci(IMAGE, destination, tar=kind == "oci tar", tags=tags, open_blob=source)


def contents(path):
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        return {str(file.relative_to(path)): file.read_bytes() for file in files}
    with tarfile.open(path) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive if info.isfile()}


BLOBS = {f"blobs/sha256/{hex_of(data)}": data for data in (*LAYERS, CONFIG, MANIFEST)}
KINDS = ["oci tar", "oci directory", "docker"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_an_oci_layout(tmp_path, kind):
    destination = tmp_path / "new" / "deep" / "image"
    write(kind, destination)
    files = contents(destination)
    index = json.loads(files.pop("index.json"))
    files.pop("manifest.json", None)
    assert files.pop("oci-layout") == b'{"imageLayoutVersion":"1.0.0"}'
    assert files == BLOBS
    assert [(entry["digest"], entry["annotations"]) for entry in index["manifests"]] == [
        (
            MANIFEST_BLOB.digest,
            {
                "io.containerd.image.name": "example.com/a/b:1.0",
                "org.opencontainers.image.ref.name": "1.0",
            },
        ),
        (
            MANIFEST_BLOB.digest,
            {
                "io.containerd.image.name": "docker.io/library/busybox:latest",
                "org.opencontainers.image.ref.name": "latest",
            },
        ),
    ]
    assert [path.name for path in destination.parent.iterdir()] == ["image"]


def test_docker_finds_its_own_manifest(tmp_path):
    write("docker", tmp_path / "image.tar")
    assert json.loads(contents(tmp_path / "image.tar")["manifest.json"]) == [
        {
            "Config": f"blobs/sha256/{hex_of(CONFIG)}",
            "RepoTags": ["example.com/a/b:1.0", "docker.io/library/busybox:latest"],
            "Layers": [f"blobs/sha256/{hex_of(data)}" for data in (*LAYERS, LAYERS[0])],
        }
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_without_a_name_is_exported_without_one(tmp_path, kind):
    write(kind, tmp_path / "image", tags=(Reference.parse("a@" + MANIFEST_BLOB.digest),))
    files = contents(tmp_path / "image")
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert "annotations" not in entry
    if kind == "docker":
        assert json.loads(files["manifest.json"])[0]["RepoTags"] is None


@pytest.mark.parametrize("kind", ["oci tar", "docker"])
def test_tars_are_the_same_each_time(tmp_path, kind):
    write(kind, tmp_path / "1.tar")
    write(kind, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    with tarfile.open(tmp_path / "1.tar") as archive:
        members = archive.getmembers()
    assert {(info.mtime, info.uid, info.gid, info.uname) for info in members} == {(0, 0, 0, "")}
    assert [info.name for info in members] == sorted(info.name for info in members)


@pytest.mark.parametrize("kind", ["oci tar", "docker"])
def test_a_tar_replaces_the_one_that_was_there(tmp_path, kind):
    (tmp_path / "image.tar").write_bytes(b"old")
    write(kind, tmp_path / "image.tar")
    assert "oci-layout" in contents(tmp_path / "image.tar")
    assert (tmp_path / "image.tar").stat().st_mode & 0o777 == 0o644


def broken(_descriptor):
    yield b"first"
    raise IntegrityError("the blob is damaged")


def wrong(_descriptor):
    return iter([b"something else"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", [broken, wrong])
@pytest.mark.parametrize("existing", [True, False])
def test_nothing_half_written_is_left(tmp_path, kind, source, existing):
    destination = tmp_path / "image"
    before = {}
    if existing:
        export_oci(IMAGE, destination, tar=kind != "oci directory", tags=(), open_blob=open_blob)
        before = contents(destination)
    with pytest.raises(IntegrityError):
        write(kind, destination, source=source)
    if existing:
        assert contents(destination) == before
    else:
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_layout_is_what_it_was_when_another_image_fails(tmp_path):
    write("oci directory", tmp_path / "image")
    before = contents(tmp_path / "image")
    fine, damaged = sorted([b"one", b"two"], key=hex_of)  # blobs are written in this order
    image = ExportImage(
        MANIFEST_BLOB, MANIFEST, CONFIG_BLOB, CONFIG, (describe(fine), describe(damaged))
    )
    with pytest.raises(IntegrityError, match="expected"):
        export_oci(image, tmp_path / "image", tar=False, tags=(), open_blob=lambda _: iter([fine]))
    assert contents(tmp_path / "image") == before


def test_a_layout_gets_the_new_image_as_its_only_one(tmp_path):
    write("oci directory", tmp_path / "image", tags=())
    write("oci directory", tmp_path / "image", tags=TAGS[:1])
    files = contents(tmp_path / "image")
    assert len(json.loads(files["index.json"])["manifests"]) == 1
    assert b"example.com/a/b:1.0" in files["index.json"]


def test_an_empty_directory_is_filled(tmp_path):
    write("oci directory", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_a_directory_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "precious").write_bytes(b"")
    with pytest.raises(StateError, match="the directory is not empty") as caught:
        write("oci directory", tmp_path)
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_destination_below_a_file_is_a_state_error(tmp_path, kind):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match=r"cannot write .*/file/image"):
        write(kind, tmp_path / "file" / "image")


def test_a_size_that_is_not_the_blobs_is_an_error(tmp_path):
    layers = tuple(Descriptor(b.media_type, b.digest, b.size_bytes + 1) for b in LAYER_BLOBS)
    image = ExportImage(MANIFEST_BLOB, MANIFEST, CONFIG_BLOB, CONFIG, layers)
    for tar in (True, False):
        with pytest.raises(IntegrityError, match="bytes"):
            export_oci(image, tmp_path / f"{tar}", tar=tar, tags=(), open_blob=open_blob)


@pytest.mark.parametrize("kind", ["oci tar", "docker"])
def test_a_tar_can_go_to_a_stream(tmp_path, kind):
    write(kind, tmp_path / "image.tar")
    stream = io.BytesIO()
    write(kind, stream)
    assert stream.getvalue() == (tmp_path / "image.tar").read_bytes()


def test_a_directory_cannot_go_to_a_stream():
    with pytest.raises(UsageError, match="cannot be written to a stream"):
        write("oci directory", io.BytesIO())


def test_what_a_killed_export_left_in_a_layout_is_removed(tmp_path):
    write("oci directory", tmp_path / "image")
    before = contents(tmp_path / "image")
    (tmp_path / "image" / ".new-abandoned").write_bytes(b"half a blob")
    write("oci directory", tmp_path / "image")
    assert contents(tmp_path / "image") == before


def test_an_archive_with_zstd_layers_is_warned_about(tmp_path):
    said = []
    zstd = tuple(describe(data, media.OCI_LAYER_ZSTD) for data in LAYERS)
    for layers in (LAYER_BLOBS, zstd):
        image = ExportImage(MANIFEST_BLOB, MANIFEST, CONFIG_BLOB, CONFIG, layers)
        export_docker(image, tmp_path / "x", tags=(), open_blob=open_blob, warn=said.append)
    assert said == [
        (
            "Docker before version 23 reads no zstd layers: the archive has some; "
            "write it with compression=gzip for older ones"
        )
    ]


@pytest.mark.parametrize(
    ("umask", "file", "directory"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_a_layout_is_as_private_as_the_umask_says(tmp_path, umask, file, directory):
    before = os.umask(umask)
    try:
        write("oci directory", tmp_path / "layout")
        write("oci tar", tmp_path / "layout.tar")
    finally:
        os.umask(before)

    paths = [tmp_path / "layout", *tmp_path.rglob("layout/**/*")]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {directory}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {file}
    assert (tmp_path / "layout.tar").stat().st_mode & 0o777 == file
