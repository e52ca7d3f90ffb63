"""Steps kept in a directory that outlives the container: found again, used, cleared up."""

from __future__ import annotations

import json

import pytest

from e2e import images, projects

DOCKERFILE = """\
FROM {library}/busybox:latest AS made
RUN date +%N > /when
FROM {library}/busybox:latest
COPY --from=made /when /when
COPY file /file
RUN date +%N > /last
"""


@pytest.fixture
def cache(tmp_path):
    directory = tmp_path / "cache"
    directory.mkdir()
    return directory


@pytest.fixture
def build(run_image, open_registry, repository, tmp_path, cache):
    def run(*flags, tag="v1", command="build", file="context\n"):
        text = DOCKERFILE.replace("{library}", f"{open_registry.host}/library")
        project = projects.project(tmp_path / "project", {"Dockerfile": text, "file": file})
        reference = f"{open_registry.host}/{repository}:{tag}"
        arguments = {
            "build": ["build", "--push", "--tag", reference, *flags, "/workspace"],
            "executor": ["executor", "--destination", reference, *flags],
        }[command]
        done = run_image(arguments, mounts={project: "/workspace:ro", cache: "/cache"})
        assert done.returncode == 0, done.stderr
        return done.stderr, images.crane(None, "digest", reference)

    return run


def test_what_is_cached_in_a_directory_is_not_run_again(build, cache, open_registry, repository):
    log, first = build("--cache-to=type=local,dest=/cache")
    assert "CACHED" not in log
    assert len(json.loads((cache / "index.json").read_text())["manifests"]) == 4

    mark = open_registry.mark()
    log, second = build("--cache-from=type=local,src=/cache", tag="v2")
    requests = open_registry.since(mark, repository=repository)

    assert log.count("CACHED") == 4
    assert second == first
    sent = [one for one in requests if one.method in {"PATCH", "PUT"}]
    assert [one.target for one in sent] == [f"/v2/{repository}/manifests/v2"]


def test_only_what_changed_runs_on_layers_of_the_directory(build, cache):
    build("--cache", "--cache-repo=oci:/cache", command="executor")
    log, _ = build(
        "--cache", "--cache-repo=oci:/cache", command="executor", tag="v2", file="changed\n"
    )

    assert log.count("CACHED") == 2
    assert len(json.loads((cache / "index.json").read_text())["manifests"]) == 6


def test_old_steps_of_a_directory_are_cleared_up(build, cache, run_image):
    build("--cache-to=oci:/cache")
    done = run_image(["cache", "prune", "/cache", "--older-than=0s"], mounts={cache: "/cache"})

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("removed 4 entries, freed ")
    assert not list((cache / "blobs" / "sha256").iterdir())


def test_the_next_directory_has_what_was_not_run_again(build, cache, tmp_path):
    build("--cache-to=type=local,dest=/cache/old")
    build("--cache-from=type=local,src=/cache/old", "--cache-to=type=local,dest=/cache/new")
    (cache / "old").rename(tmp_path / "gone")
    log, _ = build("--cache-from=type=local,src=/cache/new", tag="v2")

    assert log.count("CACHED") == 4
