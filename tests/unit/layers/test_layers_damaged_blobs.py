"""Layers that were damaged in the store are removed from it, whoever stumbles over them first.

The next build has such a layer anew. One that was wrong from the beginning stays, and is named.
"""

import gzip
import os
import time
from types import SimpleNamespace

import pytest

from pybuild import events
from pybuild.archive.zstd import ZstdCompressor
from pybuild.digest import sha256_of
from pybuild.engine.live import blob_pieces
from pybuild.engine.progress import Progress
from pybuild.engine.tools import Tools
from pybuild.errors import IntegrityError
from pybuild.layers.compression import GZIP
from pybuild.layers.recompress import recompress
from pybuild.oci import media
from pybuild.outputs import Outputs
from pybuild.ports import ChainLayer
from pybuild.request import Output
from pybuild.store.blobs import LayoutStore
from tools.layer_samples import apply_layer, directory, fail, file, symlink, tar_of

# Larger than what is read at once: else all bytes are checked before the first is used.
TAR = tar_of(
    directory(b"etc"),
    *(file(b"etc/%d" % number, os.urandom(500_000)) for number in range(5)),
    symlink(b"link", b"x" * 150),  # has a pax header
)


def zstd(data):
    compressor = ZstdCompressor(level=1)
    return compressor.compress(data) + compressor.flush()


BLOBS = {
    media.OCI_LAYER_GZIP: gzip.compress(TAR, 1),
    media.OCI_LAYER_ZSTD: zstd(TAR),
    media.OCI_LAYER: TAR,
}
OFFSETS = [0, 4, 100, 148, 1000, 500_000, 1_600_000, -5]


@pytest.fixture
def tools(tmp_path):
    progress = Progress(events.ignore, time.monotonic)
    return Tools(None, LayoutStore(tmp_path / "store"), None, None, progress)


def unpack(tools, descriptor, place):
    (place / "root").mkdir()
    apply_layer(
        blob_pieces(descriptor, tools),
        place / "root",
        media_type=descriptor.media_type,
        diff_id=sha256_of(TAR),
        warn=fail,
    )


def compress_anew(tools, descriptor, _place):
    recompress(blob_pieces(descriptor, tools), tools.store, GZIP)


def export(tools, descriptor, place):
    layer = ChainLayer(descriptor, sha256_of(TAR))
    outputs = Outputs(SimpleNamespace(layers=[layer]), (), tools)
    outputs.write(Output("tar", place / "out.tar", tar=True))


USES = [
    *((unpack, media_type, offset) for media_type in BLOBS for offset in OFFSETS),
    *((compress_anew, media.OCI_LAYER_GZIP, offset) for offset in (4, 1000, -5)),
    *((export, media_type, 148) for media_type in BLOBS),
]


@pytest.mark.parametrize(("use", "media_type", "offset"), USES)
def test_a_damaged_blob_is_named_and_removed(tools, tmp_path, media_type, offset, use):
    descriptor = tools.store.add(BLOBS[media_type], media_type)
    path = tools.store.path(descriptor.digest)
    at = offset % descriptor.size_bytes
    with path.open("r+b") as blob:
        blob.seek(at)
        blob.write(bytes(byte ^ 0xFF for byte in BLOBS[media_type][at : at + 2]))

    with pytest.raises(IntegrityError) as caught:
        use(tools, descriptor, tmp_path)
    assert caught.value.message == (
        f"the blob {descriptor.digest} on disk is different from what it should be: "
        f"{path} was damaged and is removed"
    )
    assert caught.value.hint == "build again: the blob is fetched or made anew"
    assert descriptor.digest not in tools.store

    assert tools.store.add(BLOBS[media_type], media_type) == descriptor
    use(tools, descriptor, make(tmp_path / "again"))


@pytest.mark.parametrize("use", [unpack, compress_anew, export])
def test_a_blob_that_was_wrong_from_the_beginning_stays(tools, tmp_path, use):
    wrong = BLOBS[media.OCI_LAYER_GZIP][:1000] + b"damaged" + BLOBS[media.OCI_LAYER_GZIP][1007:]
    descriptor = tools.store.add(wrong, media.OCI_LAYER_GZIP)
    with pytest.raises(IntegrityError, match=r"the gzip stream is damaged|wrong checksum"):
        use(tools, descriptor, tmp_path)
    assert descriptor.digest in tools.store


def make(place):
    place.mkdir()
    return place
