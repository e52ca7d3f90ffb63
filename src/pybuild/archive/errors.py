"""What is wrong with an archive, before anybody knows whose archive it is."""

from __future__ import annotations


class ArchiveError(ValueError):
    """The bytes are not the archive they should be: cut, malformed, hostile or not supported.

    Callers turn it into the error of their room: a layer's is an IntegrityError, a context's a
    ContextError.
    """
