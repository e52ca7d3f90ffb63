"""RUN: here-documents as BuildKit takes them, and surroundings honoured or refused."""

import pytest

from pybuild.errors import DockerfileError, HostUnsupported
from pybuild.graph.plan import Inline
from tools.planning import last, plan_of


def ran(text, before="FROM a\n"):
    """The action of the last step, its history and its title."""
    stage = last(plan_of(f"{before}{text}"))
    step = stage.steps[-1]
    return step.action, stage.history[step.history].created_by, step.title


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("RUN <<EOF\necho $x\nmake\nEOF\n", "echo $x\nmake\n"),
        ("RUN <<-EOF\n\tone\n\t\ttwo\n\tEOF\n", "one\ntwo\n"),
        ("RUN <<'EOF'\n$x\nEOF\n", "$x\n"),
        ("RUN python3 <<EOF\nprint(1)\nEOF\n", "python3 <<EOF\nprint(1)\nEOF"),
        ("RUN cat <<A <<-B > x\n1\nA\n\t2\n\tB\n", "cat <<A <<-B > x\n1\nA\n\t2\nB"),
        ("RUN cat 3<<EOF\nEOF\n", "cat 3<<EOF\nEOF"),
        ("RUN <<EOF\nEOF\n", ""),
    ],
)
def test_a_here_document_is_the_shells_and_never_expanded(text, command):
    action, history, _ = ran(text)
    assert action.argv == ("/bin/sh", "-c", command)
    assert action.script is None
    assert history == f"RUN /bin/sh -c {command} # buildkit"


def test_a_here_document_with_a_program_named_in_it_is_run_itself():
    action, history, title = ran("RUN <<-EOF\n\t#!/bin/awk -f\n\tBEGIN{}\n\tEOF\n")
    assert action.argv == ("/dev/pipes/EOF",)
    assert action.script == Inline("EOF", b"#!/bin/awk -f\nBEGIN{}\n")
    assert history == "RUN /bin/sh -c /dev/pipes/EOF # buildkit"
    assert title == "[2/2] RUN <<-EOF (#!/bin/awk -f...)"


def test_a_program_does_not_get_out_of_its_directory():
    with pytest.raises(DockerfileError, match="its word is no file name"):
        ran("RUN <<../x\n#!/bin/sh\n../x\n")


@pytest.mark.parametrize(
    ("flag", "network"),
    [("", "default"), ("--network=default ", "default"), ("--network=none ", "none"),
     ("--network=host ", "host"), ("--security=sandbox ", "default")],
)  # fmt: skip
def test_a_run_asks_for_its_network(flag, network):
    action, history, _ = ran(f"RUN {flag}x\n")
    assert action.network == network
    assert history == "RUN /bin/sh -c x # buildkit"


def test_more_rights_than_the_container_has_are_refused_with_the_line():
    with pytest.raises(HostUnsupported, match="never has more rights") as caught:
        ran("RUN --security=insecure x\n")
    assert ">>> RUN" in caught.value.excerpt


def test_switches_of_the_builder_are_declared_but_in_no_environment():
    action, history, _ = ran("RUN x\n", before="FROM a\nARG BUILDKIT_SBOM_SCAN_STAGE=true\n")
    assert "BUILDKIT_SBOM_SCAN_STAGE" not in dict(action.env)
    assert history == "RUN |1 BUILDKIT_SBOM_SCAN_STAGE=true /bin/sh -c x # buildkit"
