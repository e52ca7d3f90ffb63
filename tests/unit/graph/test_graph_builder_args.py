"""Build-args that speak to the builder."""

import pytest

from tools.planning import plan_of


def warned(args, text="FROM scratch\n"):
    return [(w.code, w.message) for w in plan_of(text, args=args.items()).warnings]


@pytest.mark.parametrize(
    "name",
    ["BUILDKIT_INLINE_CACHE", "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_CONTEXT_KEEP_GIT_DIR"],
)
def test_what_is_asked_of_the_builder_in_vain_is_said(name):
    expected = [("BuilderArgIgnored", f"build-arg {name} changes nothing here")]
    assert warned({name: "1"}) == expected
    assert warned({name: "0"}) == []


@pytest.mark.parametrize(
    "name",
    ["BUILDKIT_SYNTAX", "BUILDKIT_DOCKERFILE_CHECK", "BUILDKIT_CACHE_MOUNT_NS", "HTTP_PROXY"],
)
def test_what_the_builder_takes_is_not(name):
    assert warned({name: "1"}) == []


def test_one_that_the_dockerfile_declares_is_its_own():
    assert warned({"BUILDKIT_X": "1"}, "FROM scratch\nARG BUILDKIT_X\n") == []
