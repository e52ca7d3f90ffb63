"""Where steps are looked up and kept, as docker and Kaniko say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybuild.errors import UsageError
from pybuild.oci.reference import Repository
from pybuild.settings.caches import read_cache_from, read_cache_to
from pybuild.settings.place import Place
from pybuild.settings.values import Given, Values

INLINE = "what BuildKit writes into an image does not say on which layers a step ran"
CACHE = Repository("r.io", "team/cache")


def read(reader, option, cwd, *texts):
    values = Values({option: Given(texts, f"--{option}")})
    return reader(values, Place({}, cwd, 0))


def sources(cwd, *texts):
    return read(read_cache_from, "cache-from", cwd, *texts)


def sinks(cwd, *texts):
    return read(read_cache_to, "cache-to", cwd, *texts)


@pytest.mark.parametrize(
    ("reader", "text", "place"),
    [
        (sources, "r.io/team/cache", CACHE),
        (sources, "type=registry,ref=r.io/team/cache:latest", CACHE),
        (sources, "type=local,src=/c", Path("/c")),
        (sources, "type=local,src=c/d", Path("/work/c/d")),
        (sources, 'type=local,"src=/a,b"', Path("/a,b")),
        (sources, "oci:/c", Path("/c")),
        (sources, "oci:/c=d", Path("/c=d")),
        (sinks, "type=registry,ref=r.io/team/cache,mode=max,ignore-error=true", CACHE),
        (sinks, "type=local,dest=/c,mode=max,oci-mediatypes=true", Path("/c")),
        (sinks, "oci:c", Path("/work/c")),
    ],
)
def test_a_place_that_keeps_steps(reader, text, place):
    assert reader(Path("/work"), text) == ((place,), ())


def test_several_places_keep_their_order():
    texts = ("oci:/b", "r.io/team/cache", "type=local,src=/a", "oci:/b")

    assert sources(Path("/"), *texts)[0] == (Path("/b"), CACHE, Path("/a"))


@pytest.mark.parametrize("tag", [":main", "@sha256:" + "0" * 64])
def test_a_tag_is_not_used_silently(tag):
    places, (warning,) = sources(Path("/"), f"r.io/team/cache{tag}")

    assert places == (CACHE,)
    assert warning.code == "CacheTagUnused"
    assert warning.message == (
        f"--cache-from r.io/team/cache{tag}: the tag is not used, steps are kept in"
        " r.io/team/cache under tags of their own"
    )


@pytest.mark.parametrize(
    ("reader", "text", "problem"),
    [
        (sinks, "type=gha", "type=gha is not supported yet"),
        (sources, "type=s3,bucket=b", "type=s3 is not supported yet"),
        (
            sources,
            "type=inline,ref=r.io/a",
            f"type=inline cannot be used: {INLINE}",
        ),
        (sources, "ref=r.io/a", "the type is not registry or local"),
        (sources, "type=local", "src= is missing"),
        (sources, "type=local,dest=/c", "dest=/c is not supported yet"),
        (sinks, "type=local", "dest= is missing"),
        (sinks, "type=local,dest=/c,mode=min", "mode=min is not supported yet"),
        (sinks, "type=local,dest=/c,compression=zstd", "compression=zstd is not supported yet"),
        (sinks, "oci:", "the directory is missing"),
        (sinks, "oci:/etc/passwd", "/etc/passwd is not a directory"),
    ],
)
def test_what_cannot_be_honoured_is_an_error(reader, text, problem):
    option = "--cache-from" if reader is sources else "--cache-to"

    with pytest.raises(UsageError) as raised:
        reader(Path("/work"), text)

    assert raised.value.message == f"{option} {text}: {problem}"
