"""The console script: a signal counts from its first moment on, before the program is imported."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGINT)
"""What ends a build."""

_STATUS = 143  # 128 and SIGTERM, as of errors.Terminated, which is not imported yet


def main() -> int:
    """Run the program, whose own handlers follow."""
    for number in ENDING:
        signal.signal(number, end_at_once)
    from pybuild.cli.main import main as program  # noqa: PLC0415 - what takes its time

    return program()


def end_at_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the process where there is nothing to put back."""
    os._exit(_STATUS)
