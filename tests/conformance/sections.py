"""Sections of a case file: each is one file, what its heading says and the text below it."""

import os
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path

from conformance.archive_text import archive
from conformance.own_bases import write_layout


@dataclass(frozen=True)
class Section:
    """One entry of a context, of a repository or of a server: its heading, and its text."""

    heading: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.heading)

    @property
    def path(self) -> str:
        return self.words[0]

    @property
    def attributes(self) -> dict[str, str]:
        """The words ``NAME=VALUE`` of the heading."""
        return dict(word.split("=", 1) for word in self.words[1:] if "=" in word[1:])

    def below(self, prefix: str) -> "Section":
        """The same, its path without a prefix."""
        return Section(self.heading.replace(prefix, "", 1), self.text)

    def content(self) -> bytes:
        """The text, written as the heading's attributes say."""
        if "tar" in self.words or "tar" in self.attributes:
            data = archive(self.text, self.attributes.get("tar", ""))
            return data[: len(data) - int(self.attributes.get("cut", "0"))]
        if "hex" in self.words:
            return bytes.fromhex(self.text)
        text = self.text.replace("\n", "\r\n") if "crlf" in self.words else self.text
        return text.encode("utf-8-sig" if "bom" in self.words else "utf-8")


def make(folder: Path, section: Section, content: bytes) -> None:
    """Make one entry, and the directories above it."""
    path = folder / section.path
    path.parent.mkdir(parents=True, exist_ok=True)
    is_directory = section.path.endswith("/")
    match section.words[1:]:
        case ["->", target]:
            path.symlink_to(target)
            return
        case ["=", other]:
            path.hardlink_to(folder / other)
            return
        case ["fifo", *_]:
            os.mkfifo(path)
        case ["socket", *_]:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        case _ if "image" in section.attributes:
            write_layout(section.attributes["image"], path)
        case _ if is_directory:
            path.mkdir(exist_ok=True)
        case _:
            path.write_bytes(content)

    path.chmod(0o755 if is_directory else 0o644)  # whatever the umask
    set_attributes(path, section)


def set_attributes(path: Path, section: Section) -> None:
    """Give a file the mode and the extended attributes of its heading."""
    for word in section.words[1:]:
        if word.isdecimal():
            path.chmod(int(word, 8))
    for name, value in section.attributes.items():
        if "." in name:
            os.setxattr(path, name, value.encode())
