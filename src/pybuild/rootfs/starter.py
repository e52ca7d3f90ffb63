"""The builder's side of the starter."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pybuild
from pybuild import events
from pybuild.errors import HostUnsupported, StepFailed
from pybuild.rootfs.lines import LineSplitter
from pybuild.rootfs.run import protocol

# ``-m`` would need a ``site`` that knows an editable install, and costs its start-up time.
_MAIN = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main(sys.argv[2:])"
_CHUNK_BYTES = 64 * 1024
_KILLED = 137  # 128 + SIGKILL
_KILL_PATIENCE_MS = 60_000


def own_process(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``main`` of a module of ``rootfs/run``, without ``site``."""
    packages = str(Path(pybuild.__file__).resolve().parent.parent)
    interpreter = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c"]
    return [*interpreter, _MAIN.format(module=module), packages, *arguments]


class Starter:
    """The process that starts RUNs; a context manager; ``run`` is safe in many threads.

    Made before any thread exists and before a credential is read: it gets no environment and no
    descriptor but its socket.

    Args:
        emit: Gets a Debug event for each thing a RUN could have had and did not.
        hide: Close the starter's memory to RUNs that are root in the same container.
    """

    def __init__(self, emit: events.Emit, *, hide: bool) -> None:
        self._emit = emit
        self._noted: set[str] = set()
        self._sending = threading.Lock()
        self._ready = False
        self._control, theirs = socket.socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), *(["hide"] if hide else [])]
            self._process = subprocess.Popen(
                own_process("pybuild.rootfs.run.__main__", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until it has loaded all its code: afterwards it needs no file of ours."""
        with self._sending:
            if not self._ready:
                if protocol.receive(self._control) is None:
                    raise HostUnsupported("the starter of RUN commands did not start")
                self._ready = True

    def run(
        self,
        spec: protocol.RunSpec,
        on_line: Callable[[str], None],
        made: list[str] | None = None,
    ) -> int:
        """Run a command; when this returns or raises, nothing of it is left.

        Args:
            spec: What to run.
            on_line: Gets the lines of its output.
            made: Gets the paths that were made in its tree to mount something there, whatever
                this raises but StepFailed.

        Raises:
            StepFailed: Starter or keeper was killed.
            HostUnsupported: The command could not be started.
        """
        if self._process.returncode is not None:
            raise _starter_died(spec)
        self.wait_ready()
        with contextlib.ExitStack() as stack:
            channel, output = self._send(spec, stack)
            lines = LineSplitter(on_line)
            reply = None
            try:
                reply = _follow(channel, output, lines)
            except BaseException:
                reply = _kill(channel)
                raise
            finally:
                if reply and made is not None:
                    made += reply.made
            _drain(output, lines)
        return self._judge(spec, reply)

    def stop(self) -> None:
        """End all it runs, which fails with StepFailed there, and refuse more; from any thread."""
        with contextlib.suppress(OSError):  # it has ended, or was closed
            self._control.shutdown(socket.SHUT_RDWR)
        self._process.wait()

    def close(self) -> None:
        """End the starter, and with it all it runs; idempotent."""
        self._control.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(
        self, spec: protocol.RunSpec, stack: contextlib.ExitStack
    ) -> tuple[socket.socket, int]:
        channel, theirs = socket.socketpair()
        stack.enter_context(channel)
        output, writer = os.pipe()
        stack.callback(os.close, output)
        try:
            with theirs, self._sending:
                protocol.send(self._control, spec._asdict(), (theirs.fileno(), writer))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _starter_died(spec) from error
        finally:
            os.close(writer)
        return channel, output

    def _judge(self, spec: protocol.RunSpec, reply: protocol.Reply | None) -> int:
        if reply is None:
            raise _starter_died(spec)
        for note in reply.notes:
            if note not in self._noted:
                self._noted.add(note)
                self._emit(events.Debug(note))
        if reply.failure:
            raise HostUnsupported(f"{spec.argv[:1]} could not be run: {reply.failure}")
        return reply.status


def _follow(channel: socket.socket, output: int, lines: LineSplitter) -> protocol.Reply | None:
    """Hand on output until the keeper says that all is over; the pipe may outlive the command."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.register(output, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if output in ready:
            data = os.read(output, _CHUNK_BYTES)
            lines.feed(data)
            if not data:
                poll.unregister(output)
        elif channel.fileno() in ready:
            return _receive_reply(channel)


def _receive_reply(channel: socket.socket) -> protocol.Reply | None:
    frame = protocol.receive(channel)
    return protocol.Reply(**frame[0]) if frame else None


def _drain(output: int, lines: LineSplitter) -> None:
    """What the dead have written is in the pipe; whoever else may hold it is not waited for."""
    os.set_blocking(output, False)
    with contextlib.suppress(BlockingIOError):
        while data := os.read(output, _CHUNK_BYTES):
            lines.feed(data)
    lines.end()


def _kill(channel: socket.socket) -> protocol.Reply | None:
    """Let the keeper end the RUN, and wait for that."""
    with contextlib.suppress(OSError):
        channel.shutdown(socket.SHUT_WR)
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        if poll.poll(_KILL_PATIENCE_MS):
            return _receive_reply(channel)
    return None


def _starter_died(spec: protocol.RunSpec) -> StepFailed:
    return StepFailed(
        f"the process that runs {spec.argv[:1]} was killed",
        status=_KILLED,
        hint="look for a command that kills every process, or for a memory limit",
    )
