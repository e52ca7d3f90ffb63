"""COPY, ADD and WORKDIR: what is placed, in order, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pybuild.dockerfile.expand import ExpansionError, expand_body
from pybuild.dockerfile.instructions import Add, Copy, Heredoc, Workdir
from pybuild.dockerfile.remote_address import RemoteKind, remote_kind
from pybuild.dockerfile.source import Problem
from pybuild.graph import history
from pybuild.graph.plan import (
    Action,
    CopyAction,
    Files,
    FromContext,
    Inline,
    Part,
    Source,
    WorkdirAction,
)
from pybuild.graph.reading import Reading
from pybuild.graph.remotes import git_source, http_source
from pybuild.imagepath import ImagePath
from pybuild.ports import RemoteSource


def copy(reading: Reading, instruction: Copy) -> Action:
    """``COPY``: files of the context, of a stage or of an image."""
    sources = tuple(reading.word(instruction, word) for word in instruction.sources)
    for text in sources:
        kind = remote_kind(text)
        if kind is not None:
            what = "a git ref" if kind is RemoteKind.GIT else "a URL"
            raise reading.problem(
                instruction, f"source can't be {what} for COPY", "use ADD, which fetches"
            )
    source = reading.sources[instruction.from_] if instruction.from_ else FromContext()
    action = _action(reading, instruction, sources, _local(sources, source))
    return replace(action, parents=instruction.parents)


def add(reading: Reading, instruction: Add) -> Action:
    """``ADD``: the same from the context alone, and from URLs and git repositories."""
    sources = tuple(reading.word(instruction, word) for word in instruction.sources)
    try:
        parts = _added(reading, instruction, sources)
    except Problem as problem:
        raise reading.problem(instruction, problem.message, problem.hint) from None
    action = _action(reading, instruction, sources, parts)
    return replace(action, add=True, unpack=instruction.unpack)


def workdir(reading: Reading, instruction: Workdir) -> Action | None:
    """``WORKDIR``: joined to the one before, an absolute one as written; ``/`` makes no layer."""
    state = reading.state
    path = reading.word(instruction, instruction.path)  # of an empty variable: no move, but a layer
    joined = str(ImagePath.parse(state.run.working_dir).join(path))
    shown = path if path.startswith("/") else joined
    state.run = replace(state.run, working_dir=shown)
    makes_layer = shown != "/"
    reading.note(f"WORKDIR {shown}", layer=makes_layer)
    return WorkdirAction(joined, state.run.user) if makes_layer else None


def _action(
    reading: Reading, instruction: Copy | Add, sources: tuple[str, ...], parts: tuple[Part, ...]
) -> CopyAction:
    destination = reading.word(instruction, instruction.destination)
    chown = reading.word(instruction, instruction.chown)
    chmod = reading.word(instruction, instruction.chmod)
    inline = tuple(_inline(reading, instruction, one) for one in instruction.heredocs)
    text = history.placed_text(instruction, sources, destination, chown, chmod)
    reading.note(text, layer=True)
    return CopyAction(
        (*parts, *inline),
        destination,
        reading.state.workdir,
        chown,
        chmod,
        add=False,
        link=instruction.link and not chmod,  # as in BuildKit, which does not link with a mode
        exclude=instruction.exclude,
    )


def _local(sources: tuple[str, ...], source: Source) -> tuple[Part, ...]:
    return (Files(source, sources),) if sources else ()


def _added(reading: Reading, add: Add, sources: tuple[str, ...]) -> tuple[Part, ...]:
    """Neighbours of the context are one part, each remote source is one of its own."""
    checksum = reading.word(add, add.checksum)
    if checksum and len(sources) != 1:
        raise Problem("checksum can't be specified for multiple sources")
    if checksum and remote_kind(sources[0]) is None:
        raise Problem("checksum requires HTTP(S) or Git sources")
    return tuple(_parts(add, sources, checksum))


def _parts(add: Add, sources: tuple[str, ...], checksum: str) -> Iterator[Part]:
    local: list[str] = []
    for source in sources:
        remote = _remote(add, source, checksum)
        if remote is None:
            local.append(source)
            continue
        yield from _local(tuple(local), FromContext())
        local.clear()
        yield remote
    yield from _local(tuple(local), FromContext())


def _remote(add: Add, source: str, checksum: str) -> RemoteSource | None:
    match remote_kind(source):
        case RemoteKind.GIT:
            return git_source(source, checksum, add.keep_git_dir)
        case RemoteKind.HTTP:
            return http_source(source, checksum)
        case None:
            return None


def _inline(reading: Reading, instruction: Copy | Add, heredoc: Heredoc) -> Inline:
    if not ImagePath.parse(heredoc.name).name or heredoc.name.endswith(("/", "/.", "/..")):
        raise reading.problem(
            instruction,
            f'the here-document "{heredoc.name}" names no file',
            "the word behind << is the file's name",
        )
    body = heredoc.body
    if heredoc.expand:
        try:
            body = expand_body(body, reading.state.env)
        except ExpansionError as error:
            raise reading.problem(instruction, str(error)) from None
    return Inline(heredoc.name, body.encode("utf-8", "surrogateescape"))
