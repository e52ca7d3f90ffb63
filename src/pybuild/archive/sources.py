"""Whose fault it is that bytes make no sense: their writer's, or that of where they lay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def blamed_first(chunks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """Where the block fails, have a source that checks itself at its end say first what it finds.

    Bytes that were damaged on disk break a decoder, a tar or the tree long before their digest is
    known. Then what the block left of the source is taken, and the source's own error takes the
    place of the block's. Where the source is what it should be, the block's error goes on.

    Args:
        chunks: The source.

    Yields:
        The source, for the block to read; no thread may read it any more when the block fails.
    """
    said: list[Exception] = []

    def remembered() -> Iterator[bytes]:
        try:
            for chunk in chunks:  # noqa: UP028 - it would close what is to be read on
                yield chunk
        except Exception as error:
            said.append(error)  # a thread that reads ahead of the block's failure drops it
            raise

    try:
        yield remembered()
    except Exception as error:
        for _ in chunks:
            pass
        if said and said[0] is not error:
            raise said[0] from None
        raise
