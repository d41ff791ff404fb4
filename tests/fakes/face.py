"""A face that draws nothing and notes everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance.phoneme import Phoneme


class FakeFace:
    """`late` chunks are never ready; a frame's bytes tell which chunk it belongs to."""

    def __init__(self, *, late: bool = False) -> None:
        self.late = late
        self.pushed: dict[int, int] = {}
        self.flushed: list[int] = []
        self.cleared = 0
        self.closed = False
        self.fps = 25
        self.phonemes: list[Phoneme] = []
        self.still = False
        self.state = "idle"

    @property
    def size(self) -> tuple[int, int]:
        return 16, 16

    def push(self, segment: int, pcm: np.ndarray, rate_hz: int, phonemes: Sequence[Phoneme] = ()) -> None:
        self.phonemes += phonemes
        self.pushed[segment] = self.pushed.get(segment, 0) + len(pcm)

    def flush(self, segment: int) -> None:
        self.flushed.append(segment)

    def clear(self) -> None:
        self.cleared += 1

    def ready(self, segment: int, index: int) -> bool:
        return not self.late

    def frame(self, key: tuple[int, int] | None) -> bytes:
        return bytes([0 if key is None else 1 + key[1] % 255]) * 384

    async def wait(self, segment: int, index: int) -> None:
        return

    async def aclose(self) -> None:
        self.closed = True
