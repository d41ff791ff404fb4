"""Keeps the WebRTC library from naming a public address: nothing goes in or out, its memory is changed once.

Each connection makes libwebrtc ask the kernel which of our addresses would reach 8.8.8.8 and 2001:4860:4860::8888: it
connects a UDP socket to them, sends nothing, and closes it. No packet leaves, but who audits the box sees two public
addresses in its system calls, and the library has no option against that. So the two texts are overwritten, where they
lie in memory, with the loopback address, written as long as they are: the question then finds nothing, as on a machine
without a network, and WebRTC goes on with the addresses of the interfaces.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import os
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

logger = logging.getLogger(__name__)

LIBRARY = "liblivekit_ffi.so"
REPLACED = {b"8.8.8.8\0": b"::0:0:1\0", b"2001:4860:4860::8888\0": b"0000:0000:0000:00::1\0"}
"""Public addresses, and ::1 written as long. As an IPv6 address the first one is refused by its IPv4 socket."""
_MAPS = Path("/proc/self/maps")


def keep_local() -> bool:
    """Load the library and overwrite the addresses; False, with a warning, where they were not found. Repeatable."""
    with as_file(files("livekit.rtc") / "resources" / LIBRARY) as path:
        ctypes.CDLL(os.environ.get("LIVEKIT_LIB_PATH", "") or str(path))  # stays loaded, and is what livekit.rtc gets
    done = [_replace(public, own) for public, own in REPLACED.items()]
    if not all(done):
        logger.warning("the WebRTC library names public addresses in system calls, to which nothing is sent")
    return all(done)


def _replace(text: bytes, other: bytes) -> bool:
    """Overwrite the one occurrence of `text`, or find that this was done."""
    assert len(text) == len(other)
    found = list(_occurrences(text))
    if not found:
        return any(_occurrences(other))
    if len(found) > 1:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    page = found[0] - found[0] % mmap.PAGESIZE
    size = ctypes.c_size_t(found[0] + len(text) - page)
    if libc.mprotect(ctypes.c_void_p(page), size, mmap.PROT_READ | mmap.PROT_WRITE) != 0:
        return False
    ctypes.memmove(found[0], other, len(other))
    return libc.mprotect(ctypes.c_void_p(page), size, mmap.PROT_READ) == 0


def _occurrences(text: bytes) -> Iterator[int]:
    """Where `text` begins in the library's read-only data: addresses."""
    for line in _MAPS.read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or not fields[5].endswith(LIBRARY) or fields[1] != "r--p":
            continue
        start, end = (int(number, 16) for number in fields[0].split("-"))
        data = ctypes.string_at(start, end - start)
        at = data.find(text)
        while at >= 0:
            yield start + at
            at = data.find(text, at + 1)
