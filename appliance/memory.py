"""Keeps memory from growing with visits: kept in few heaps, and what ended visits leave is given back to the system."""

from __future__ import annotations

import ctypes
import gc

_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""
_HEAPS = 2


def share_heaps() -> None:
    """Before threads are started: glibc gives each a heap of its own, up to eight a core, and each keeps pieces.

    With these two, 100 visits left 0.06 and 0.16 MiB each where with as many as came 0.09, 0.36 and 0.38 were left. No
    engine became slower. Does nothing where the C library is not glibc.
    """
    _glibc("mallopt", _M_ARENA_MAX, _HEAPS)


def settle() -> None:
    """Once everything is loaded: what is there now stays, and is no more looked through at each collection.

    Full collections then take some milliseconds; before, 140 to 250 with 180,000 objects, in which no visitor's thread
    runs. They were so rare that 20 visits' rooms and speech, 5 MiB each, waited for one.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Free what ended visits hold in cycles, and return free pages: glibc keeps them, in many pieces.

    The second takes 2 to 25 ms, without Python's lock, and does nothing where the C library is not glibc.
    """
    gc.collect()
    _glibc("malloc_trim", 0)


def _glibc(function: str, *args: int) -> None:
    """Call a function that other C libraries need not have."""
    call = getattr(ctypes.CDLL(None), function, None)
    if call is not None:
        call(*args)
