"""Decides what is heard in the next video frame's time: speech in, one chunk a frame out, counted in samples."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Pcm16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The speech that belongs to one video frame."""

    segment: int
    """Number of the utterance it belongs to; rises by one with each."""
    index: int
    """Its place in the utterance: frame times count from the utterance's first sample."""
    pcm: Pcm16
    """(n,) int16, exactly one frame's samples; the last one is filled up with zeros."""


@dataclass(frozen=True, slots=True)
class Finished:
    """An utterance that is over."""

    segment: int
    """Its number."""
    played_samples: int
    """How much of it was handed out to be heard."""
    interrupted: bool
    """Whether it was cleared before its end."""


@dataclass(slots=True)
class _Segment:
    number: int
    pcm: Pcm16 = field(default_factory=lambda: np.empty(0, np.int16))
    flushed: bool = False
    cursor: int = 0
    waited: int = 0


class Playout:
    """A queue of utterances read one chunk at a time; knows nothing of clocks, tracks or faces."""

    def __init__(self, *, chunk_samples: int, face_waits: int = 12) -> None:
        """
        Args:
            chunk_samples: samples of one video frame.
            face_waits: how often an utterance's first frame may not be there when it is asked for; then the utterance
                starts without it.
        """
        self._chunk_samples = chunk_samples
        self._face_waits = face_waits
        self._segments: deque[_Segment] = deque()
        self._next_number = 0
        self.paused = False

    @property
    def speaking(self) -> bool:
        """Whether an utterance has begun and is not over."""
        return bool(self._segments) and self._segments[0].cursor > 0

    @property
    def pending(self) -> bool:
        """Whether there is anything left to be heard."""
        return bool(self._segments)

    @property
    def due(self) -> bool:
        """Whether the next chunk's sound is there and may be heard."""
        if self.paused or not self._segments:
            return False
        segment = self._segments[0]
        left = len(segment.pcm) - segment.cursor * self._chunk_samples
        return left >= self._chunk_samples or (segment.flushed and left > 0)

    def push(self, pcm: Pcm16) -> int:
        """Add (n,) int16 to the utterance being captured and return its number."""
        if not self._segments or self._segments[-1].flushed:
            self._segments.append(_Segment(self._next_number))
            self._next_number += 1
        segment = self._segments[-1]
        segment.pcm = np.concatenate((segment.pcm, pcm))
        return segment.number

    def flush(self) -> int | None:
        """The utterance being captured is complete; its number, None when there is none."""
        if not self._segments or self._segments[-1].flushed:
            return None
        self._segments[-1].flushed = True
        return self._segments[-1].number

    def clear(self) -> list[Finished]:
        """Drop everything that was not handed out."""
        ended = [
            Finished(s.number, min(s.cursor * self._chunk_samples, len(s.pcm)), interrupted=True)
            for s in self._segments
        ]
        self._segments.clear()
        self.paused = False
        return ended

    def rewind(self, n_chunks: int) -> None:
        """Take back the last chunks handed out, because they were thrown away before they were heard."""
        if self._segments:
            self._segments[0].cursor = max(self._segments[0].cursor - n_chunks, 0)

    def take(self, *, face_ready: bool) -> Chunk | None:
        """The next chunk, or None for silence.

        Args:
            face_ready: whether the next chunk's frame is rendered; only an utterance's first chunk waits for it.
        """
        if not self.due:
            return None
        segment = self._segments[0]
        start = segment.cursor * self._chunk_samples
        pcm = segment.pcm[start : start + self._chunk_samples]
        if len(pcm) < self._chunk_samples:
            pcm = np.concatenate((pcm, np.zeros(self._chunk_samples - len(pcm), np.int16)))
        if segment.cursor == 0 and not face_ready and segment.waited < self._face_waits:
            segment.waited += 1
            return None
        segment.cursor += 1
        return Chunk(segment.number, segment.cursor - 1, pcm)

    def next_key(self) -> tuple[int, int] | None:
        """(segment, index) of the chunk that `take` would hand out next."""
        return (self._segments[0].number, self._segments[0].cursor) if self._segments else None

    def finish(self) -> Finished | None:
        """The first utterance when all of it was handed out; it is then forgotten."""
        if not self._segments:
            return None
        segment = self._segments[0]
        if not segment.flushed or segment.cursor * self._chunk_samples < len(segment.pcm):
            return None
        self._segments.popleft()
        return Finished(segment.number, len(segment.pcm), interrupted=False)
