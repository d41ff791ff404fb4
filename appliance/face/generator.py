"""One visitor's face: speech in ahead of time, one I420 picture out for every frame's time, speaking or silent.

Pictures are rendered as soon as their sound is known and wait here until it is heard. One running index counts frames
through silence and speech alike, and `Life` tells which of the avatar's belongs to it, so the head never jumps. A
picture that is not ready in time is replaced by the one before it: video gives way before the voice does. Where the
machine cannot keep up, what would come too late is passed over, and as many are drawn as can be shown.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import cast

import numpy as np
import numpy.typing as npt

from appliance.clock import Clock, monotonic
from appliance.context import Context
from appliance.engine import Streams
from appliance.errors import EngineError
from appliance.face.avatar import Avatar
from appliance.face.compositor import Compositor
from appliance.face.drive import Drive
from appliance.face.life import Life
from appliance.face.renderer import FaceRenderer, RenderedFrame, RenderRequest
from appliance.metrics import frames_late
from appliance.phoneme import Phoneme

logger = logging.getLogger(__name__)

AHEAD = 50
"""Most pictures rendered and not yet shown, 0.4 MB each at 512x512: two seconds at 25 fps."""
REQUEST = 25
"""Most rows in one request: the engine draws them as they are due."""
HELD = b""
"""What is kept of a picture that is not drawn: the one before it is shown for longer."""
_SHORT = 4
"""Pictures before the last that can be drawn at which more sound is no longer waited for."""
_HEADSTART = 5
"""Most frames passed over at once: 0.2 s at 25 fps. After one long stop nothing more is missed, and a machine that
draws only five pictures a second still shows them."""

Floats = npt.NDArray[np.float32]
Pcm16 = npt.NDArray[np.int16]


@dataclass(slots=True)
class _Utterance:
    """Speech on its way through the net."""

    number: int
    base: int
    """The running index of its chunk 0."""
    drive: Drive
    sound: deque[tuple[Pcm16, Sequence[Phoneme]]] = field(default_factory=deque)
    """Known, and not yet turned into rows: a second takes 2 ms, and a whole reply may come at once."""
    rows: deque[Floats] = field(default_factory=deque)
    """What drives the pictures that are not asked for yet."""
    n_rows: int = 0
    asked: int = 0
    """Pictures that are drawn, or will be: their frames are fixed."""
    rendered: dict[int, bytes] = field(default_factory=dict)
    ended: bool = False
    """No more sound comes."""
    flushed: bool = False
    """Nor do more rows."""
    still: bool = False
    """Nothing of it is drawn any more, and the head does not move."""
    shown: int = -1
    """Last chunk that was shown."""
    headstart: int = 0
    """Frames that are passed over so that the next one is ready when it is shown; 0 while all are."""
    task: asyncio.Task[None] | None = None
    work: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be something to render; only the rendering task clears it."""
    drawn: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each picture; only `wait` clears it."""

    def hear(self, most: int = REQUEST) -> None:
        """Turn known sound into rows, until `most` of them wait."""
        while self.sound and len(self.rows) < most:
            self.add(self.drive.push(*self.sound.popleft()))
        if self.ended and not self.sound and not self.flushed:
            self.add(self.drive.settle())
            self.flushed = True

    def add(self, rows: Floats) -> None:
        """More rows are to be drawn."""
        if len(rows):
            self.rows.extend(rows)
            self.n_rows += len(rows)
            self.work.set()

    @property
    def ahead(self) -> int:
        """Pictures that wait to be shown."""
        return sum(place > self.shown for place in self.rendered)

    @property
    def over(self) -> bool:
        """All of it was shown, or none of the rest will be drawn."""
        return self.still or (self.flushed and self.shown >= self.n_rows - 1)

    def newest(self, place: int) -> bytes | None:
        """The last drawn picture that does not come before its time."""
        places = [drawn for drawn, picture in self.rendered.items() if drawn <= place and picture != HELD]
        return self.rendered[max(places)] if places else None

    def pass_over_late(self) -> None:
        """Forget what would be drawn too late: a mouth that lags behind its voice is worse than one that skips."""
        while self.shown >= 0 and self.rows and self.asked <= self.shown + self.headstart:
            self.rows.popleft()
            self.asked += 1

    def came(self, place: int) -> bool:
        """A picture was drawn; False when it came too late."""
        early = place - self.shown - 1
        if self.shown < 0 or early > 0:
            self.headstart = max(self.headstart - 1, 0)
        elif early < 0:
            self.headstart = min(self.headstart - early, _HEADSTART)
        return self.shown < 0 or early >= 0


class FaceGenerator:
    """The face of one session. Not thread-safe: it lives on the session's loop."""

    def __init__(
        self,
        renderer: FaceRenderer,
        bridge: Streams[RenderRequest, tuple[RenderedFrame, ...]],
        context: Context,
        *,
        fps: int,
        clock: Clock = monotonic,
    ) -> None:
        """
        Args:
            renderer: the engine; its avatar is read when the first picture is asked for, after it is loaded.
            bridge: the way to it.
        """
        self._renderer = renderer
        self._bridge = bridge
        self._context = context
        self._fps = fps
        self._clock = clock
        self._drawn_fps = fps
        self._still = False
        self._tick = 0
        self._index = 0
        self._utterances: dict[int, _Utterance] = {}
        self._last = b""

    @cached_property
    def _compositor(self) -> Compositor:
        return Compositor(self._renderer.avatar)

    @cached_property
    def life(self) -> Life:
        """Which of the avatar's frames belongs to each running index; speech begins on the one after the last shown."""
        return Life(self._renderer.avatar.card.clips, self._renderer.avatar.n_frames, self._context.session)

    @property
    def avatar(self) -> Avatar:
        """Who is shown, once the engine is loaded."""
        return self._renderer.avatar

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self._renderer.avatar.width, self._renderer.avatar.height

    @property
    def fps(self) -> int:
        """Pictures a second that are drawn, 1 to the avatar's own; those between are held. From the next request on."""
        return self._drawn_fps

    @fps.setter
    def fps(self, fps: int) -> None:
        self._drawn_fps = min(max(fps, 1), self._fps)

    @property
    def still(self) -> bool:
        """Whether nothing is drawn and nothing moves. From the next request on; an utterance that began so stays so."""
        return self._still

    @still.setter
    def still(self, still: bool) -> None:
        self._still = still

    @property
    def state(self) -> str:
        """What goes on in the conversation, one of `life.STATES`; what fits is done once the face has come to rest."""
        return self.life.state

    @state.setter
    def state(self, state: str) -> None:
        fixed = [u.base + u.asked - 1 for u in self._utterances.values()]
        self.life.live(state, after=max([self._index, *fixed]))

    def push(self, segment: int, pcm: Pcm16, rate_hz: int, phonemes: Sequence[Phoneme] = ()) -> None:
        """Speech of utterance `segment`, (n,) int16, before it is heard.

        Where its phonemes are known, each comes no later than its sound, from the first one on, seconds from the
        utterance's start.
        """
        utterance = self._utterances.get(segment) or self._begin(segment, rate_hz, known=bool(phonemes))
        if utterance.still:
            return
        utterance.sound.append((pcm, phonemes))
        utterance.work.set()

    def flush(self, segment: int) -> None:
        """The utterance is complete."""
        utterance = self._utterances.get(segment)
        if utterance is not None:
            utterance.ended = True
            utterance.work.set()

    def clear(self) -> None:
        """Forget all speech; the mouth eases closed from where it is."""
        for utterance in self._utterances.values():
            if utterance.task is not None:
                utterance.task.cancel()
        self._utterances.clear()

    def ready(self, segment: int, index: int) -> bool:
        """Whether that chunk's picture is rendered."""
        utterance = self._utterances.get(segment)
        return utterance is not None and (utterance.still or index in utterance.rendered)

    def frame(self, key: tuple[int, int] | None) -> bytes:
        """The I420 picture to show now: of chunk (segment, index), or in silence."""
        utterance = self._utterances.get(key[0]) if key else None
        if key is None or utterance is None:
            return self._silent()
        index = key[1]
        if not utterance.still:
            self._index = utterance.base + index
        utterance.shown = index
        if not utterance.flushed and utterance.n_rows - index <= _SHORT:
            utterance.hear()
            if not (utterance.flushed or utterance.sound):
                utterance.add(utterance.drive.hurry(_SHORT))
        for old in [i for i in utterance.rendered if i < index - self._fps // 5]:  # a pause takes back the last ones
            del utterance.rendered[old]
        utterance.work.set()
        self._forget_before(utterance.number)
        if utterance.still and utterance.rendered.get(index, HELD) == HELD:
            return self._closed()
        if index not in utterance.rendered:
            frames_late.inc()
        self._last = utterance.newest(index) or self._last
        return self._last

    async def wait(self, segment: int, index: int) -> None:
        """Wait until that chunk's picture is rendered, for films made faster or slower than real time."""
        while not self.ready(segment, index):
            utterance = self._utterances[segment]
            if utterance.task is not None and utterance.task.done():
                utterance.task.result()
                return
            utterance.drawn.clear()
            waiter = asyncio.ensure_future(utterance.drawn.wait())
            await asyncio.wait(
                {waiter, utterance.task} if utterance.task else {waiter}, return_when=asyncio.FIRST_COMPLETED
            )
            waiter.cancel()

    async def aclose(self) -> None:
        tasks = [u.task for u in self._utterances.values() if u.task is not None]
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ----

    def _silent(self) -> bytes:
        """The next idle picture; the face holds still in a pause of the speech, whose pictures are already drawn."""
        if self._still:
            return self._closed()
        if all(utterance.over for utterance in self._utterances.values()):
            self._index += 1
        self._tick += 1
        return self._motionless() if self._in_step(self._tick) else self._closed()

    def _closed(self) -> bytes:
        """The last picture again, once its mouth is closed."""
        return self._last if self._last and self._compositor.at_rest(self._last) else self._motionless()

    def _motionless(self) -> bytes:
        """The idle picture of now; a mouth that was open closes."""
        frame = self.life.frame(self._index)
        self._last = self._compositor.ease(frame, self._last or self._compositor.idle(frame))
        return self._last

    def _in_step(self, place: int) -> bool:
        """Whether a picture belongs to this place of those that are drawn at the rate in force."""
        return place * self._drawn_fps // self._fps != (place - 1) * self._drawn_fps // self._fps

    def _begin(self, segment: int, rate_hz: int, *, known: bool) -> _Utterance:
        base = self._index + 1
        for earlier in self._utterances.values():
            earlier.hear(most=sys.maxsize)
            if not earlier.still:
                base = max(base, earlier.base + earlier.n_rows)
        utterance = _Utterance(segment, base, self._renderer.drive(rate_hz, known=known), still=self._still)
        self._utterances[segment] = utterance
        utterance.task = asyncio.create_task(self._render(utterance), name="face-utterance")
        return utterance

    async def _render(self, utterance: _Utterance) -> None:
        """Send rows to the net and keep what comes back, at most AHEAD pictures before they are shown."""
        try:
            while True:
                utterance.hear()
                utterance.pass_over_late()
                if utterance.flushed and not utterance.rows:
                    break
                if not utterance.rows or utterance.ahead >= AHEAD:
                    utterance.work.clear()
                    await utterance.work.wait()
                    continue
                await self._draw(utterance, 1 if utterance.headstart else min(len(utterance.rows), REQUEST))
        except EngineError as error:
            utterance.still = True
            logger.warning("face not rendered", extra={"code": error.code, "turn": self._context.turn.current})

    async def _draw(self, utterance: _Utterance, count: int) -> None:
        """Have the next `count` pictures drawn; where one comes too late, the rest are left to be asked for again."""
        first = utterance.asked
        rows = list(islice(utterance.rows, count))
        request = self._request(utterance, count)
        if request is None:
            return
        stream = self._bridge.stream(request, self._context.call(deadline_s=10.0))
        async with aclosing(cast("AsyncGenerator[tuple[RenderedFrame, ...], None]", stream)) as drawn:
            async for frames in drawn:
                utterance.rendered.update((frame.index - utterance.base, frame.picture) for frame in frames)
                utterance.drawn.set()
                last = frames[-1].index - utterance.base
                if not utterance.came(last):
                    utterance.rows.extendleft(reversed(rows[last + 1 - first :]))
                    utterance.asked = last + 1
                    return

    def _request(self, utterance: _Utterance, count: int) -> RenderRequest | None:
        """Take the next rows; those whose pictures are not drawn are marked as held. None when none is drawn."""
        utterance.still = utterance.still or self._still
        places: list[int] = []
        rows: list[Floats] = []
        for place in range(utterance.asked, utterance.asked + count):
            row = utterance.rows.popleft()
            if utterance.still or not self._in_step(place):
                utterance.rendered[place] = HELD
            else:
                places.append(place)
                rows.append(row)
        utterance.asked += count
        utterance.drawn.set()
        if not places:
            return None
        indices = tuple(utterance.base + place for place in places)
        frames = tuple(self.life.frame(index) for index in indices)
        return RenderRequest(indices, np.stack(rows), self._due_s(utterance, places[0]), frames)

    def _due_s(self, utterance: _Utterance, place: int) -> float:
        """When a picture is shown, if nobody pauses: what is spoken before it comes first."""
        before = sum(
            max(earlier.n_rows - 1 - earlier.shown, 0)
            for earlier in self._utterances.values()
            if earlier.number < utterance.number
        )
        return self._clock() + (before + place - max(utterance.shown, 0)) / self._fps

    def _forget_before(self, segment: int) -> None:
        for number in [n for n in self._utterances if n < segment]:
            task = self._utterances.pop(number).task
            if task is not None:
                task.cancel()
