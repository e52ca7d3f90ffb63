"""Where exports go: files, streams and special files, complete or not at all."""

import io
import os
import threading
from pathlib import Path

import pytest

from pybuild.errors import StateError
from pybuild.store.destination import new_directory, new_file


def write(destination, data=b"new"):
    with new_file(destination) as file:
        file.write(data)


def test_a_stream_is_written_and_stays_open():
    stream = io.BytesIO()
    write(stream)
    assert stream.getvalue() == b"new"


def test_a_stream_whose_reader_has_gone_is_an_error():
    read_end, write_end = os.pipe()
    os.close(read_end)
    with (
        io.FileIO(write_end, "wb") as raw,
        pytest.raises(StateError, match="cannot write to the stream: Broken pipe") as caught,
    ):
        write(raw)
    assert caught.value.hint == "let the reader read to the end"


def test_a_pipe_is_written_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write(tmp_path / "pipe")
    reader.join()
    assert got == [b"new"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["file"]


def test_a_directory_in_the_way_is_said_before_the_work(tmp_path):
    with pytest.raises(StateError, match=f"cannot write {tmp_path}: Is a directory") as caught:
        new_file(tmp_path).__enter__()
    assert caught.value.hint == "name a file in the directory"


def test_what_killed_exports_left_is_removed(tmp_path):
    (tmp_path / ".pybuild-new-abandoned").mkdir()
    (tmp_path / ".pybuild-new-abandoned" / "half").write_bytes(b"")
    with new_directory(tmp_path) as directory:
        (directory / "file").write_bytes(b"")
    (tmp_path / ".pybuild-new-also").write_bytes(b"")
    (tmp_path / ".image.tar.sha256").write_bytes(b"the user's own")
    write(tmp_path / "image.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".image.tar.sha256",
        "file",
        "image.tar",
    ]


def test_an_export_in_progress_is_not_removed_by_another(tmp_path):
    with new_file(tmp_path / "1") as first:
        first.write(b"first")
        write(tmp_path / "2")
    assert (tmp_path / "1").read_bytes() == b"first"


def test_a_full_disk_is_named_with_what_to_do():
    with pytest.raises(StateError, match="cannot write /dev/full: No space left") as caught:
        write(Path("/dev/full"))
    assert caught.value.hint == "free some space there, or choose another destination"
