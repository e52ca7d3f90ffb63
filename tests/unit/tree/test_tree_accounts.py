"""USER and --chown against an image's own passwd and group files."""

from __future__ import annotations

import pytest

from pybuild.tree.accounts import (
    Account,
    ChownResult,
    UnknownAccount,
    parse_group,
    parse_passwd,
    resolve_chown,
    resolve_user,
)

PASSWD = """\
# comment
root:x:0:0:root:/root:/bin/bash

app:x:1000:1001:App:/home/app:/bin/sh
app:x:4000:4000:second:/nowhere:/bin/sh
short:x:7:8
homeless:x:9:9:::
broken:x:zero:0::/root:
:x:5:5::/:
+::::::
"""
GROUP = """\
root:x:0:
wheel:x:10:root,app
app:x:1001:
docker:x:999:other, app
bad:x:ten:app
"""


@pytest.mark.parametrize(
    ("spec", "account"),
    [
        ("", Account(0, 0, (0, 10), "/root")),
        ("root", Account(0, 0, (0, 10), "/root")),
        ("0", Account(0, 0, (0, 10), "/root")),
        ("app", Account(1000, 1001, (1001, 10, 999), "/home/app")),
        ("1000", Account(1000, 1001, (1001, 10, 999), "/home/app")),
        ("1000:1000", Account(1000, 1000, (1000,), "/home/app")),
        ("app:wheel", Account(1000, 10, (10,), "/home/app")),
        ("app:5", Account(1000, 5, (5,), "/home/app")),
        ("app:", Account(1000, 1001, (1001, 10, 999), "/home/app")),
        ("1234", Account(1234, 0, (0,), "/")),
        ("1234:wheel", Account(1234, 10, (10,), "/")),
        ("short", Account(7, 8, (8,), "/")),
        ("homeless", Account(9, 9, (9,), "/")),
        ("root:root", Account(0, 0, (0,), "/root")),
    ],
)
def test_a_user_is_found_in_the_images_files(spec, account):
    assert resolve_user(spec, PASSWD, GROUP) == account


@pytest.mark.parametrize(
    ("spec", "account"),
    [
        ("", Account(0, 0, (0,), "/")),
        ("root", Account(0, 0, (0,), "/")),
        ("65532:65532", Account(65532, 65532, (65532,), "/")),
        ("65532", Account(65532, 0, (0,), "/")),
        ("65532:root", Account(65532, 0, (0,), "/")),
    ],
)
def test_root_and_numbers_need_no_files(spec, account):
    assert resolve_user(spec, None, None) == account


# "broken": a line whose uid is no number must not make somebody root.
@pytest.mark.parametrize("passwd", [None, "", PASSWD])
@pytest.mark.parametrize("spec", ["x", "broken", "-1", "1000x", "x:0"])
def test_an_unknown_user_is_an_error(spec, passwd):
    user = spec.partition(":")[0]
    with pytest.raises(UnknownAccount) as caught:
        resolve_user(spec, passwd, GROUP)
    assert str(caught.value) == (f"unable to find user {user}: no matching entries in passwd file")


def test_an_unknown_group_is_an_error():
    with pytest.raises(UnknownAccount) as caught:
        resolve_user("app:x", PASSWD, GROUP)
    assert str(caught.value) == "unable to find group x: no matching entries in group file"


@pytest.mark.parametrize("spec", ["4294967295", "0:4294967295", "99999999999999999999"])
def test_a_number_that_is_no_uid_is_an_error(spec):
    with pytest.raises(UnknownAccount, match="is out of range: uids and gids end at 4294967294"):
        resolve_user(spec, None, None)


def test_lines_that_make_no_sense_are_left_out():
    assert [entry.name for entry in parse_passwd(PASSWD)] == [
        "root", "app", "app", "short", "homeless",
    ]  # fmt: skip
    assert [entry.name for entry in parse_group(GROUP)] == ["root", "wheel", "app", "docker"]


@pytest.mark.parametrize(
    ("spec", "result"),
    [
        ("5", ChownResult(5, 5)),
        ("5:6", ChownResult(5, 6)),
        ("root", ChownResult(0, 0)),
        ("1000", ChownResult(1000, 1000)),
        ("app", ChownResult(1000, 1001)),
        ("app:wheel", ChownResult(1000, 10)),
        ("app:0", ChownResult(1000, 0)),
        ("5:wheel", ChownResult(5, 10)),
        ("x", ChownResult(0, 0, ("x",))),
        ("x:y", ChownResult(0, 0, ("x", "y"))),
        ("app:y", ChownResult(1000, 1001, ("y",))),
        ("x:wheel", ChownResult(0, 10, ("x",))),
        (":wheel", ChownResult(0, 10)),
        ("5:", ChownResult(5, 5)),
    ],
)
def test_chown_takes_0_for_names_that_nobody_knows(spec, result):
    assert resolve_chown(spec, PASSWD, GROUP) == result


def test_chown_by_name_without_files_is_0():
    assert resolve_chown("app:app", None, None) == ChownResult(0, 0, ("app", "app"))
