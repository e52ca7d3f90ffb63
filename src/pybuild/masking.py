"""Secrets are replaced before a line leaves the process, on every platform."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
SHORTEST = 4
"""Characters; a shorter value would blank out ordinary text."""


class Masker:
    """Replaces every secret it was given, and the forms it takes in URLs and headers.

    Multi-line secrets are masked line by line. Values of less than four characters are not
    masked: they would hide ordinary text and reveal themselves by that.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Mask this value from now on."""
        for line in secret.splitlines():
            value = line.strip()
            if len(value) < SHORTEST:
                continue
            encoded = base64.b64encode(value.encode()).decode()
            for form in (value, quote(value, safe=""), encoded, encoded.rstrip("=")):
                if form not in self._forms:
                    self._forms.append(form)
        self._forms.sort(key=len, reverse=True)

    def mask(self, text: str) -> str:
        """Text with every secret replaced by ``***``."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text
