"""Case files: a Dockerfile, the flags of its build, and its context, as one readable text.

A case file is the Dockerfile, up to the first line that begins a section. Sections are::

    -- $ NAME=value --target two --secret id=a,env=NAME --    variables and flags of the build
    -- PATH ATTRIBUTE... --                   a file, its text below
    -- PATH/ ATTRIBUTE... --                  a directory
    -- PATH -> TARGET --                      a symbolic link
    -- PATH = OTHER --                        another name of a file that stands above
    -- http:NAME ATTRIBUTE... "Header: value" --  a file of a server, and headers of its answer
    -- git:REPOSITORY/PATH ATTRIBUTE... --    a file of a git repository: in its branch ``main``, or
                                              before it in the commit tagged as ``at=TAG`` says

Attributes: a mode (``0750``), ``fifo``, ``socket``, ``crlf`` and ``bom`` for how a text is written,
``hex`` for bytes in hexadecimal, ``tar`` or ``tar=gz`` (bz2, xz, zst) for a text that names an
archive's entries (``cut=N`` leaves out its last N bytes), and ``user.NAME=VALUE``, an extended
attribute; of a directory ``image=NAME``, a layout of one of ``conformance.own_bases``; of a file of
a server ``status=N`` and ``authorization=TEXT``, without which a request is refused; of a directory
of a repository ``submodule=REPOSITORY``, one that stands above. The section
``-- Dockerfile crlf --`` holds a Dockerfile that is not written like the rest. A file is 0644, a
directory 0755; everything is as old as ``TIME``.

In texts and flags ``{http}``, ``{git}`` and ``{registry}`` are where these can be reached, in flags
``{context}`` is where the context is. A line ``# oracle: dockerfile 1.20`` says which frontend the
oracle reads the Dockerfile with, where its own is too old; ``# oracle: by hand``, that it cannot
tell, and that the golden was written.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from conformance.places import Places
from conformance.sections import Section, make

CASES = Path(__file__).parent / "cases"
SUFFIX = ".case"

TIME = 981173106  # 2001-02-03 04:05:06 UTC
MARK = re.compile(r"^-- (\S.*) --\n", re.MULTILINE)
RULE = re.compile(r"^# rule: (.+)$", re.MULTILINE)
ORACLE = re.compile(r"^# oracle: (?:dockerfile (.+)|(by hand))$", re.MULTILINE)
VARIABLE = re.compile(r"[A-Z_]+=.*")


@dataclass(frozen=True)
class Case:
    """A rule of the language, and a build that shows it.

    Attributes:
        env: Variables that the builder is started with.
        frontend: The version of the oracle's frontend, or empty for its own.
        served: Files of a server, paths below ``{http}``.
        repositories: Files of git repositories, paths below ``{git}``.
        by_hand: Whether its golden was written from the rule, since the oracle cannot tell.
    """

    name: str
    rule: str
    dockerfile: bytes
    flags: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    served: tuple[Section, ...] = ()
    repositories: tuple[Section, ...] = ()
    frontend: str = ""
    by_hand: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the build is to fail."""
        return self.name.startswith("refused/")

    @property
    def is_about_times(self) -> bool:
        """Whether times of directories count."""
        return "time" in self.rule

    def flags_for(self, context: Path | str, places: Places) -> list[str]:
        """The flags of its build, with the places that they name."""
        return [
            places.fill(flag.replace("{context}", str(context)), self.name) for flag in self.flags
        ]

    def write(self, context: Path, places: Places) -> None:
        """Make the context, the Dockerfile in it."""
        context.mkdir(parents=True)
        if self.dockerfile:
            text = places.fill_bytes(self.dockerfile, self.name)
            make(context, Section("Dockerfile", ""), text)
        for section in self.sections:
            make(context, section, places.fill_bytes(section.content(), self.name))

        # Last, since making a file moves its directory's time.
        for folder, _, files in os.walk(context):
            for name in (*files, "."):
                os.utime(Path(folder, name), (TIME, TIME), follow_symlinks=False)


def cases() -> Iterator[Case]:
    """All cases, by name."""
    for path in sorted(CASES.rglob(f"*{SUFFIX}")):
        yield parse(str(path.relative_to(CASES).with_suffix("")), path.read_bytes().decode())


def parse(name: str, text: str) -> Case:
    """Read a case file; it has one line `# rule: ...`."""
    (rule,) = re.findall(RULE, text)
    oracle = re.search(ORACLE, text)
    first, *rest = re.split(MARK, text)
    case = Case(name, rule, first.encode(), ())
    if oracle:
        case = replace(case, frontend=oracle[1] or "", by_hand=bool(oracle[2]))
    for pair in zip(rest[::2], rest[1::2], strict=True):
        case = with_section(case, Section(*pair))
    return case


def with_section(case: Case, section: Section) -> Case:
    """A case and one section more."""
    match section.path.split(":")[0]:
        case "$":
            words = section.words[1:]
            variables = tuple(takewhile(VARIABLE.fullmatch, words))
            env = tuple((name, value) for name, _, value in (w.partition("=") for w in variables))
            return replace(case, env=env, flags=tuple(words[len(env) :]))
        case "Dockerfile":
            text = case.dockerfile.decode() + section.text
            return replace(case, dockerfile=replace(section, text=text).content())
        case "http":
            return replace(case, served=(*case.served, section.below("http:")))
        case "git":
            return replace(case, repositories=(*case.repositories, section.below("git:")))
        case _:
            return replace(case, sections=(*case.sections, section))
