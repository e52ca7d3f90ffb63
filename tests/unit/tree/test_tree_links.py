"""Links followed inside a tree."""

from __future__ import annotations

import pytest

from pybuild.imagepath import ImagePath
from pybuild.tree.entry import Entry, Kind
from pybuild.tree.index import TreeIndex
from pybuild.tree.links import LinkLoop, resolve

LINKS = {
    b"lib": b"usr/lib",
    b"abs": b"/usr/lib",
    b"usr/up": b"../etc",
    b"out": b"../../../etc",
    b"chain": b"abs/inner",
    b"usr/lib/inner": b"./real//",
    b"dangling": b"no/where",
    b"loop": b"loop",
    b"ping": b"pong",
    b"pong": b"ping",
    b"root": b"/",
    b"through": b"lib/../x",
}


@pytest.fixture(scope="module")
def tree() -> TreeIndex:
    made = TreeIndex()
    made.put(Entry(b"etc/passwd", Kind.FILE))
    made.put(Entry(b"usr/lib/real/f", Kind.FILE))
    for path, target in LINKS.items():
        made.put(Entry(path, Kind.SYMLINK, link=target))
    return made


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/", "/"),
        ("/etc/passwd", "/etc/passwd"),
        ("/lib/x", "/usr/lib/x"),
        ("/abs/real/f", "/usr/lib/real/f"),
        ("/usr/up/passwd", "/etc/passwd"),
        ("/out/passwd", "/etc/passwd"),
        ("/chain/f", "/usr/lib/real/f"),
        ("/dangling/deeper", "/no/where/deeper"),
        ("/missing/a/b", "/missing/a/b"),
        ("/etc/passwd/below", "/etc/passwd/below"),
        ("/root/etc", "/etc"),
        ("/root", "/"),
        ("/through", "/usr/x"),
    ],
)
def test_a_path_leads_where_the_root_of_the_tree_lets_it(tree, path, leads_to):
    assert str(resolve(tree, ImagePath.parse(path))) == leads_to


def test_the_last_link_can_be_left_alone(tree):
    assert resolve(tree, ImagePath(b"lib"), follow_last=False) == ImagePath(b"lib")
    assert resolve(tree, ImagePath(b"chain/inner"), follow_last=False) == ImagePath(
        b"usr/lib/real/inner"
    )


@pytest.mark.parametrize("path", ["/loop", "/ping/x"])
def test_a_circle_of_links_is_an_error(tree, path):
    with pytest.raises(LinkLoop) as caught:
        resolve(tree, ImagePath.parse(path))
    assert str(caught.value) == f"{path}: too many levels of symbolic links"


@pytest.mark.parametrize(("length", "fits"), [(40, True), (41, False)])
def test_forty_links_are_followed_and_no_more(length, fits):
    chain = TreeIndex()
    for number in range(length):
        chain.put(Entry(b"%d" % number, Kind.SYMLINK, link=b"%d" % (number + 1)))
    if fits:
        assert resolve(chain, ImagePath(b"0")) == ImagePath(b"%d" % length)
    else:
        with pytest.raises(LinkLoop):
            resolve(chain, ImagePath(b"0"))
