"""Named contexts: what their forms mean, when they are fetched, and what of them is left out."""

import io
import tarfile
from pathlib import Path

import pytest

from pybuild.build_contexts import ContextFiles, named_contexts, unused
from pybuild.digest import sha256_of
from pybuild.dockerfile.parser import parse
from pybuild.engine.progress import Progress
from pybuild.engine.tools import Tools
from pybuild.errors import UsageError
from pybuild.events import ignore
from pybuild.graph.plan import FromContext
from pybuild.graph.stages import NamedFiles, NamedImage
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.ports import FetchedContext
from pybuild.request import BuildRequest, RunOptions
from pybuild.resolving import plan_stages
from tools.planning import image_of

PLATFORM = Platform("linux", "amd64")
DIGEST = sha256_of(b"x")


def request(*contexts, **more):
    return BuildRequest(
        context="/main", state_dir=Path("/s"), now_s=0, build_contexts=contexts,
        platform=PLATFORM, **more,
    )  # fmt: skip


def tools(scratch=None):
    progress = Progress(ignore, lambda: 0.0)
    return Tools(None, None, None, None, progress, scratch=scratch)


def planned(text, asked):
    dockerfile = parse(text, file="Dockerfile")

    def find(use, _tools):
        return image_of(use.reference)

    return plan_stages(dockerfile, asked, named_contexts(asked), find, tools())


def layout(path, tag=None, digest=None):
    return NamedImage(Reference(Repository("oci-layout:/", path), tag, digest))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("/dir", NamedFiles("n")),
        ("https://host/repo.git#main", NamedFiles("n")),
        ("docker-image://alpine", NamedImage(Reference.parse("alpine:latest"))),
        ("oci-layout:///dir", layout("/dir", "latest")),
        ("oci-layout:///dir/o:v1", layout("/dir/o", "v1")),
        ("oci-layout:///a:b/dir", layout("/a:b/dir", "latest")),
        (f"oci-layout:///dir@{DIGEST}", layout("/dir", None, DIGEST)),
    ],
)
def test_what_a_form_means(text, meant):
    assert named_contexts(request(("n", text))).find("n", PLATFORM) == meant


@pytest.mark.parametrize("text", ["target:base", "input:base"])
def test_forms_of_bake_are_named(text):
    with pytest.raises(UsageError, match=f"context n: {text} is a form of docker buildx"):
        named_contexts(request(("n", text)))


def test_a_layout_is_shown_as_it_was_written():
    meant = named_contexts(request(("n", "oci-layout:///dir:v1"))).find("n", PLATFORM)
    assert str(meant.reference) == "oci-layout:///dir:v1"


def files(tmp_path, text, asked, main):
    plan, _ = planned(text, asked)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    context = FetchedContext(main, owned=False)
    dockerfile = main / "Dockerfile"
    given = ContextFiles(asked, context, dockerfile, io.BytesIO(), tools(scratch), {})
    return given.read_by(plan)


def directory(place, **names):
    place.mkdir()
    for name, text in names.items():
        (place / name.replace("_", ".")).write_text(text)
    return place


def test_only_contexts_that_steps_read_are_looked_at_each_with_its_own_ignore_file(tmp_path):
    main = directory(tmp_path / "main", f="", g="", _dockerignore="g\n")
    other = directory(tmp_path / "other", f="", g="", _dockerignore="f\n")
    asked = request(("other", str(other)), ("absent", str(tmp_path / "absent")))
    text = "FROM scratch\nCOPY f /\nCOPY --from=other g /\n"
    found = files(tmp_path, text, asked, main)
    assert {name: one.tree.children(b"") for name, one in found.items()} == {
        "": (b".dockerignore", b"f"),
        "other": (b".dockerignore", b"g"),
    }


def test_a_build_that_reads_no_context_lists_none(tmp_path):
    assert files(tmp_path, "FROM scratch\nRUN x\n", request(), tmp_path / "none") == {}


def test_an_archive_has_no_ignore_file(tmp_path):
    main = directory(tmp_path / "main")
    other = directory(tmp_path / "other", f="", _dockerignore="f\n")
    with tarfile.open(tmp_path / "o.tar", "w") as tar:
        tar.add(other, ".")
    asked = request(("o", str(tmp_path / "o.tar")))
    found = files(tmp_path, "FROM scratch\nCOPY --from=o f /\n", asked, main)
    assert found["o"].tree.children(b"") == (b".dockerignore", b"f")


def test_an_ignore_file_of_a_dockerfile_does_not_count_in_a_named_context(tmp_path):
    main = directory(tmp_path / "main")
    other = directory(tmp_path / "other", f="", Dockerfile_dockerignore="f\n")
    found = files(tmp_path, "FROM scratch\nCOPY --from=o f /\n", request(("o", str(other))), main)
    assert b"f" in found["o"].tree.children(b"")


def test_a_context_that_nothing_names_is_warned_of():
    asked = request(("used", "/a"), ("image", "docker-image://alpine:3"), ("typo", "/b"))
    text = "FROM image\nCOPY --from=used f /\n"
    _, stages = planned(text, asked)
    assert [warning.message for warning in unused(asked, stages.links)] == [
        "build context typo is not used: no FROM or --from names it"
    ]


def test_a_network_is_that_of_runs_that_say_nothing():
    text = "FROM scratch\nRUN a\nRUN --network=host b\nCOPY f /\n"
    plan, _ = planned(text, request(run=RunOptions(network="none")))
    steps = plan.stages[0].steps
    assert [step.action.network for step in steps[:2]] == ["none", "host"]
    assert FromContext() in {part.source for part in steps[2].action.parts}
