"""When an attempt is made again, and after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from pybuild.http.errors import TransportError
from pybuild.http.response import Response

_NOT_IMPLEMENTED = 501
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Retries:
    """When and after how long an attempt is made again: 429, 5xx and broken connections.

    Attributes:
        attempts: All of them, the first included.
        base_s: The first pause; it doubles each time.
        longest_s: A server that asks for more patience than this is not asked again.
        random: From 0 up to 1; shortens each pause by up to a half, so that clients spread out.
    """

    attempts: int = 5
    base_s: float = 0.5
    longest_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def again(self, attempt: int, outcome: Response | TransportError) -> bool:
        """Sleep before another attempt, and say so; False where there must be none.

        Args:
            attempt: Counts from 1.
            outcome: What the attempt came to.
        """
        pause = self._pause(attempt, outcome)
        if pause is None or pause > self.longest_s or attempt >= self.attempts:
            return False
        self.sleep(pause)
        return True

    def _pause(self, attempt: int, outcome: Response | TransportError) -> float | None:
        spread = self.base_s * float(2 ** (attempt - 1)) * (1 - self.random() / 2)
        if isinstance(outcome, TransportError):
            return spread if outcome.passing else None
        server_error = outcome.status >= 500 and outcome.status != _NOT_IMPLEMENTED  # noqa: PLR2004
        if outcome.status != _TOO_MANY_REQUESTS and not server_error:
            return None
        return max(spread, _retry_after_s(outcome.headers))


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """RFC 9110 section 10.2.3: seconds, or a date; the server's own clock is its reference."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return (until - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
    except (ValueError, TypeError):
        return 0.0
