"""The table of the language → ``docs/dockerfile.md``: ``python -m conformance.page`` in tests."""

from collections.abc import Iterator
from pathlib import Path

from conformance.language import Form, Group, groups

PAGE = Path(__file__).parents[2] / "docs" / "dockerfile.md"
HERE = "../tests/conformance"

HEAD = """\
<!-- Made from tests/conformance/language.toml by python -m conformance.page; do not edit. -->

# The Dockerfile language

Every instruction, flag and form of BuildKit's language is done or refused; there is no third state.
What is *done* names the cases that prove it: builds whose images are compared, in configuration,
history and every file, with those of docker 28's BuildKit. Where ours differ on purpose is said in
[deviations](deviations.md). What is *refused* is an error that says so, never silence.
"""


def page() -> str:
    """The page as it should be."""
    return "\n".join([HEAD, *map(section, groups())])


def section(group: Group) -> str:
    """A group's heading and table."""
    rows = [
        f"| {escaped(form.text)} | {'refused' if form.refused else 'done'} | {remark(form)} |"
        for form in group.forms
    ]
    table = ["| Form | State | Because, or proven by |", "| --- | --- | --- |", *rows, ""]
    return "\n".join([f"## {group.title}", "", *table])


def remark(form: Form) -> str:
    """Why it is refused, or what proves it."""
    reason = [f"{escaped(form.refused)}"] if form.refused else []
    return "; ".join([*reason, ", ".join(links(form))] if form.cases else reason)


def links(form: Form) -> Iterator[str]:
    """A link to each case."""
    for name in form.cases:
        place = f"{name}.Dockerfile" if name.startswith("checks/") else f"cases/{name}.case"
        yield f"[{name}]({HERE}/{place})"


def escaped(text: str) -> str:
    """Text for the cell of a table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
