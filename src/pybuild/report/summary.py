"""A result or a failure → the Markdown of a job's summary.

Every part is bounded, so that the whole stays far below the 1 MiB at which GitHub drops a summary
altogether.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import starmap

from pybuild.errors import PybuildError, StepFailed
from pybuild.events import BuildWarning
from pybuild.report.history import FailedVertex
from pybuild.report.lines import parts
from pybuild.report.markdown import block, clip, code, details, table
from pybuild.report.plain import warning_text
from pybuild.report.size import seconds, size
from pybuild.request import BuildResult, StepReport

MAX_BYTES = 900 * 1024
_MAX_STEPS = 500
_MAX_NAMES = 20
_MAX_WARNINGS = 50
_MAX_LINES = 60
_MAX_LINE = 300
_MAX_TITLE = 80


def success_summary(result: BuildResult, warnings: Sequence[BuildWarning] = ()) -> str:
    """What was built: digest, size, steps, reuse, and how to get it."""
    made = "built and pushed" if result.pushed else "built"
    name = str(result.tags[0]) if result.tags else result.digest
    blocks = [
        f"## 📦 {code(name)}: ✅ {made} in {seconds(result.seconds)}",
        _facts(result),
        *_pull(result),
        _steps(result.steps),
        *_warnings(warnings),
    ]
    return "\n\n".join(blocks) + "\n"


def failure_summary(
    error: PybuildError,
    failed: FailedVertex | None = None,
    warnings: Sequence[BuildWarning] = (),
) -> str:
    """What failed: the step, its status, its last lines, the Dockerfile's, and a hint."""
    blocks = [f"## 📦 ❌ {_what_failed(error)}", block(_bounded([error.message]))]
    if error.hint:
        blocks.append(f"Hint: {code(error.hint, _MAX_LINE)}")
    if error.excerpt:
        blocks.append(block(_bounded(parts(error.excerpt)), "dockerfile"))
    if failed:
        blocks.append(f"Failed: {code(failed.title)}")
        if failed.lines:
            blocks.append(block(_bounded(failed.lines)))
    return "\n\n".join([*blocks, *_warnings(warnings)]) + "\n"


def _facts(result: BuildResult) -> str:
    cached = sum(step.cached for step in result.steps)
    share = f" ({100 * cached // len(result.steps)} %)" if result.steps else ""
    row = (
        code(result.digest),
        size(result.size_bytes),
        str(len(result.layers)),
        f"{cached}/{len(result.steps)}{share}",
    )
    return table(("Digest", "Size", "Layers", "Cached"), [row])


def _pull(result: BuildResult) -> list[str]:
    if not result.pushed:
        return []
    repositories = dict.fromkeys(tag.repository for tag in result.pushed)
    commands = [f"docker pull {repository}@{result.digest}" for repository in repositories]
    return [block("\n".join(commands[:_MAX_NAMES]), "console")]


def _steps(steps: Sequence[StepReport]) -> str:
    rows = starmap(_step, enumerate(steps[:_MAX_STEPS], start=1))
    text = table(("#", "Step", "Layer", "Time", "Cached"), rows)
    return text + _more(len(steps) - _MAX_STEPS, "steps")


def _step(number: int, step: StepReport) -> tuple[str, ...]:
    layer = size(step.layer.size_bytes) if step.layer else ""
    mark = "✅" if step.cached else "—"
    return (str(number), code(step.title, _MAX_TITLE), layer, seconds(step.seconds), mark)


def _warnings(warnings: Sequence[BuildWarning]) -> list[str]:
    if not warnings:
        return []
    items = [f"- {code(warning_text(w), _MAX_LINE)}" for w in warnings[:_MAX_WARNINGS]]
    body = "\n".join(items) + _more(len(warnings) - _MAX_WARNINGS, "warnings")
    return [details(f"⚠️ {len(warnings)} warnings", body)]


def _what_failed(error: PybuildError) -> str:
    if isinstance(error, StepFailed):
        return f"failed with exit code {error.status}"
    return f"failed ({type(error).__name__})"


def _bounded(lines: Iterable[str]) -> str:
    flat = [part for line in list(lines)[-_MAX_LINES:] for part in parts(line)]
    return "\n".join(clip(part, _MAX_LINE * 2) for part in flat[-_MAX_LINES:])


def _more(count: int, what: str) -> str:
    return f"\n\n… and {count} more {what}." if count > 0 else ""
