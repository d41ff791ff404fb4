"""Gives free memory back to the system: the C library keeps what the threads of ended visits leave, in many pieces."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return free pages; takes 2 to 25 ms, without Python's lock. Does nothing where the C library is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
