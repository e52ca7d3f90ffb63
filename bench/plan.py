"""Seconds that a Dockerfile of many instructions takes from its text to keys.

    .venv/bin/python bench/plan.py [--instructions 5000]

The aim is half a second at 5 000. A test counts the work; this shows the time.
"""

from __future__ import annotations

import argparse
import time

from pybuild.dockerfile.parser import parse
from pybuild.graph.keys import reads_outside, stage_keys
from pybuild.graph.planner import make_plan
from pybuild.graph.scope import global_scope
from pybuild.graph.stages import reachable, target_stage
from pybuild.oci.platform import Platform

KINDS = ("ENV E{n}=v{n}", "RUN echo {n} $E{n}", "COPY f{n} /d{n}/", "LABEL l{n}=x", "WORKDIR /w{n}")


def dockerfile(instructions: int) -> str:
    """Text with so many instructions, of kinds that make layers and of others."""
    lines = (KINDS[n % len(KINDS)].format(n=n) for n in range(instructions - 1))
    return "\n".join(["FROM scratch", *lines, ""])


def main() -> None:
    """Measure each part once."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--instructions", type=int, default=5000)
    text = dockerfile(parser.parse_args().instructions)

    began = time.perf_counter()
    parsed = parse(text, file="Dockerfile")
    at_parsed = time.perf_counter()
    scope = global_scope(parsed, {}, Platform.host(), "")
    links = reachable(parsed, scope, target_stage(parsed, ""))
    plan = make_plan(parsed, scope, links, {})
    at_planned = time.perf_counter()
    contents = {
        (stage.index, place): b"sha256:" + b"0" * 64
        for stage in plan.stages
        for place, step in enumerate(stage.steps)
        if reads_outside(step.action)
    }
    stage_keys(plan, contents)
    ended = time.perf_counter()
    print(
        f"parse {at_parsed - began:.3f} s, plan {at_planned - at_parsed:.3f} s, "
        f"keys {ended - at_planned:.3f} s, all {ended - began:.3f} s"
    )


if __name__ == "__main__":
    main()
