"""What can be wrong with a COPY, before anybody knows its line in the Dockerfile."""

from __future__ import annotations


class PlacementError(ValueError):
    """Files cannot be placed as asked; the message is the user's, without its Dockerfile line."""


class SourceMissing(LookupError):  # noqa: N818 - says what was found, like the errors of the project
    """A source without wildcards names nothing.

    Attributes:
        source: Its path from the source's root, as ``/x``.
        nearest: What is there under almost that name, or empty.
    """

    def __init__(self, source: str, nearest: str = "") -> None:
        super().__init__(f'"{source}": not found')
        self.source = source
        self.nearest = nearest
