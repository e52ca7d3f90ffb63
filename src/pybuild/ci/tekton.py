"""``pybuild tekton``: parameters of the Task → a build; its result → results of the Task.

Grammar of the arguments::

    [FLAG …] ["--build-args" [NAME=VALUE …]] ["--" CONTEXT]

where FLAGs are those of ``build``. An array parameter must stand alone among the arguments of a
step, so all build arguments come in one piece, up to the ``--``. Empty ones do not count: they are
how a Task says that there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pybuild.cli.conduct import conduct, log_for, text_log, write
from pybuild.cli.invocation import Invocation
from pybuild.cli.preparing import given_by, prepare
from pybuild.errors import PybuildError, UsageError
from pybuild.request import BuildResult
from pybuild.settings import argv
from pybuild.settings.values import Given, build_flags

BUILD_ARGS = "--build-args"
"""Before the items of the array parameter."""
_DIGEST = "PYBUILD_RESULT_DIGEST"
_URL = "PYBUILD_RESULT_URL"


def run(invocation: Invocation) -> int:
    """Build as parameters say, and write the results."""
    prepared = prepare(invocation, given(invocation.arguments))
    digest, url = _result_file(invocation, _DIGEST), _result_file(invocation, _URL)
    outcome = conduct(prepared, invocation, log_for(prepared, invocation, text_log))
    match outcome:
        case PybuildError():
            return outcome.status
        case BuildResult():
            # Without a newline: a result is taken as it is.
            if digest:
                write(digest, outcome.digest)
            if url and outcome.tags:
                write(url, str(outcome.tags[0]))
    return 0


def given(arguments: Sequence[str]) -> dict[str, Given]:
    """What the arguments of the step give.

    Raises:
        UsageError: They are not of the grammar.
    """
    words = [word for word in arguments if word]
    context: list[str] = []
    if "--" in words:
        end = len(words) - 1 - words[::-1].index("--")  # the last: values may be anything
        words, context = words[:end], words[end + 1 :]
    pairs: list[str] = []
    if BUILD_ARGS in words:
        start = words.index(BUILD_ARGS)
        words, pairs = words[:start], words[start + 1 :]
    layer = given_by(argv.parse([*words, "--", *context], build_flags()))
    if pairs:
        flags = layer["build-arg"].values if "build-arg" in layer else ()
        layer["build-arg"] = Given((*flags, *pairs), BUILD_ARGS)
    return layer


def _result_file(invocation: Invocation, variable: str) -> Path | None:
    text = invocation.env.get(variable, "")
    if text.startswith("$("):
        raise UsageError(f"{variable} is {text}, which Tekton has not replaced")
    return invocation.place().path(text) if text else None
