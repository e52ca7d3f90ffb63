"""Which differences change a step's key, and which do not."""

from dataclasses import replace

import pytest

from pybuild.graph.cut import base_chain
from pybuild.graph.keys import base_key, stage_keys
from pybuild.graph.plan import ImageBase, ScratchBase
from pybuild.graph.stages import NamedFiles
from tools.planning import PLATFORM, plan_of


def key_of(text, *, content=b"files", rewrite_to=None, **asked):
    """The key of the last step of the target."""
    plan = plan_of(text, **asked)
    digests = {
        (stage.index, place): content
        for stage in plan.stages
        for place, _ in enumerate(stage.steps)
    }
    return stage_keys(plan, digests, rewrite_to=rewrite_to)[plan.target][-1]


RUN = "FROM a\nRUN make\n"
COPY = "FROM a\nCOPY x /y\n"
ADD = "FROM a\nADD x /y\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RUN, "FROM b\nRUN make\n"),
        (RUN, "FROM a\nRUN make \n".replace("make ", "make all")),
        (RUN, 'FROM a\nRUN ["make"]\n'),
        (RUN, "FROM a\nUSER me\nRUN make\n"),
        (RUN, "FROM a\nENV A=1\nRUN make\n"),
        ("FROM a\nENV A=1\nRUN make\n", "FROM a\nENV A=2\nRUN make\n"),
        (RUN, "FROM a\nARG A=1\nRUN make\n"),
        (RUN, 'FROM a\nSHELL ["/bin/bash", "-c"]\nRUN make\n'),
        (RUN, "FROM a\nWORKDIR /w\nRUN make\n"),
        (RUN, "FROM a\nRUN first\nRUN make\n"),
        (RUN, "FROM scratch\nRUN make\n"),
        (COPY, "FROM a\nCOPY x /z\n"),
        (COPY, "FROM a\nCOPY x /y/\n"),
        (COPY, "FROM a\nCOPY --chmod=755 x /y\n"),
        (COPY, "FROM a\nCOPY --chown=1 x /y\n"),
        (COPY, "FROM a\nADD x /y\n"),
        (
            "FROM a AS s\nRUN 1\nFROM a\nCOPY --from=s x /y\n",
            "FROM a AS s\nRUN 2\nFROM a\nCOPY --from=s x /y\n",
        ),
        ("FROM a\nWORKDIR /w\n", "FROM a\nUSER me\nWORKDIR /w\n"),
        (RUN, "FROM --platform=linux/s390x a\nRUN make\n"),
        (RUN, "FROM a\nRUN --network=none make\n"),
        (RUN, "FROM a\nRUN --mount=target=/x make\n"),
        (RUN, "FROM a\nRUN <<E\nmake\nE\n"),
        ("FROM a\nRUN <<E\n#!1\nE\n", "FROM a\nRUN <<E\n#!2\nE\n"),
        ("FROM a\nRUN <<E\n#!1\nE\n", "FROM a\nRUN <<F\n#!1\nF\n"),
        ("FROM a\nRUN <<E\n#!1\nE\n", 'FROM a\nRUN ["/dev/pipes/E"]\n'),
        (COPY, "FROM a\nCOPY --link x /y\n"),
        (COPY, "FROM a\nCOPY --parents x /y\n"),
        (COPY, "FROM a\nCOPY --exclude=e x /y\n"),
        (COPY, "FROM a\nCOPY x <<f /y\nf\n"),
        (ADD, "FROM a\nADD --unpack x /y\n"),
        (ADD, "FROM a\nADD --unpack=false x /y\n"),
        (ADD, "FROM a\nADD http://h/x /y\n"),
        ("FROM a\nADD http://h/x /y\n", "FROM a\nADD http://h/z /y\n"),
        ("FROM a\nADD git://h/x /y\n", "FROM a\nADD --keep-git-dir git://h/x /y\n"),
        ("FROM a\nCOPY <<f /y\n1\nf\n", "FROM a\nCOPY <<f /y\n2\nf\n"),
        ("FROM a\nCOPY <<f /y\n1\nf\n", "FROM a\nCOPY <<g /y\n1\ng\n"),
        ("FROM a\nCOPY <<f /y\n$V\nf\n", "FROM a\nCOPY <<'f' /y\n$V\nf\n"),
        (RUN, "FROM a AS b\nONBUILD RUN 1\nFROM b\nRUN make\n"),
    ],
)
def test_what_can_change_the_layer_changes_the_key(one, other):
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("target=/x", "target=/y"),
        ("target=/x", "target=/x,rw"),
        ("target=/x", "target=/x,source=s"),
        ("target=/x", "target=/x,from=s"),
        ("target=/x,from=s", "target=/x,from=t"),
        ("target=/x", "type=tmpfs,target=/x"),
        ("type=tmpfs,target=/x", "type=tmpfs,target=/x,size=1m"),
        ("target=/x", "type=cache,target=/x"),
        ("type=cache,target=/x", "type=cache,target=/y,id=/x"),
        ("type=cache,target=/x", "type=cache,target=/x,from=s"),
        ("type=cache,target=/x,from=s", "type=cache,target=/x,from=s,source=d"),
        ("type=cache,target=/x", "type=cache,target=/x,mode=0777"),
        ("type=cache,target=/x", "type=cache,target=/x,uid=1"),
        ("type=cache,target=/x", "type=cache,target=/x,gid=1"),
        ("type=cache,target=/x", "type=cache,target=/x,ro"),
        ("type=secret,id=x", "type=secret,id=y,target=/run/secrets/x"),
        ("type=secret,id=x", "type=secret,id=x,target=/x"),
        ("type=secret,id=x", "type=secret,id=x,env=X"),
        ("type=secret,id=x", "type=secret,id=x,mode=0444"),
        ("type=secret,id=x", "type=secret,id=x,uid=1"),
        ("type=secret,id=x", "type=secret,id=x,gid=1"),
        ("type=ssh", "type=ssh,id=x"),
        ("type=ssh", "type=ssh,target=/x"),
        ("type=ssh", "type=ssh,mode=0666"),
        ("type=ssh", "type=ssh,uid=1"),
        ("type=ssh", "type=ssh,gid=1"),
    ],
)
def test_each_option_of_a_mount_that_a_command_can_see_is_in_the_key(one, other):
    text = "FROM b AS s\nRUN 1\nFROM b AS t\nRUN 2\nFROM a\nRUN --mount={} x\n"
    assert key_of(text.format(one)) != key_of(text.format(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("type=cache,target=/x", "type=cache,target=/x,id=other"),
        ("type=cache,target=/x", "type=cache,target=/x,sharing=locked"),
        ("type=secret,id=x", "type=secret,id=x,required"),
        ("type=ssh", "type=ssh,required"),
    ],
)
def test_what_only_makes_a_step_faster_or_fail_is_not_in_the_key(one, other):
    text = "FROM a\nRUN --mount={} x\n"
    assert key_of(text.format(one)) == key_of(text.format(other))


def test_a_mounted_stage_or_image_is_in_the_key_by_what_made_it():
    text = "FROM b AS s\nRUN {}\nFROM a\nRUN --mount=from=s,target=/x make\n"
    assert key_of(text.format(1)) != key_of(text.format(2))
    image = "FROM a\nRUN --mount=from={},target=/x make\n"
    assert key_of(image.format("b")) != key_of(image.format("c"))


def test_a_step_that_reads_outside_needs_the_digest_of_what_it_reads():
    for text in ("RUN --mount=target=/x y", "COPY x /y", "ADD http://h/x /y", "COPY --from=f x /"):
        plan = plan_of(f"FROM a\n{text}\n", contexts={"f": NamedFiles("f")})
        with pytest.raises(ValueError, match="no digest"):
            stage_keys(plan, {})
        assert key_of(f"FROM a\n{text}\n", content=b"1", contexts={"f": NamedFiles("f")}) != (
            key_of(f"FROM a\n{text}\n", content=b"2", contexts={"f": NamedFiles("f")})
        )


def test_a_base_without_layers_is_scratch():
    plan = plan_of("FROM a\nRUN x\n")
    image = plan.stages[0].base.image
    bare = replace(image, config=replace(image.config, diff_ids=()))
    assert base_key(ImageBase(bare), PLATFORM, []) == base_key(ScratchBase(), PLATFORM, [])
    assert base_chain(ImageBase(bare)) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RUN, "# comment\nFROM a\n\nRUN make\n"),
        (RUN, "from a\nrun make\n"),
        (RUN, "FROM a AS name\nRUN make\n"),
        (RUN, "FROM a\nLABEL x=y\nRUN make\n"),
        (RUN, "FROM a\nCMD x\nEXPOSE 80\nRUN make\n"),
        (COPY, "FROM a\nENV A=1\nCOPY x /y\n"),
        (COPY, "FROM a\nARG D=y\nCOPY x /$D\n"),
        (RUN, "FROM b AS other\nRUN other\nFROM a\nRUN make\n"),
        (RUN, "FROM a\nHEALTHCHECK CMD x\nONBUILD RUN y\nRUN make\n"),
        (RUN, "FROM --platform=$TARGETPLATFORM a\nRUN --network=default make\n"),
        (
            "FROM a\nADD git://h/x /y\n",
            "FROM a\nADD --checksum=aaaaaaa git://h/x /y\n",
        ),
    ],
)
def test_what_cannot_change_the_layer_does_not_change_the_key(one, other):
    assert key_of(one) == key_of(other)


def test_the_bytes_of_a_copy_and_a_used_build_arg_are_in_the_key():
    assert key_of(COPY, content=b"1") != key_of(COPY, content=b"2")
    declared = "FROM a\nARG V\nRUN make\n"
    assert key_of(declared, args={"V": "1"}.items()) != key_of(declared, args={"V": "2"}.items())
    assert key_of(RUN, args={"V": "1"}.items()) == key_of(RUN)
    assert key_of(RUN, args={"HTTP_PROXY": "p"}.items()) == key_of(RUN)


@pytest.mark.parametrize("text", [RUN, COPY])
def test_the_epoch_is_in_a_key_only_where_times_are_rewritten(text):
    assert key_of(text, rewrite_to=1) != key_of(text)
    assert key_of(text, rewrite_to=1) != key_of(text, rewrite_to=2)
