"""A sample of the conformance cases by overlay, as root and in a user namespace.

They give the images that BuildKit makes, and, their times clamped, the layers of a plain container.
"""

import pytest

from conformance import action, host
from conformance.case_file import cases
from conformance.test_conformance import assert_as_expected
from tools import few_rights
from tools.services import __main__ as services

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

SAMPLE = frozenset(
    {
        *("add/archive_gzip", "add/archive_formats", "add/archive_into_existing", "add/link"),
        *("add/archive_several", "add/git_keep_dir", "add/http", "arg/in_history_of_run"),
        *("contexts/directory", "copy/chmod_symbolic", "copy/chown_variable_user", "copy/link"),
        *("copy/exclude_from_stage", "copy/from_stage_whole", "copy/link_from_stage"),
        *("copy/link_replaces_links", "copy/parents_from_stage", "env/change_path"),
        *("from/platform_cross_compile", "heredoc/copy_several", "heredoc/run_chomp"),
        *("heredoc/run_shebang_user", "heredoc/run_with_command", "meta/volume_files_of_copy"),
        *("onbuild/every_instruction", "onbuild/from_image", "onbuild/mounts"),
        *("real/java", "real/node", "real/official_database", "real/php", "real/python"),
        *("real/release_download", "real/rootfs", "real/rust", "real/web_server"),
        *("run/hard_links", "run/modes_and_owners", "run/mount_bind_file", "run/mount_bind_rw"),
        *("run/mount_bind_missing_parents", "run/mount_bind_stage", "run/mount_cache_from"),
        *("run/mount_cache_mode", "run/mount_in_a_made_directory", "run/mount_inside_mount"),
        *("run/mount_point_that_was_there", "run/mount_secret_target", "run/mount_times"),
        *("run/mount_tmpfs", "run/replaced_directory", "run/type_changes", "run/whiteouts"),
        *("user/names_and_groups", "workdir/owner"),
    }
)
CASES = [case for case in cases() if case.name in SAMPLE]
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
CLAMPED = ("--rewrite-timestamp",)
RIGHTS = (few_rights.ROOT, few_rights.MANY_IDS[0])


@pytest.fixture(scope="module", autouse=True)
def _machine_ready():
    services.main([])


@pytest.fixture(scope="module", params=RIGHTS)
def by_overlay(request, tmp_path_factory):
    with few_rights.rights(request.param) as options:
        return host.build(CASES, tmp_path_factory.mktemp("overlay"), before=before(options))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_overlay_makes_the_images_that_buildkit_makes(case, by_overlay):
    assert_as_expected(case, by_overlay[case.name], in_place=False)


@pytest.mark.parametrize("rights", RIGHTS)
def test_overlay_and_a_plain_container_make_the_same_layers(rights, tmp_path):
    here = action.build(CASES, tmp_path / "here", CLAMPED, EPOCH)
    with few_rights.rights(rights) as options:
        there = host.build(
            CASES, tmp_path / "there", before=before(options), flags=CLAMPED, env=EPOCH
        )
    failed = [one.log for one in (*here.values(), *there.values()) if one.status != 0]
    assert not failed
    differ = {case.name for case in CASES if here[case.name].layers != there[case.name].layers}
    assert not differ


def before(options):
    """The command that takes rights away, with its arguments."""
    return ["setpriv", *options] if options else []


def test_the_sample_is_there():
    assert {case.name for case in CASES} == SAMPLE
