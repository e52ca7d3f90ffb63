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
_DOUBLINGS = 30  # far beyond every longest_s, and no overflow


@dataclass(frozen=True, slots=True)
class Retries:
    """When and after how long an attempt is made again: 429, 5xx and broken connections.

    Attributes:
        attempts: All of them, the first included.
        base_s: The first pause; it doubles each time, up to longest_s.
        longest_s: A server that asks for more patience than this is not asked again.
        random: From 0 up to 1; shortens each pause by up to a half, so that clients spread out.
        now_s: Seconds since 1970, for a date from a server that does not tell its own.
    """

    attempts: int = 5
    base_s: float = 0.5
    longest_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    now_s: Callable[[], float] = time.time

    def again(
        self, attempt: int, outcome: Response | TransportError, attempts: int | None = None
    ) -> bool:
        """Sleep before another attempt, and say so; False where there must be none.

        Args:
            attempt: Counts from 1.
            outcome: What the attempt came to.
            attempts: How many there may be, or None for its own number.
        """
        pause = self._pause(attempt, outcome)
        limit = self.attempts if attempts is None else attempts
        if pause is None or pause > self.longest_s or attempt >= limit:
            return False
        self.sleep(pause)
        return True

    def _pause(self, attempt: int, outcome: Response | TransportError) -> float | None:
        doubled = self.base_s * float(2 ** min(attempt - 1, _DOUBLINGS))
        spread = min(doubled, self.longest_s) * (1 - self.random() / 2)
        if isinstance(outcome, TransportError):
            return spread if outcome.passing else None
        server_error = outcome.status >= 500 and outcome.status != _NOT_IMPLEMENTED  # noqa: PLR2004
        if outcome.status != _TOO_MANY_REQUESTS and not server_error:
            return None
        return max(spread, self._retry_after_s(outcome.headers))

    def _retry_after_s(self, headers: Mapping[str, str]) -> float:
        """RFC 9110 section 10.2.3: seconds, or a date; the server's own clock is its reference."""
        text = headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return float(text)
        until_s = _seconds(text)
        if until_s is None:
            return 0.0
        said_s = _seconds(headers.get("Date", ""))
        return until_s - (self.now_s() if said_s is None else said_s)


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return None
