from pybuild.rootfs.mounts import mount_points, parse_mountinfo


def test_mount_points_come_by_id_with_their_escapes_undone():
    text = (
        b"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        b"36 35 98:0 /mnt1 /a\\040b\\011c\\134d rw master:1 - ext3 /dev/root rw,errors=continue\n"
    )
    assert parse_mountinfo(text) == {22: b"/proc", 36: b"/a b\tc\\d"}


def test_this_machine_s_own_mounts_are_read():
    assert b"/proc" in mount_points().values()
