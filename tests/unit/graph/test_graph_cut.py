"""What is reused and what runs: the deepest usable hit of each stage, and no mixing of builds."""

import pytest

from pybuild.digest import sha256_of
from pybuild.dockerfile.location import Location
from pybuild.graph.cut import cut
from pybuild.graph.plan import (
    CopyAction,
    Files,
    FromStage,
    Plan,
    RunAction,
    ScratchBase,
    StageBase,
    StagePlan,
    Step,
)
from pybuild.oci import media
from pybuild.oci.config import RunConfig
from pybuild.oci.manifest import Descriptor
from pybuild.oci.platform import Platform
from pybuild.ports import CacheEntry, ChainLayer

HERE = Location("Dockerfile", 1, 1)


def layer(name):
    digest = sha256_of(name.encode())
    return ChainLayer(Descriptor(media.OCI_LAYER_GZIP, digest, 1), digest)


def run(name):
    return Step(HERE, name, RunAction((name,), (), (), "", "/"), 0)


def copy(name, stage):
    return Step(
        HERE, name, CopyAction((Files(FromStage(stage), ("/x",)),), "/x", "/", "", "", add=False), 0
    )


def stage(index, base, *steps):
    return StagePlan(index, f"s{index}", Platform.host(), base, steps, RunConfig(), ())


def entry(*layers):
    return CacheEntry("", tuple(layer(name) for name in layers), "2026-01-01T00:00:00Z")


def keys_of(plan):
    """A key of a step is its title's: enough for what cut looks at."""
    return [[sha256_of(step.title.encode()) for step in one.steps] for one in plan.stages]


def decide(plan, hits):
    found = {sha256_of(title.encode()): entry(*layers) for title, layers in hits.items()}
    return cut(plan, keys_of(plan), found)


ONE = Plan((stage(0, ScratchBase(), run("a"), run("b"), run("c")),), 0)


@pytest.mark.parametrize(
    ("hits", "reused", "chain"),
    [
        ({}, 0, []),
        ({"a": ["a1"]}, 1, ["a1"]),
        ({"a": ["a1"], "b": ["a1", "b1"]}, 2, ["a1", "b1"]),
        # the deepest hit decides and needs no other
        ({"c": ["a1", "b1", "c1"]}, 3, ["a1", "b1", "c1"]),
        # an entry that outlived its parent brings its own chain, never the other one's layer
        ({"a": ["a2"], "c": ["a1", "b1", "c1"]}, 3, ["a1", "b1", "c1"]),
        # a chain of the wrong length is no hit
        ({"a": ["a1"], "b": ["b1"]}, 1, ["a1"]),
    ],
)
def test_the_deepest_usable_hit_decides(hits, reused, chain):
    (only,) = decide(ONE, hits)
    assert only.reused == reused
    assert only.chain == tuple(layer(name) for name in chain)


TWO = Plan(
    (
        stage(0, ScratchBase(), run("build")),
        stage(1, ScratchBase(), run("first"), copy("take", 0), run("last")),
    ),
    1,
)


def test_a_stage_whose_copies_are_all_cached_is_not_needed_even_where_its_own_entry_is_gone():
    builder, final = decide(TWO, {"last": ["f", "t", "l"]})
    assert not builder.needed
    assert final.reused == 3


def test_a_hit_behind_which_nothing_copies_anew_keeps_the_copied_stage_out():
    builder, final = decide(TWO, {"take": ["f", "t"]})
    assert (builder.needed, final.reused) == (False, 2)


MIXED = Plan(
    (
        stage(0, ScratchBase(), run("build")),
        stage(1, ScratchBase(), copy("one", 0), copy("two", 0)),
    ),
    1,
)


def test_files_of_two_runs_of_one_stage_are_never_mixed():
    builder, final = decide(MIXED, {"one": ["o"]})
    assert builder.needed
    assert builder.reused == 0
    assert final.reused == 0, "the builder runs again, so what was copied from its old run is out"


def test_a_copied_stage_from_the_cache_keeps_the_hits_of_its_consumer():
    builder, final = decide(MIXED, {"one": ["o"], "build": ["b"]})
    assert (builder.reused, builder.needed, builder.read) == (1, True, True)
    assert final.reused == 1


CHILD = Plan((stage(0, ScratchBase(), run("p")), stage(1, StageBase(0), run("c"))), 1)


def test_a_stage_on_a_stage_that_must_run_reuses_nothing():
    parent, child = decide(CHILD, {"c": ["p", "c"]})
    assert (parent.reused, parent.needed) == (0, True)
    assert (child.reused, child.chain) == (0, None)


def test_a_stage_on_a_stage_continues_the_chain_in_use():
    _, child = decide(CHILD, {"p": ["p"], "c": ["p", "c"]})
    assert child.chain == (layer("p"), layer("c"))
    _, child = decide(CHILD, {"p": ["p2"], "c": ["p", "c"]})
    assert (child.reused, child.chain) == (0, (layer("p2"),))
