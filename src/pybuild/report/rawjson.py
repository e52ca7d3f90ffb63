"""Events → one JSON object a line, for programs that read logs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pybuild.errors import PybuildError
from pybuild.events import Event
from pybuild.masking import Masker
from pybuild.report.lines import Lines
from pybuild.report.metadata import failure_document, result_document
from pybuild.request import BuildResult

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class JsonLog:
    """Prints every event as an object with its name in ``event``."""

    def __init__(self, lines: Lines, masker: Masker) -> None:
        self._lines = lines
        self._masker = masker

    def emit(self, event: Event) -> None:
        """Print an event."""
        name = _WORD.sub("-", type(event).__name__).lower()
        self._object({"event": name, **asdict(event)})

    def finish(self, result: BuildResult) -> None:
        """Print what the build made."""
        self._object({"event": "result", **result_document(result)})

    def fail(self, error: PybuildError) -> None:
        """Print why it failed."""
        self._object({"event": "error", **failure_document(error)})

    def _object(self, document: Mapping[str, Any]) -> None:
        # Masked before it is encoded: an escaped secret would not be recognized.
        masked = {
            key: self._masker.mask(value) if isinstance(value, str) else value
            for key, value in document.items()
        }
        self._lines.line(json.dumps(masked, ensure_ascii=False))
