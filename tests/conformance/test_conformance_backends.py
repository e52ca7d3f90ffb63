"""A sample of the cases has the same layers in a plain container, by overlay as root, and in a user
namespace; the long lane builds all of them so."""

import pytest

from conformance import backends
from conformance.case_file import cases
from tools.services import __main__ as services

pytestmark = pytest.mark.timeout(600)

SAMPLE = frozenset(
    {
        *("add/archive_formats", "add/http", "contexts/directory", "copy/chmod_symbolic"),
        *("copy/exclude_from_stage", "copy/link_from_stage", "copy/parents_from_stage"),
        *("heredoc/copy_several", "heredoc/run_shebang_user", "onbuild/mounts", "real/node"),
        *("real/official_database", "run/hard_links", "run/mount_bind_rw", "run/mount_cache_mode"),
        *("run/mount_inside_mount", "run/mount_secret_target", "run/mount_times", "run/whiteouts"),
        *("user/names_and_groups", "workdir/owner"),
    }
)
CASES = [case for case in cases() if case.name in SAMPLE]


@pytest.fixture(scope="module")
def in_a_container(tmp_path_factory):
    services.main([])
    return backends.in_a_container(CASES, tmp_path_factory.mktemp("container"))


@pytest.mark.parametrize("rights", backends.RIGHTS)
def test_overlay_and_a_plain_container_make_the_same_layers(rights, in_a_container, tmp_path):
    there = backends.by_overlay(CASES, tmp_path, rights)
    assert backends.differing(in_a_container, there) == []


def test_the_sample_is_there():
    assert {case.name for case in CASES} == SAMPLE
