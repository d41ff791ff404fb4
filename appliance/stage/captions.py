"""Captions in step with the voice: the words of a reply come in with their times, each goes out when it is heard.

LiveKit's own synchroniser estimates how fast somebody speaks, from all of a reply's sound at once: 100 to 170 ms on the
event loop at the very moment when an answer is due. Where the voice tells the times of its words, nothing has to be
estimated, and what was heard of an interrupted reply is known to the word.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass

from livekit.agents.types import TimedString
from livekit.agents.voice import io


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    """With the white space around it."""
    start_s: float
    end_s: float

    def heard(self, position_s: float) -> bool:
        """Whether most of it was, up to `position_s`."""
        return (self.start_s + self.end_s) / 2 < position_s


class Captions(io.TextOutput):
    """One session's; used from its loop. A reply's words come after those of the reply before it were reported."""

    def __init__(self, next_in_chain: io.TextOutput) -> None:
        super().__init__(label="captions", next_in_chain=next_in_chain)
        self._next = next_in_chain
        self._words: list[_Word] = []
        self._waiting: deque[_Word] = deque()
        self._complete = False
        self._out: asyncio.Queue[str | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._hand_on(), name="captions")

    async def capture_text(self, text: str) -> None:
        """One word; without times it goes with the one before it."""
        if self._complete:  # what is left is of a reply that was never heard
            self._forget()
        last_s = self._words[-1].end_s if self._words else 0.0
        start_s = end_s = last_s
        if isinstance(text, TimedString):
            start_s = text.start_time if isinstance(text.start_time, float | int) else last_s
            end_s = text.end_time if isinstance(text.end_time, float | int) else start_s
        word = _Word(str(text), start_s, end_s)
        self._words.append(word)
        self._waiting.append(word)

    def flush(self) -> None:
        """The reply has no more words."""
        self._complete = True

    def reach(self, position_s: float) -> None:
        """Hand on what has begun to be heard.

        Args:
            position_s: seconds of the reply's sound that were heard.
        """
        while self._waiting and self._waiting[0].start_s <= position_s:
            self._out.put_nowait(self._waiting.popleft().text)

    def end(self, position_s: float, *, interrupted: bool) -> str:
        """The reply is over: its words that were heard, all of them unless it was interrupted."""
        if not interrupted:
            self.reach(math.inf)
        said = "".join(word.text for word in self._words if not interrupted or word.heard(position_s))
        self._forget()
        self._out.put_nowait(None)
        return said

    async def aclose(self) -> None:
        """Stop; what was not handed on is lost."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _forget(self) -> None:
        self._words.clear()
        self._waiting.clear()
        self._complete = False

    async def _hand_on(self) -> None:
        while True:
            text = await self._out.get()
            if text is None:
                self._next.flush()
            else:
                await self._next.capture_text(text)
