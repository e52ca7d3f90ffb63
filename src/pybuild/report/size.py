"""Sizes and times as people read them."""

from __future__ import annotations

_STEP = 1000  # decimal units, as registries and docker show


def size(size_bytes: int) -> str:
    """A size with three digits or so: ``12.6MB``."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < _STEP:
            return f"{value:.0f}{unit}" if unit == "B" else f"{value:.1f}{unit}"
        value /= _STEP
    return f"{value:.1f}TB"


def seconds(duration_s: float) -> str:
    """A duration: ``3.4s``."""
    return f"{duration_s:.1f}s"
