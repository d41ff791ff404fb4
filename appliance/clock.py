"""Time, for everything that waits: one monotonic clock, replaced by a virtual one in tests."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds since an arbitrary start; never jumps, never goes back."""

    def __call__(self) -> float: ...


monotonic: Clock = time.monotonic


class VirtualClock:
    """A clock that a test moves by hand."""

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` (>= 0)."""
        assert seconds >= 0
        self.now_s += seconds
