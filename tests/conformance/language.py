"""The language as a table: every form, and the cases that prove it or why it is refused."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("language.toml")


@dataclass(frozen=True)
class Form:
    """An instruction, a flag or a form of one.

    Attributes:
        text: What it is, in Markdown.
        cases: Names of cases: where it is done, proofs of that.
        refused: Why it is refused, or empty.
    """

    text: str
    cases: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class Group:
    """Forms that belong together."""

    title: str
    forms: tuple[Form, ...]


def groups() -> Iterator[Group]:
    """The whole table."""
    for group in tomllib.loads(TABLE.read_text())["group"]:
        yield Group(group["title"], tuple(map(form, group["rows"])))


def form(row: dict[str, object]) -> Form:
    """A row of the table; it says nothing but these three things."""
    assert row.keys() <= {"form", "cases", "refused"}, row
    return Form(str(row["form"]), tuple(row.get("cases", ())), str(row.get("refused", "")))
