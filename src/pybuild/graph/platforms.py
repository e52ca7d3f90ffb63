"""``FROM --platform``: what people write → a platform (containerd ``platforms.Parse``)."""

from __future__ import annotations

from pybuild.errors import UsageError
from pybuild.oci.platform import Platform

_ALIASES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "i386": "386",
    "aarch64": "arm64",
    "armhf": "arm/v7",
    "armel": "arm/v6",
}
_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd"})
_ARCHITECTURES = frozenset(
    {"386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"}
)


def parse_platform(text: str) -> Platform:
    """``os/arch[/variant]``; one word is a system or an architecture, the rest is this machine's.

    Raises:
        UsageError: It is none of these.
    """
    words = text.strip().lower().split("/")
    if len(words) == 1:
        return _one_word(words[0])
    words[1] = _ALIASES.get(words[1], words[1])
    return Platform.parse("/".join(words))


def _one_word(word: str) -> Platform:
    host = Platform.host()
    word = _ALIASES.get(word, word)
    if word in _SYSTEMS:
        return Platform(word, host.architecture, host.variant)
    if word.partition("/")[0] not in _ARCHITECTURES:
        raise UsageError(
            f'"{word}": unknown operating system or architecture', hint="write linux/amd64"
        )
    return Platform.parse(f"{host.os}/{word}")
