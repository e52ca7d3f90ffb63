"""Ours reads Dockerfiles, words and patterns as BuildKit's own code does.

The answers are recorded by ``conformance.record_frontend``.
"""

import json

import pytest

from conformance import frontend_form
from conformance.record_frontend import FOLDER, dockerfiles, ignores, words
from pybuild.dockerfile.expand import ExpansionError, expand
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.parser import parse
from pybuild.errors import DockerfileError
from tools import expansion_model, ignore_model

TEXTS = dockerfiles()
ANSWERS = json.loads((FOLDER / "parses.json").read_text())

# Where ours is not meant to be the same: what ours says, or why.
DIFFERENT = {
    "only arguments": "dockerfile contains no stages to build",
    "heredoc word with blanks": "BuildKit's COPY reads the body and does not use it",
    "heredoc in an array": "BuildKit's COPY makes an empty file of the name",
}


def answers(name):
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def parsed(text):
    """What ours makes of a text; None where it refuses."""
    try:
        return frontend_form.instructions(parse(text, file="Dockerfile"))
    except DockerfileError:
        return None


@pytest.mark.parametrize("title", TEXTS)
def test_a_dockerfile_has_the_instructions_that_buildkit_reads(title):
    same = parsed(TEXTS[title]) == frontend_form.comparable(ANSWERS[title])
    assert same is (title not in DIFFERENT), (parsed(TEXTS[title]), ANSWERS[title])


def test_every_dockerfile_has_an_answer():
    assert list(ANSWERS) == list(TEXTS)
    assert len(TEXTS) >= 60


def test_words_have_the_values_that_buildkit_gives_them():
    questions = list(words())
    found = answers("words")
    assert [one["word"] for one in found] == [one["word"] for one in questions]
    for answer in found:
        env = dict(pair.split("=", 1) for pair in answer["env"])
        arguments = (answer["word"], env, answer["escape"])
        assert (ours(*arguments), model(*arguments)) == (answer.get("value"),) * 2, answer


def ours(word, env, escape):
    try:
        return expand(word, env, escape=escape)
    except ExpansionError:
        return None


def model(word, env, escape):
    try:
        return expansion_model.expanded(word, env, escape)
    except expansion_model.Malformed:
        return None


def test_patterns_leave_out_what_buildkit_s_leave_out():
    questions = list(ignores())
    found = answers("ignores")
    assert [one["ignore"] for one in found] == [one["ignore"] for one in questions]
    for answer in found:
        if "error" in answer:  # `!/`: ours takes in everything, which is what it says
            continue
        patterns = IgnorePatterns.parse(answer["ignore"])
        lines = answer["ignore"].split("\n")
        for path, excluded in zip(answer["paths"], answer["excluded"], strict=True):
            told = patterns.excludes(path.encode()), ignore_model.is_excluded(lines, path)
            assert told == (excluded, excluded), (answer, path)
