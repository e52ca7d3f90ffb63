"""What names mean: platforms, named contexts, stages out of order, and triggers of a base."""

import pytest

from pybuild.dockerfile.parser import parse
from pybuild.errors import DockerfileError, UsageError
from pybuild.graph.plan import (
    CopyAction,
    Files,
    FromContext,
    FromStage,
    ImageBase,
    RunAction,
    ScratchBase,
    StageBase,
)
from pybuild.graph.scope import global_scope
from pybuild.graph.stages import (
    NamedContexts,
    NamedFiles,
    NamedImage,
    images,
    near_stage,
    reachable,
    target_stage,
)
from pybuild.oci.config import DEFAULT_PATH, RunConfig
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference
from tools.planning import PLATFORM, image_of, last, plan_of

ARM = Platform("linux", "arm64")


def bases(plan):
    return [
        (str(stage.base.image.reference.repository), str(stage.platform))
        if isinstance(stage.base, ImageBase)
        else stage.base
        for stage in plan.stages
    ]


# -- platforms


@pytest.mark.parametrize(
    ("flag", "platform"),
    [
        ("", "linux/arm64"),
        ("--platform=$TARGETPLATFORM", "linux/arm64"),
        ("--platform=$BUILDPLATFORM", str(Platform.host())),
        ("--platform=linux/s390x", "linux/s390x"),
        ("--platform=linux/arm/v6", "linux/arm/v6"),
        ("--platform=LINUX/x86_64", "linux/amd64"),
        ("--platform=arm64", "linux/arm64"),
        ("--platform=armhf", "linux/arm/v7"),
    ],
)
def test_a_stage_has_the_platform_of_its_base(flag, platform):
    plan = plan_of(f"FROM {flag} a AS one\nFROM one\nRUN x\n", platform=ARM)
    assert [str(stage.platform) for stage in plan.stages] == [platform, platform]


def test_images_that_files_are_taken_from_have_the_targets_platform():
    text = "FROM --platform=linux/s390x a\nCOPY --from=a /x /\nRUN --mount=from=b,target=/b x\n"
    assert [str(stage.platform) for stage in plan_of(text, platform=ARM).stages] == [
        "linux/arm64", "linux/arm64", "linux/s390x",
    ]  # fmt: skip


def test_the_platform_arguments_tell_the_two_sides_apart():
    text = "FROM a AS out\nARG BUILDPLATFORM\nARG TARGETARCH\nARG TARGETVARIANT\nARG TARGETSTAGE\n"
    env = dict(last(plan_of(text + "RUN x\n", platform=ARM)).steps[0].action.env)
    assert env["BUILDPLATFORM"] == str(Platform.host())
    assert (env["TARGETARCH"], env["TARGETVARIANT"], env["TARGETSTAGE"]) == ("arm64", "", "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM --platform=$NO a\n", "empty platform value from expression $NO"),
        ("FROM --platform=foo a\n", 'failed to parse platform foo: "foo": unknown operating'),
        ("ARG P=a/b/c/d\nFROM --platform=$P a\n", "failed to parse platform $P"),
    ],
)
def test_what_is_no_platform_is_an_error(text, message):
    with pytest.raises(DockerfileError) as caught:
        plan_of(text)
    assert message in caught.value.message
    assert ">>> FROM" in caught.value.excerpt


# -- names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM a\nCOPY --from=1 /x /\n", "invalid stage index 1"),
        ("FROM a\nCOPY --from=-1 /x /\n", "invalid stage index -1"),
        ("FROM a\nCOPY --from=$x /x /\n", "variable expansion is not supported for --from"),
        ("FROM a AS me\nCOPY --from=me /x /\n", "circular dependency detected on stage: me"),
        (
            "FROM a AS one\nCOPY --from=two /x /\nFROM one AS two\n",
            "circular dependency detected on stage: one",
        ),
        (
            "FROM a AS one\nCOPY --from=late /x /\nFROM b AS late\nFROM one\n",
            'cannot copy from stage "late", it needs to be defined before current stage "one"',
        ),
        (
            "FROM a\nRUN --mount=from=late,dst=/d x\nFROM b AS late\nFROM a\nCOPY --from=0 / /\n",
            'cannot mount from stage "late" to "/d", stage needs to be defined before current',
        ),
        ("FROM a\nCOPY --from=Not_An_Image /x /\n", "is not an image reference"),
    ],
)
def test_a_name_that_means_nothing_here_is_an_error_with_its_line(text, message):
    with pytest.raises(DockerfileError) as caught:
        plan_of(text)
    assert message in caught.value.message
    assert ">>>" in caught.value.excerpt


def test_an_image_that_is_nearly_a_stage_gets_a_hint():
    dockerfile = parse("FROM a AS builder\nFROM b\nCOPY --from=bilder /x /\n", file="f")
    assert near_stage(dockerfile, Reference.parse("bilder")) == "did you mean the stage builder?"
    assert near_stage(dockerfile, Reference.parse("debian")) == ""


# -- named contexts

FILES = NamedFiles("files")
OTHER = NamedImage(Reference.parse("other:2"))


@pytest.mark.parametrize(
    "name",
    ["alpine", "alpine:latest", "docker.io/library/alpine", "index.docker.io/library/alpine"],
)
def test_a_named_context_is_found_by_any_spelling_of_an_images_name(name):
    for base in ("alpine", "alpine:latest", "docker.io/library/alpine:latest"):
        plan = plan_of(f"FROM {base}\n", contexts={name: OTHER})
        assert bases(plan) == [("docker.io/library/other", "linux/amd64")]
    assert bases(plan_of("FROM alpine:3\n", contexts={name: OTHER}))[0][0].endswith("/alpine")


def test_a_context_for_one_platform_comes_before_the_one_for_all():
    contexts = {"a::linux/arm64": OTHER, "a": NamedImage(Reference.parse("any"))}
    plan = plan_of("FROM --platform=arm64 a AS one\nFROM a\nCOPY --from=one / /\n",
                   contexts=contexts)  # fmt: skip
    assert bases(plan) == [
        ("docker.io/library/other", "linux/arm64"),
        ("docker.io/library/any", "linux/amd64"),
    ]


def test_a_context_stands_for_the_stage_of_its_name_and_for_nothing_it_is_made_of():
    text = "FROM base AS deps\nRUN no\nFROM deps\nCOPY --from=deps /x /\nCOPY --from=0 /y /\n"
    plan = plan_of(text, contexts={"deps": OTHER})
    assert bases(plan) == [("docker.io/library/other", "linux/amd64")] * 2
    assert last(plan).sources() == (0,)
    assert len(last(plan).steps) == 2
    target = plan_of(text, contexts={"deps": OTHER}, target="deps")
    assert bases(target) == [("docker.io/library/other", "linux/amd64")]
    assert last(target).steps == ()


def test_files_are_copied_and_mounted_from_a_context():
    text = "FROM a\nCOPY --from=files x /\nRUN --mount=from=files,source=s,target=/m x\n"
    copy, run = (step.action for step in last(plan_of(text, contexts={"files": FILES})).steps)
    assert copy.parts == (Files(FromContext("files"), ("x",)),)
    assert run.mounts[0].source == FromContext("files")


def test_a_stage_on_a_context_begins_with_all_of_its_files():
    stage = last(plan_of("FROM files\nENV A=1\nRUN x\n", contexts={"files": FILES}))
    assert stage.base == ScratchBase()
    first, run = stage.steps
    assert first.action == CopyAction(
        (Files(FromContext("files"), ("/",)),), "/", "/", "", "", add=False
    )
    assert first.title == "[context files] load"
    assert run.title == "[2/2] RUN x"
    assert [(h.created_by, h.comment, h.empty_layer) for h in stage.history] == [
        ("local source for files", "buildkit.exporter.image.v0", False),
        ("ENV A=1", "buildkit.dockerfile.v0", True),
        ("RUN /bin/sh -c x # buildkit", "buildkit.dockerfile.v0", False),
    ]
    assert (first.history, run.history) == (0, 2)
    assert stage.run.env == (("PATH", DEFAULT_PATH), ("A", "1"))
    assert stage.run.working_dir == "/"


def test_scratch_and_the_main_context_cannot_be_given_another_meaning():
    contexts = {"scratch": FILES, "context": FILES}
    assert bases(plan_of("FROM scratch\nLABEL a=b\n", contexts=contexts)) == [ScratchBase()]
    scratch = NamedImage(Reference.parse("scratch"))
    assert bases(plan_of("FROM base\n", contexts={"base": scratch})) == [ScratchBase()]


@pytest.mark.parametrize("name", ["Upper", "a b", "", "a::linux/"])
def test_a_context_with_an_impossible_name_is_refused(name):
    with pytest.raises(UsageError, match="invalid context name"):
        NamedContexts.of({name: FILES})


# -- triggers


def triggered(*texts):
    return lambda reference: RunConfig(on_build=texts if "base" in str(reference) else ())


def test_triggers_of_a_base_come_first_and_are_not_handed_on():
    stage = last(
        plan_of("FROM base\nRUN own\n", config=triggered("RUN one", "ENV A=1", "COPY . /"))
    )
    assert [step.title for step in stage.steps] == [
        "[2/4] ONBUILD RUN one", "[3/4] ONBUILD COPY . /", "[4/4] RUN own",
    ]  # fmt: skip
    assert [step.location.first_line for step in stage.steps] == [1, 1, 2]
    assert stage.history[1].created_by == "ENV A=1"
    assert stage.run.on_build == ()


def test_triggers_of_a_stage_run_in_the_stages_built_on_it_and_no_further():
    text = (
        "FROM a AS one\nONBUILD RUN <<E\n\thi\nE\nONBUILD COPY --from=tool /t /\n"
        "FROM one AS two\nFROM two\nRUN own\n"
    )
    plan = plan_of(text)
    assert [[step.title for step in stage.steps] for stage in plan.stages] == [
        [],
        [],
        ["[two 2/3] ONBUILD RUN <<E (hi)", "[two 3/3] ONBUILD COPY --from=tool /t /"],
        ["[stage-2 2/2] RUN own"],
    ]
    assert plan.stages[0].run.on_build == ("RUN <<E\n\thi\nE", "COPY --from=tool /t /")
    assert plan.stages[0].history == ()
    assert plan.stages[2].base == StageBase(0)
    assert isinstance(plan.stages[2].steps[0].action, RunAction)
    assert plan.stages[2].steps[1].action.parts[0].source == FromStage(1)
    assert last(plan).run.on_build == ()


def test_the_images_that_triggers_name_are_found_in_rounds():
    dockerfile = parse("FROM tool AS late\nFROM base\n", file="f")
    scope = global_scope(dockerfile, {}, PLATFORM, "")
    target = target_stage(dockerfile, "")
    config = triggered("COPY --from=late /x /", "RUN --mount=from=helper,target=/h x")
    resolved, rounds = {}, []
    while missing := images(
        links := reachable(dockerfile, scope, target, resolved=resolved), resolved
    ):
        rounds.append([use.reference.repository.path for use in missing])
        resolved |= {u.key: image_of(u.reference, config(u.reference)) for u in missing}
    assert rounds == [["library/base"], ["library/tool", "library/helper"]]
    assert [link.stage.index for link in links] == [0, 1]


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        ("FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("NOPE x", "unknown instruction: NOPE"),
        ("RUN a\nRUN b", "onbuild trigger should be a single expression"),
        ("ONBUILD RUN x", "is an ONBUILD itself"),
        ("COPY --from=7 a b", "invalid stage index 7"),
        ("RUN --mount=tagret=/ x", "unexpected key 'tagret'"),
        ("EXPOSE http", "invalid containerPort"),
    ],
)
def test_a_wrong_trigger_is_an_error_at_the_from_that_brings_it(trigger, message):
    with pytest.raises(DockerfileError) as caught:
        plan_of("# one\nFROM base\n", config=triggered(trigger))
    assert message in caught.value.message
    assert "2 | >>> FROM base" in caught.value.excerpt
