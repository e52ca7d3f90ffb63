from pathlib import Path

import pytest
from inplace_trees import STATE, look_of_root, unpacked

from pybuild.rootfs.open import open_rootfs


@pytest.fixture
def seen():
    return []


@pytest.fixture
def debugs(seen):
    return seen


@pytest.fixture
def rootfs(seen):
    before = look_of_root()
    with open_rootfs("auto", STATE, seen.append) as opened:
        assert opened.name == "inplace"
        yield opened
        assert look_of_root() == before
    assert not any(Path("/pybuild/aside").iterdir())


@pytest.fixture
def debian(rootfs):
    return unpacked(rootfs.stage("debian"), "debian")


@pytest.fixture
def busybox(rootfs):
    return unpacked(rootfs.stage("busybox"), "busybox")
