"""The pre-build hook: commands that run in the context before the Dockerfile is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pybuild.errors import ContextError, HookFailed, UsageError
from pybuild.ports import FetchedContext, Process, Rootfs, StageTree
from pybuild.request import HookOptions

_SHELL = "/bin/sh"
_FIRST_SIGNAL_STATUS = 128
_NOT_FOUND = 127
_LONGEST_EXCERPT = 200


def run_hook(  # noqa: PLR0917 - what it runs, where, with what; each of its own type
    options: HookOptions,
    context: FetchedContext,
    rootfs: Rootfs,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    image_tree: StageTree | None = None,
    *,
    shell: Path = Path(_SHELL),
) -> None:
    """Run the hook with the context as its working directory; nothing where there is no script.

    Args:
        options: The script, and whether an image runs it.
        context: It must be writable.
        rootfs: Runs the builder's own shell.
        env: The whole environment of the script: the image's own where an image runs it.
        on_line: Gets each line of output.
        image_tree: The tree of ``options.image``, already there; None where no image is named.
        shell: The builder's own shell.

    Raises:
        ContextError: The context cannot be written.
        HookFailed: The script ended with a status other than 0.
        UsageError: The script has a NUL in it.
    """
    if not options.script.strip():
        return
    if bool(options.image) != (image_tree is not None):
        raise ValueError("a hook image and its tree come together")
    if "\0" in options.script:
        raise UsageError("the pre-build hook holds a NUL character", hint="remove it")
    _must_be_writable(context)

    arguments = ("-e", "-c", options.script)
    if image_tree is None:
        argv = (str(shell), *arguments)
        status = rootfs.run_on_host(argv, env, context.directory, on_line)
    else:
        process = Process(
            argv=(_SHELL, *arguments),
            env=tuple(env.items()),
            host_directory=context.directory,
        )
        status = image_tree.run(process, on_line)
    if status:
        raise _failed(options, status)


def _must_be_writable(context: FetchedContext) -> None:
    """Find out now what would else fail in the middle of the hook."""
    # access(2) also tells of read-only mounts, to root too.
    if not os.access(context.directory, os.W_OK | os.X_OK):
        raise ContextError(
            f"the pre-build hook needs to write to the context {context.directory}, which is"
            " read-only",
            hint="mount the context writable, or give it as an archive or a git repository",
        )


def _failed(options: HookOptions, status: int) -> HookFailed:
    where = f" in {options.image}" if options.image else ""
    how = f"exit code {status}"
    if status > _FIRST_SIGNAL_STATUS:
        how += f" (signal {status - _FIRST_SIGNAL_STATUS})"
    hint = "a command was not found" if status == _NOT_FOUND else ""
    if hint and options.image:
        hint += f", or the image has no {_SHELL}"
    return HookFailed(
        f"the pre-build hook failed{where}: {how}",
        status=status,
        hint=hint,
        excerpt=_first_line(options.script),
    )


def _first_line(script: str) -> str:
    """The first line that says something; the rest may hold more than a log should."""
    line = next(line.strip() for line in script.splitlines() if line.strip())
    return line if len(line) <= _LONGEST_EXCERPT else line[:_LONGEST_EXCERPT] + "…"
