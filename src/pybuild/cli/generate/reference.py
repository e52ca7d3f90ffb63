"""The table of settings → ``docs/reference.md``."""

from __future__ import annotations

from collections.abc import Iterable

from pybuild.settings.argv import dashed
from pybuild.settings.docker_flags import DOCKER_FLAGS
from pybuild.settings.kaniko_flags import FLAGS, Fate
from pybuild.settings.option import Form, Kind, Option
from pybuild.settings.table import FRONT_END_VARIABLES, OPTIONS

_HEAD = """\
<!-- Made from src/pybuild/settings by python -m pybuild.cli.generate; do not edit. -->

# Reference

Every option of a build has one meaning and several names. A flag or an input wins over the
variable, the variable over the default; an empty variable or input is one that is not given. A
variable that begins with `PYBUILD_` and is none of these gives a warning.

A *list* has one value a line in a variable or an input; a value in double quotes may hold newlines,
and `""` is a quote in it. *Words* are separated by white space or commas. As a flag both are
repeated instead.

"""

_FORMS = {
    Form.FLAG: "",
    Form.POSITIONAL: "The positional argument of `build`.",
    Form.ENVIRONMENT: "Not a flag.",
    Form.EXECUTOR: "Only a flag of `executor`.",
}

_EXIT_CODES = """\
## Exit codes

| Code | Meaning |
| --- | --- |
| 0 | The image was built, and pushed where that was asked for. |
| 2 | A flag, an input or a variable cannot be taken as given. |
| 3 | The Dockerfile asks for something that is wrong or not supported. |
| 5 | A registry refused, failed or could not be reached. |
| 6 | Bytes are not what their digest says, or a RUN changed the builder. |
| 7 | This place cannot run the step. |
| 8 | The context could not be fetched or read. |
| 9 | A file or the state directory cannot be written. |
| 70 | A bug. |
| 143 | A signal ended the build. |
| any | A RUN's or a pre-build command's own. |

`executor` ends with 1 for its own errors, as Kaniko does. Since a command's code can be any of
these, the metadata file and the JSON log name the class of an error.
"""


def reference() -> str:
    """The page."""
    options = "\n".join(_option(option) for option in OPTIONS)
    return "\n".join(
        [_HEAD + "## Options", "", options, _front_ends(), _docker(), _kaniko(), _EXIT_CODES]
    )


def _option(option: Option) -> str:
    names = _names(option)
    rows = "\n".join(f"| {where} | {name} |" for where, name in names)
    notes = [option.help]
    if option.choices:
        notes.append("One of " + ", ".join(f"`{choice}`" for choice in option.choices) + ".")
    if option.default:
        notes.append(f"Default: `{option.default}`.")
    if option.kind in {Kind.LIST, Kind.WORDS}:
        notes.append(f"A {option.kind.value}." if option.kind is Kind.LIST else "Words.")
    if _FORMS[option.form]:
        notes.append(_FORMS[option.form])
    text = " ".join(notes)
    return f"### {option.name}\n\n{text}\n\n| Where | Name |\n| --- | --- |\n{rows}\n"


def _names(option: Option) -> list[tuple[str, str]]:
    names: list[tuple[str, str]] = []
    if option.form is Form.FLAG:
        flags = [dashed(name) for name in (option.name, option.short) if name]
        names.append(("`build`", ", ".join(f"`{flag}`" for flag in flags)))
    names.append(("Variable", f"`{option.variable}`"))
    if option.kaniko:
        names.append(("`executor`", ", ".join(f"`{dashed(name)}`" for name in option.kaniko)))
    if option.kaniko_env:
        names.append(("Kaniko's variable", f"`{option.kaniko_env}`"))
    if option.action:
        names.append(("GitHub input", f"`{option.action}`"))
    if option.gitlab:
        default = f", default `{option.gitlab_default}`" if option.gitlab_default else ""
        names.append(("GitLab input", f"`{option.gitlab}`{default}"))
    if option.tekton:
        default = f", default `{option.tekton_default}`" if option.tekton_default else ""
        names.append(("Tekton parameter", f"`{option.tekton}`{default}"))
    return names


def _front_ends() -> str:
    rows = "\n".join(f"| `{name}` | {text} |" for name, text in FRONT_END_VARIABLES.items())
    return f"## Variables of one front end\n\n| Variable | Meaning |\n| --- | --- |\n{rows}\n"


def _docker() -> str:
    every = DOCKER_FLAGS.values()
    idle = "\n".join(f"| `{dashed(flag.name)}` | {flag.why} |" for flag in every if flag.why)
    missing = "\n".join(
        f"| `{dashed(flag.name)}` | {_values(flag.harmless)} |" for flag in every if not flag.why
    )
    return f"""\
## Docker's other flags

Accepted by `build`, and without effect:

| Flag | Because |
| --- | --- |
{idle}

Not supported yet; giving one is an error, except with a value that asks for what happens anyway:

| Flag | Accepted values |
| --- | --- |
{missing}
"""


def _kaniko() -> str:
    return f"""\
## Kaniko's other flags

`--no-push`, `--no-push-cache`, `--tar-path`, `--oci-layout-path`, `--compression-level`, `--cache`,
`--cache-repo` and `--git branch=` mean what they mean in Kaniko; `--log-format=json` is
`--progress=rawjson`. `--snapshotMode`, `--tarPath`, `--whitelist-var-run` and `-b` are older
spellings. `--reproducible` leaves the layers of the base image as they are. A variable that begins
with `FF_KANIKO_` gives a warning.

Accepted with a warning:

| Flag | Because |
| --- | --- |
{_reasons(Fate.WARNED)}

Accepted, and without effect, because they concern how Kaniko works and not what comes out:

| Flag | Because |
| --- | --- |
{_reasons(Fate.WITHOUT_EFFECT)}

Not supported yet; giving one is an error, except with a value that asks for what happens anyway:

| Flag | Accepted values |
| --- | --- |
{_missing()}
"""


def _reasons(fate: Fate) -> str:
    return "\n".join(
        f"| `{dashed(flag.name)}` | {flag.why} |" for flag in FLAGS if flag.fate is fate
    )


def _missing() -> str:
    return "\n".join(
        f"| `{dashed(flag.name)}` | {_values(flag.harmless)} |"
        for flag in FLAGS
        if flag.fate is Fate.MISSING
    )


def _values(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" if value else "empty" for value in values)
