"""``pybuild gitlab``: variables of the component → a build; its result → artifacts of the job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pybuild.cli.conduct import Outcome, conduct, log_for, text_log, write
from pybuild.cli.invocation import Invocation
from pybuild.cli.preparing import given_by, prepare
from pybuild.errors import PybuildError, StateError
from pybuild.report.history import History
from pybuild.report.summary import failure_summary, success_summary
from pybuild.request import BuildResult, Credential
from pybuild.settings import argv
from pybuild.settings.values import build_flags

_SECTION = "pybuild_build"


def run(invocation: Invocation) -> int:
    """Build as variables say, and flags where there are any."""
    parsed = argv.parse(invocation.arguments, build_flags())
    prepared = prepare(invocation, given_by(parsed)).with_credentials(lent(invocation.env))
    project = invocation.place().path(invocation.env.get("CI_PROJECT_DIR", "."))
    history = History()
    log = log_for(prepared, invocation, text_log)
    _section(invocation, "start", "Build the image")
    try:
        outcome = conduct(prepared, invocation, log, history.emit)
    finally:
        _section(invocation, "end")
    _publish(outcome, history, project / ".pybuild", invocation)
    return outcome.status if isinstance(outcome, PybuildError) else 0


def lent(env: Mapping[str, str]) -> tuple[Credential, ...]:
    """Credentials that GitLab lends a job: for its registry and its dependency proxy."""
    credentials: list[Credential] = []
    registry = _credential(
        env.get("CI_REGISTRY"), env.get("CI_REGISTRY_USER"), env.get("CI_REGISTRY_PASSWORD")
    )
    proxy = _credential(
        env.get("CI_DEPENDENCY_PROXY_SERVER"),
        env.get("CI_DEPENDENCY_PROXY_USER"),
        env.get("CI_DEPENDENCY_PROXY_PASSWORD"),
    )
    if registry:
        credentials.append(registry)
    if proxy:
        credentials.append(proxy)
        # The variable holds the port 443, references mostly do not.
        host = proxy.host.removesuffix(":443")
        if host != proxy.host:
            credentials.append(Credential(host, proxy.user, proxy.password))
    return tuple(credentials)


def _credential(host: str | None, user: str | None, password: str | None) -> Credential | None:
    return Credential(host, user, password) if host and user and password else None


def _publish(outcome: Outcome, history: History, directory: Path, invocation: Invocation) -> None:
    match outcome:
        case None:
            return
        case BuildResult():
            write(directory / "build.env", dotenv(outcome))
            text = success_summary(outcome, history.warnings)
        case _:
            text = failure_summary(outcome, history.failed, history.warnings)
    try:
        write(directory / "summary.md", invocation.masker.mask(text))
    except StateError as error:  # a build is no worse for a summary that cannot be written
        invocation.err.line(f"WARN: SummaryNotWritten: {error.message}")


def dotenv(result: BuildResult) -> str:
    """The report ``dotenv``: no quotes, comments or empty lines (GitLab's rules)."""
    variables: dict[str, str] = {"IMAGE_DIGEST": result.digest}
    if result.tags:
        tag = result.tags[0]
        variables["IMAGE"] = str(tag)
        variables["IMAGE_REF"] = f"{tag.repository}@{result.digest}"
    return "".join(f"{name}={value}\n" for name, value in sorted(variables.items()))


def _section(invocation: Invocation, kind: str, header: str = "") -> None:
    # The 0 in [0K is required; the name is of [A-Za-z0-9_.-] (GitLab docs, "Custom collapsible
    # sections").
    at = int(invocation.clock())
    invocation.err.control(f"\x1b[0Ksection_{kind}:{at}:{_SECTION}\r\x1b[0K{header}")
