"""``created_by`` texts, as BuildKit writes them (dockerfile2llb ``commitToHistory`` callers)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pybuild.dockerfile.durations import duration_text
from pybuild.dockerfile.instructions import Add, Copy
from pybuild.oci.config import HealthcheckConfig, History

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
    """``HEALTHCHECK {Test:[CMD-SHELL x] Interval:30s …}``, as Go prints the struct (``%+v``)."""
    times = {
        "Interval": check.interval_ns,
        "Timeout": check.timeout_ns,
        "StartPeriod": check.start_period_ns,
        "StartInterval": check.start_interval_ns,
    }
    shown = [f"{name}:{duration_text(time_ns)}" for name, time_ns in times.items()]
    test = f"Test:[{' '.join(check.test)}]"
    return f"HEALTHCHECK {{{' '.join([test, *shown, f'Retries:{check.retries}'])}}}"


def words_text(name: str, words: Iterable[str]) -> str:
    """``CMD ["a" "b"]``, as Go prints a slice of quoted strings."""
    return f"{name} [{' '.join(json.dumps(word, ensure_ascii=False) for word in words)}]"


def list_text(name: str, words: Iterable[str]) -> str:
    """``EXPOSE [80/tcp]``."""
    return f"{name} [{' '.join(words)}]"
