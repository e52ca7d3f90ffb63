"""``created_by`` texts, as BuildKit writes them (dockerfile2llb ``commitToHistory`` callers)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping

from pybuild.dockerfile.durations import duration_text
from pybuild.dockerfile.instructions import Add, Copy
from pybuild.oci.config import HealthcheckConfig, History

_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    "'": r"\'",
}
COMMENT = "buildkit.dockerfile.v0"
"""The comment that tools look for to tell a Dockerfile's entries."""

_EXPORTER = "buildkit.exporter.image.v0"  # exporter/containerimage/writer.go


def made_layer(created_by: str) -> History:
    """The entry of a step with a layer; ``created`` is filled in when it has run."""
    return History(created_by=created_by, comment=COMMENT)


def made_by_context(name: str) -> History:
    """The entry of the layer that ``FROM name`` makes of a named context's files.

    BuildKit's exporter writes it at the image's end, whatever comes after it; here it stands
    where its layer is.
    """
    return History(created_by=f"local source for {name}", comment=_EXPORTER)


def made_none(created_by: str) -> History:
    """The entry of an instruction that only changes the configuration."""
    return History(created_by=created_by, comment=COMMENT, empty_layer=True)


def run_text(argv: Iterable[str], args: Mapping[str, str]) -> str:
    """``RUN |N k=v … /bin/sh -c cmd # buildkit``; args are the ARGs in scope."""
    words = list(argv)
    if args:
        words = [f"|{len(args)}", *(f"{name}={value}" for name, value in args.items()), *words]
    return f"RUN {' '.join(words)} # buildkit"


def placed_text(
    instruction: Copy | Add, sources: Iterable[str], destination: str, owner: str, mode: str
) -> str:
    """``COPY [--parents] [--chown=…] [--chmod=…] source… <<name… destination # buildkit``."""
    words = ["ADD" if isinstance(instruction, Add) else "COPY"]
    if isinstance(instruction, Copy) and instruction.parents:
        words.append("--parents")
    words += [f"--{flag}={value}" for flag, value in (("chown", owner), ("chmod", mode)) if value]
    names = (f"<<{heredoc.name}" for heredoc in instruction.heredocs)
    return " ".join([*words, *sources, *names, destination, "# buildkit"])


def pairs_text(name: str, pairs: Iterable[tuple[str, str | None]]) -> str:
    """``ENV a=b c=d``."""
    words = [key if value is None else f"{key}={value}" for key, value in pairs]
    return " ".join([name, *words])


def healthcheck_text(check: HealthcheckConfig) -> str:
    r"""``HEALTHCHECK &{["CMD-SHELL" "x"] "30s" "0s" "0s" "0s" '\x03'}``.

    That is how docker 28 prints the struct (Go's ``%q``): the number of retries is a character.
    """
    times = (
        check.interval_ns,
        check.timeout_ns,
        check.start_period_ns,
        check.start_interval_ns,
    )
    shown = [_quoted(duration_text(time_ns)) for time_ns in times]
    fields = [_quoted_list(check.test), *shown, _quoted_character(check.retries)]
    return f"HEALTHCHECK &{{{' '.join(fields)}}}"


def _quoted_character(code: int) -> str:
    """A number as Go's ``%q`` prints it (``strconv.QuoteRune``)."""
    if code > sys.maxunicode or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - surrogates
        code = 0xFFFD
    character = chr(code)
    if character in _ESCAPES:
        return f"'{_ESCAPES[character]}'"
    if character.isprintable():
        return f"'{character}'"
    if code < 0x80:  # noqa: PLR2004 - the end of ASCII
        return f"'\\x{code:02x}'"
    return f"'\\u{code:04x}'" if code <= 0xFFFF else f"'\\U{code:08x}'"  # noqa: PLR2004 - as Go


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _quoted_list(words: Iterable[str]) -> str:
    return f"[{' '.join(map(_quoted, words))}]"


def words_text(name: str, words: Iterable[str]) -> str:
    """``CMD ["a" "b"]``, as Go prints a slice of quoted strings."""
    return f"{name} {_quoted_list(words)}"


def list_text(name: str, words: Iterable[str]) -> str:
    """``EXPOSE [80/tcp]``."""
    return f"{name} [{' '.join(words)}]"
