"""Which differences change a step's key, and which do not."""

import pytest

from pybuild.graph.keys import stage_keys
from tools.planning import plan_of


def key_of(text, *, args=(), content=b"files", rewrite_to=None):
    """The key of the last step of the target."""
    plan = plan_of(text, args=args)
    digests = {
        (stage.index, place): content
        for stage in plan.stages
        for place, _ in enumerate(stage.steps)
    }
    return stage_keys(plan, digests, rewrite_to=rewrite_to)[plan.target][-1]


RUN = "FROM a\nRUN make\n"
COPY = "FROM a\nCOPY x /y\n"


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
    ],
)
def test_what_can_change_the_layer_changes_the_key(one, other):
    assert key_of(one) != key_of(other)


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
