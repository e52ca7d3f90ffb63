"""Threads along a stream: bounded queues, the first error wins, no thread is left behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from types import TracebackType
from typing import Self

_DEPTH = 4  # pieces of 1 MiB in flight between two threads


class Worker:
    """A thread that calls one function with each piece it is given, in order.

    Leaving its ``with`` block ends the thread; without ``finish``, pieces in flight are dropped.
    """

    def __init__(self, consume: Callable[[bytes], object]) -> None:
        self._consume = consume
        self._queue: queue.Queue[bytes | None] = queue.Queue(_DEPTH)
        self._error: BaseException | None = None
        self._dropping = False
        self._thread = threading.Thread(target=self._run, name="layer", daemon=True)
        self._thread.start()

    def put(self, piece: bytes) -> None:
        """Hand over a piece; waits where the thread is behind.

        Raises:
            BaseException: What the function raised for an earlier piece.
        """
        if self._error is not None:
            raise self._error
        self._queue.put(piece)

    def finish(self) -> None:
        """Wait until every piece has been consumed; raises what the function raised."""
        self._end()
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._dropping = True
        self._end()

    def _end(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (piece := self._queue.get()) is not None:
            if self._error is not None or self._dropping:
                continue  # taken all the same, so that nobody waits for room in vain
            try:
                self._consume(piece)
            except BaseException as error:  # noqa: BLE001 - raised again in put and finish
                self._error = error


class Prefetch:
    """An iterator that a thread reads ahead of its consumer.

    Leaving its ``with`` block ends the thread as soon as the source gives or raises something; the
    source is closed in the thread that read it.
    """

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_DEPTH)
        self._stopping = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="layer", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        piece = self._queue.get()
        if isinstance(piece, bytes):
            return piece
        self._ended = True
        if piece is None:
            raise StopIteration
        raise piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        while not self._ended and isinstance(self._queue.get(), bytes):
            pass
        self._ended = True
        self._thread.join()

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            with _closing(self._source):
                self._read_ahead()
        except BaseException as error:  # noqa: BLE001 - raised again in the consumer
            end = error
        self._queue.put(end)

    def _read_ahead(self) -> None:
        for piece in self._source:
            if self._stopping:
                return
            self._queue.put(piece)


def _closing(source: Iterator[bytes]) -> AbstractContextManager[object]:
    """Close a generator on leaving; other iterators have nothing to close."""
    return closing(source) if isinstance(source, Generator) else nullcontext()
