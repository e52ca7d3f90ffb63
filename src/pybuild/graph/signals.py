"""Signals as STOPSIGNAL takes them (moby/sys ``signal.ParseSignal``)."""

from __future__ import annotations

import re
import signal

_REAL_TIME = re.compile(r"RTM(?:IN(?:\+(?:1[0-5]|[1-9]))?|AX(?:-(?:1[0-4]|[1-9]))?)")
_HIGHEST = 64


def valid_signal(text: str) -> bool:
    """Whether text is a signal's number, or its name with or without SIG."""
    if text.isdecimal():
        return 1 <= int(text) <= _HIGHEST
    name = text.upper().removeprefix("SIG")
    return f"SIG{name}" in signal.Signals.__members__ or bool(_REAL_TIME.fullmatch(name))
