"""Case files: a Dockerfile, the flags of its build, and its context, as one readable text.

A case file is the Dockerfile, up to the first line that begins a section. Sections are::

    -- $ --target two --build-arg A=b --      flags of the build; {context} is where the context is
    -- PATH ATTRIBUTE... --                   a file, its text below
    -- PATH/ ATTRIBUTE... --                  a directory
    -- PATH -> TARGET --                      a symbolic link
    -- PATH = OTHER --                        another name of a file that stands above

Attributes: a mode (``0750``), ``fifo``, ``crlf`` and ``bom`` for how a text is written, and
``NAME=VALUE``, an extended attribute. The section ``-- Dockerfile crlf --`` holds a Dockerfile that
is not written like the rest. A file is 0644, a directory 0755; everything is as old as ``TIME``.
"""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

CASES = Path(__file__).parent / "cases"
SUFFIX = ".case"

TIME = 981173106  # 2001-02-03 04:05:06 UTC
MARK = re.compile(r"^-- (\S.*) --\n", re.MULTILINE)
RULE = re.compile(r"^# rule: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """One entry of a context: what its heading says, and the text below it."""

    heading: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.heading)

    @property
    def path(self) -> str:
        return self.words[0]

    def content(self) -> bytes:
        """The text, written as the heading's attributes say."""
        text = self.text.replace("\n", "\r\n") if "crlf" in self.words else self.text
        return text.encode("utf-8-sig" if "bom" in self.words else "utf-8")


@dataclass(frozen=True)
class Case:
    """A rule of the language, and a build that shows it."""

    name: str
    rule: str
    dockerfile: bytes
    flags: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def is_refused(self) -> bool:
        """Whether the build is to fail."""
        return self.name.startswith("refused/")

    @property
    def is_about_times(self) -> bool:
        """Whether times of directories count."""
        return "time" in self.rule

    def flags_for(self, context: Path | str) -> list[str]:
        """The flags of its build, with the place of the context."""
        return [flag.replace("{context}", str(context)) for flag in self.flags]

    def write(self, context: Path) -> None:
        """Make the context, the Dockerfile in it."""
        context.mkdir(parents=True)
        if self.dockerfile:
            make(context, Section("Dockerfile", ""), self.dockerfile)
        for section in self.sections:
            make(context, section, section.content())

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
    first, *rest = re.split(MARK, text)
    sections = [Section(*pair) for pair in zip(rest[::2], rest[1::2], strict=True)]
    flags: tuple[str, ...] = ()
    dockerfile = first.encode()
    context = []
    for section in sections:
        match section.path:
            case "$":
                flags = tuple(section.words[1:])
            case "Dockerfile":
                dockerfile = replace(section, text=first + section.text).content()
            case _:
                context.append(section)
    return Case(name, rule, dockerfile, flags, tuple(context))


def make(context: Path, section: Section, content: bytes) -> None:
    """Make one entry, and the directories above it."""
    path = context / section.path
    path.parent.mkdir(parents=True, exist_ok=True)
    is_directory = section.path.endswith("/")
    match section.words[1:]:
        case ["->", target]:
            path.symlink_to(target)
            return
        case ["=", other]:
            path.hardlink_to(context / other)
            return
        case ["fifo", *_]:
            os.mkfifo(path)
        case _ if is_directory:
            path.mkdir(exist_ok=True)
        case _:
            path.write_bytes(content)

    path.chmod(0o755 if is_directory else 0o644)  # whatever the umask
    for word in section.words[1:]:
        name, equals, value = word.partition("=")
        if equals:
            os.setxattr(path, name, value.encode())
        elif word.isdecimal():
            path.chmod(int(word, 8))
