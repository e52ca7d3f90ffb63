"""Checks say what docker's checks say; recorded by ``conformance.record_checks``."""

import json
from pathlib import Path

import pytest

from pybuild.checks.check import KnownBase, Surroundings, check
from pybuild.checks.config import config_of
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.parser import parse
from pybuild.graph.scope import global_scope
from pybuild.oci.platform import Platform

FOLDER = Path(__file__).parents[2] / "conformance/checks"
CASES = sorted(path.stem for path in FOLDER.glob("*.Dockerfile"))
AMD64 = Platform.parse("linux/amd64")
IGNORED = IgnorePatterns.parse("ignored\n")


def surroundings(dockerfile):
    scope = global_scope(dockerfile, {}, AMD64, "")
    busybox = KnownBase(AMD64, {"PATH": "/bin"}, has_shell=False)
    bases = {
        stage.index: busybox
        for stage in dockerfile.stages
        if stage.source.base.startswith("busybox")
    }
    return Surroundings(AMD64, scope, bases, lambda path: IGNORED.excludes(path.encode()))


@pytest.mark.parametrize("name", CASES)
def test_what_docker_says(name):
    dockerfile = parse((FOLDER / f"{name}.Dockerfile").read_text(), file="Dockerfile")
    found = check(dockerfile, config_of(dockerfile, ""), surroundings(dockerfile))
    ours = sorted([one.rule.name, one.location.first_line, one.detail] for one in found)
    expected = json.loads((FOLDER / f"{name}.json").read_text())
    assert ours == sorted(expected)


def test_every_case_is_recorded():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CASES)
    assert len(CASES) >= 20
