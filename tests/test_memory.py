"""Memory that was freed in pieces, and is given back."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from appliance.evaluation.churn import usage
from appliance.memory import give_back, settle

BLOCK, BLOCKS = 100_000, 1000


def test_freed_memory_under_a_block_in_use_is_given_back() -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        pytest.skip("the C library is not glibc")
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    *rest, last = blocks  # the one on top keeps the heap from shrinking by itself
    for block in rest:
        libc.free(block)
    before = usage(os.getpid()).anonymous_mib
    give_back()
    after = usage(os.getpid()).anonymous_mib
    libc.free(last)
    assert before - after > 0.8 * BLOCK * BLOCKS / 2**20


_THREADS_THAT_ALLOCATE = """
import ctypes, sys, threading
from appliance.memory import share_heaps
if sys.argv[1] == "shared":
    share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
ready = threading.Barrier(6)
def allocate():
    libc.malloc(1000)
    ready.wait()
threads = [threading.Thread(target=allocate) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.parametrize(("how", "few"), [("shared", True), ("as they come", False)])
def test_threads_share_few_heaps(how: str, few: bool, tmp_path: Path) -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_info"):
        pytest.skip("the C library is not glibc")
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    told = tmp_path / "malloc.xml"
    command = [sys.executable, "-c", _THREADS_THAT_ALLOCATE, how, str(told)]
    subprocess.run(command, check=True, timeout=60, env=environment)
    assert (told.read_text().count("<heap nr=") <= 2) == few


class Knot:
    """Refers to itself, as a visit's parts do to each other."""

    def __init__(self) -> None:
        self.self = self


def test_what_a_visit_left_in_cycles_is_freed() -> None:
    gc.disable()
    try:
        left = weakref.ref(Knot())
        assert left() is not None
        give_back()
        assert left() is None
    finally:
        gc.enable()


def test_what_was_there_at_the_start_is_not_looked_through_again() -> None:
    try:
        settle()
        assert gc.get_freeze_count() > 1000
        left = weakref.ref(Knot())
        give_back()
        assert left() is None
    finally:
        gc.unfreeze()
