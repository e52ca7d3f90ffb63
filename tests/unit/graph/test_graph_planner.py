"""Instructions become stages, steps and configurations, as docker build makes them."""

import pytest

from pybuild.errors import DockerfileError
from pybuild.graph.plan import (
    CopyAction,
    Files,
    FromContext,
    FromStage,
    RunAction,
    StageBase,
    WorkdirAction,
    sources_of,
)
from pybuild.oci.config import DEFAULT_PATH, RunConfig
from tools.planning import last, plan_of


def actions(plan):
    return [step.action for step in last(plan).steps]


def history(plan):
    return [entry.created_by for entry in last(plan).history]


def test_a_run_sees_the_images_environment_and_its_args_but_only_env_reaches_the_image():
    plan = plan_of("FROM a\nARG V=1\nENV E=$V\nRUN make\n", args={"V": "2"}.items())
    (run,) = actions(plan)
    assert run.argv == ("/bin/sh", "-c", "make")
    assert dict(run.env) == {"PATH": DEFAULT_PATH, "V": "2", "E": "2"}
    assert last(plan).run.env == (("PATH", DEFAULT_PATH), ("E", "2"))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ENV X=env\nARG X=arg", "arg"),
        ("ARG X=arg\nENV X=env", "env"),
        ("ARG X\nARG X=late", "late"),
    ],
)
def test_of_env_and_arg_the_later_one_wins_in_the_build(text, seen):
    (run,) = actions(plan_of(f"FROM a\n{text}\nRUN x\n"))
    assert dict(run.env)["X"] == seen


@pytest.mark.parametrize(
    ("text", "args", "value"),
    [
        ("ARG V=global\nFROM a\nARG V\n", {}, "global"),
        ("ARG V=global\nFROM a\nARG V=own\n", {}, "own"),
        ("ARG V=global\nFROM a\nARG V=own\n", {"V": "given"}, "given"),
        ("ARG V=global\nFROM a\n", {}, None),
        ("FROM a\nARG V\n", {}, None),
        ("FROM a\nARG V\n", {"V": ""}, ""),
        ("FROM a\nARG TARGETARCH\nARG V=$TARGETARCH\n", {}, "amd64"),
    ],
)
def test_an_arg_takes_the_build_arg_then_its_default_then_the_global_value(text, args, value):
    (run,) = actions(plan_of(text + "RUN x\n", args=args.items()))
    assert dict(run.env).get("V") == value


def test_args_flow_into_stages_built_on_a_stage():
    plan = plan_of("FROM a AS one\nARG V=1\nENV E=2\nFROM one\nRUN x\n")
    (run,) = actions(plan)
    assert dict(run.env) == {"PATH": DEFAULT_PATH, "V": "1", "E": "2"}
    assert last(plan).base == StageBase(0)


def test_proxies_reach_a_run_in_both_cases_without_being_part_of_it():
    (run,) = actions(plan_of("FROM a\nRUN x\n", args={"http_proxy": "http://p"}.items()))
    assert run.proxy_env == (("HTTP_PROXY", "http://p"), ("http_proxy", "http://p"))
    assert "HTTP_PROXY" not in dict(run.env)


def test_only_what_the_target_needs_is_planned():
    text = (
        "FROM a AS unused\nRUN no\nFROM b AS build\nRUN yes\n"
        "FROM scratch AS final\nCOPY --from=build /x /x\nFROM c\n"
    )
    plan = plan_of(text, target="final")
    assert [stage.name for stage in plan.stages] == ["build", "final"]
    assert sources_of(actions(plan)[0]) == (FromStage(0),)
    assert [s.name for s in plan_of(text, target="1").stages] == ["build"]


def test_an_image_that_is_copied_from_is_a_stage_without_steps():
    plan = plan_of("FROM scratch\nCOPY --from=busybox /bin/sh /sh\nCOPY --from=busybox /a /b\n")
    assert [(stage.name, len(stage.steps)) for stage in plan.stages] == [
        ("docker.io/library/busybox:latest", 0),
        ("stage-0", 2),
    ]


def test_workdirs_join_and_the_root_makes_no_layer():
    plan = plan_of("FROM a\nWORKDIR /\nWORKDIR one\nWORKDIR ../two\nUSER me\nWORKDIR /three\n")
    assert actions(plan) == [
        WorkdirAction("/one", ""),
        WorkdirAction("/two", ""),
        WorkdirAction("/three", "me"),
    ]


def test_copies_keep_their_words_for_placement():
    plan = plan_of("FROM a\nWORKDIR /w\nARG D=out\nCOPY --chown=1:2 --chmod=755 a b* $D/\n")
    assert actions(plan)[1] == CopyAction(
        (Files(FromContext(), ("a", "b*")),), "out/", "/w", "1:2", "755", add=False
    )


def test_entrypoint_forgets_an_inherited_command_but_not_one_of_its_own_stage():
    inherited = RunConfig(cmd=("old",))
    assert last(plan_of('FROM a\nENTRYPOINT ["e"]\n', config=inherited)).run.cmd is None
    own = last(plan_of('FROM a\nCMD ["c"]\nENTRYPOINT ["e"]\n', config=inherited)).run
    assert (own.cmd, own.entrypoint) == (("c",), ("e",))


def test_shell_forms_are_wrapped_by_the_shell_in_force():
    plan = plan_of('FROM a\nSHELL ["/bin/bash", "-euc"]\nRUN x\nCMD y\n')
    assert actions(plan)[0].argv == ("/bin/bash", "-euc", "x")
    assert last(plan).run.cmd == ("/bin/bash", "-euc", "y")


def test_history_reads_as_buildkits():
    text = (
        "FROM a\nARG V=1\nRUN echo hi\nENV A=b C=d\nLABEL l=m\nWORKDIR /w\nCOPY --chown=5 x /y/\n"
        'EXPOSE 80\nUSER me\nCMD ["a", "b"]\nVOLUME /v\n'
    )
    assert history(plan_of(text)) == [
        "ARG V=1",
        "RUN |1 V=1 /bin/sh -c echo hi # buildkit",
        "ENV A=b C=d",
        "LABEL l=m",
        "WORKDIR /w",
        "COPY --chown=5 x /y/ # buildkit",
        "EXPOSE [80/tcp]",
        "USER me",
        'CMD ["a" "b"]',
        "VOLUME [/v]",
    ]
    assert [entry.empty_layer for entry in last(plan_of(text)).history] == [
        True, False, True, True, False, False, True, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ("ARG b=1\nARG a=2\n", "|2 b=1 a=2"),
        ("ARG unset\nARG a=2\n", "|2 unset= a=2"),
        ("ARG a=1\nARG b=2\nARG a=3\n", "|2 a=3 b=2"),
        ("ARG a=1\nENV a=env\n", "|1 a=env"),
        ("ENV a=env\nARG a\n", "|1 a=env"),
    ],
)
def test_the_history_of_a_run_shows_every_arg_as_the_run_sees_it(lines, shown):
    plan = plan_of(f"FROM a\n{lines}RUN x\n")
    assert history(plan)[-1] == f"RUN {shown} /bin/sh -c x # buildkit"


@pytest.mark.parametrize("command", ["x y", '["x", "y"]'])
def test_a_command_in_either_form_says_that_its_words_are_escaped(command):
    assert last(plan_of(f"FROM a\nCMD {command}\n")).run.args_escaped


def test_a_workdir_whose_variable_is_empty_stays_where_it_is():
    plan = plan_of("FROM a\nWORKDIR /w\nWORKDIR $nothing\n")
    assert last(plan).run.working_dir == "/w"
    assert len(actions(plan)) == 2


def test_titles_count_as_buildkits():
    plan = plan_of("FROM a AS b\nRUN one\nENV x=y\nRUN two\nFROM scratch\nCOPY --from=b / /\n")
    assert [step.title for stage in plan.stages for step in stage.steps] == [
        "[b 2/3] RUN one",
        "[b 3/3] RUN two",
        "[stage-1 2/2] COPY --from=b / /",
    ]


def test_a_build_arg_that_nothing_declares_is_warned_about():
    plan = plan_of("FROM a\nARG KNOWN\n", args={"KNOWN": "1", "TYPO": "1", "no_proxy": "x"}.items())
    assert [(w.code, "TYPO" in w.message) for w in plan.warnings] == [("UnusedBuildArg", True)]
    (warning,) = plan_of("FROM a\nARG VERSION\n", args={"VERSON": "1"}.items()).warnings
    assert warning.message.endswith("no ARG declares it (did you mean VERSION?)")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("FROM a\nRUN --device=vendor.com/gpu=all x\n", "RUN --device=vendor.com/gpu=all is not"),
        ("FROM a\nEXPOSE http\n", "invalid containerPort: http"),
        ("FROM a\nSTOPSIGNAL SIGNONE\n", "invalid signal: SIGNONE"),
        ("FROM $NONE\n", "should not be blank"),
        (
            "FROM a\nCOPY --from=late /x /x\nFROM b AS late\nFROM scratch\nCOPY --from=0 /x /x\n",
            "needs to be defined before",
        ),
    ],
)
def test_what_cannot_be_honoured_is_an_error_with_its_line(text, what):
    with pytest.raises(DockerfileError, match=what.replace("(", r"\(")) as caught:
        plan_of(text)
    assert ">>>" in caught.value.excerpt


def test_an_unknown_target_is_an_error_with_a_guess():
    with pytest.raises(
        DockerfileError, match=r'"bilder" could not be found \(did you mean builder\?\)'
    ):
        plan_of("FROM a AS builder\n", target="bilder")
    assert isinstance(actions(plan_of("FROM a AS B\nRUN x\n", target="b"))[0], RunAction)
