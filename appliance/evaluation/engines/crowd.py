"""Many visitors with the language model at once: its bridge in, tokens a second and times to let go of a reply out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import cast

from appliance.clock import monotonic
from appliance.config import MindConfig
from appliance.engine import Bridge, Call, Limits, SessionId, TurnId, call_on
from appliance.errors import LLMError
from appliance.mind.llama import ChatRequest, LlamaEngine, MindItem, MindRequest, ReplyEnd
from appliance.mind.prompt import Message
from appliance.mind.sampling import Sampling

_DEADLINE_S = 120.0
_TOKENS = 48
_ENDLESS_TOKENS = 192
_LONG_WORDS = 600
_READING_S = 0.1
"""A long prompt is being read for so long when its reply is cancelled."""
_SETTLED_S = 2.0
"""Until all of the crowd are being answered."""
_APART_S = (0.13, 0.29, 0.41, 0.07)
"""Between two cancellations, in turn: they meet every phase of a round."""


class Mind:
    """The engine behind its bridge, as sessions use it; notes when it lets go of a request."""

    def __init__(self, gguf: Path, config: MindConfig) -> None:
        self._engine = LlamaEngine(gguf, config)
        limits = Limits(waiting=64, active=config.sequences)
        self._bridge: Bridge[MindRequest, MindItem] = Bridge(
            "mind", self._engine, self._generate, limits=limits, error=LLMError
        )
        self._turns = itertools.count()
        self._loop = asyncio.get_running_loop()
        self._begun: dict[SessionId, asyncio.Event] = {}
        self._released: dict[SessionId, asyncio.Future[float]] = {}

    async def ready(self) -> None:
        """Load the model."""
        self._bridge.start()
        await self._bridge.ready()

    async def close(self) -> None:
        """Free it."""
        await self._bridge.close()

    async def reply(
        self, session: SessionId, messages: tuple[Message, ...], max_tokens: int
    ) -> AsyncGenerator[MindItem, None]:
        """Pieces of the reply, and its end."""
        request = ChatRequest(messages, session, max_tokens, Sampling(), seconds=_DEADLINE_S)
        stream = self._bridge.stream(request, Call(session, TurnId(next(self._turns)), _DEADLINE_S))
        async with aclosing(cast("AsyncGenerator[MindItem, None]", stream)) as items:
            async for item in items:
                yield item

    async def cancel_ms(self, session: SessionId) -> float:
        """Cancel the session's reply once it is at work; milliseconds until the engine has let go of it."""
        await self._begun.setdefault(session, asyncio.Event()).wait()
        released = self._released[session] = self._loop.create_future()
        started_s = monotonic()
        self._bridge.cancel(session, before=TurnId(next(self._turns)))
        return round((await released - started_s) * 1000, 2)

    def _generate(self, request: MindRequest) -> Iterator[MindItem | None]:
        call_on(self._loop, self._note_begun, request.session)
        try:
            yield from self._engine.generate(request)
        finally:
            call_on(self._loop, self._note_released, request.session, monotonic())

    def _note_begun(self, session: SessionId) -> None:
        self._begun.setdefault(session, asyncio.Event()).set()

    def _note_released(self, session: SessionId, now_s: float) -> None:
        self._begun.setdefault(session, asyncio.Event()).clear()
        waiting = self._released.pop(session, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(now_s)


async def tokens_per_s(mind: Mind, system: str, n: int) -> float:
    """Reply tokens a second of `n` visitors at once whose prompts have been read."""
    asked = [
        (SessionId(f"one of {n}, {i}"), (("system", system), ("user", f"Tell me a long story about {subject}.")))
        for i, subject in zip(range(n), itertools.cycle(("a lighthouse", "a train", "a violin", "snow")), strict=False)
    ]
    for session, messages in asked:
        await _all(mind, session, messages, 0)
    started_s = monotonic()
    ends = await asyncio.gather(*(_all(mind, session, messages, _TOKENS) for session, messages in asked))
    return sum(end.reply_tokens for end in ends) / (monotonic() - started_s)


async def cancels_ms(mind: Mind, system: str, n_crowd: int, n: int) -> tuple[list[float], list[float]]:
    """Milliseconds from each of `n` cancellations until the engine has let go, while a crowd is answered.

    Returns:
        Of replies that were being generated, and of those whose long prompt was being read.
    """
    sessions = [SessionId(f"talker-{i}") for i in range(n_crowd)]
    generating: list[float] = []
    reading: list[float] = []
    long = "Please listen. " + "The museum has a hall with a clock in it. " * (_LONG_WORDS // 10)
    async with asyncio.TaskGroup() as crowd:
        talkers = [crowd.create_task(_talk(mind, session, system)) for session in sessions[:-1]]
        talker = crowd.create_task(_talk(mind, sessions[-1], system))
        await asyncio.sleep(_SETTLED_S)
        for i, pause_s in zip(range(n), itertools.cycle(_APART_S), strict=False):
            await asyncio.sleep(pause_s)
            if i % 4:
                generating.append(await mind.cancel_ms(sessions[i % (n_crowd - 1)]))
                continue
            talker.cancel()  # the last one makes place for a visitor with a long prompt
            await asyncio.wait([talker])
            visitor = SessionId(f"long-{i}")
            reader = crowd.create_task(_all_or_cancelled(mind, visitor, (("system", system), ("user", long + str(i)))))
            await asyncio.sleep(_READING_S)
            reading.append(await mind.cancel_ms(visitor))
            await reader
            talker = crowd.create_task(_talk(mind, sessions[-1], system))
        for task in (*talkers, talker):
            task.cancel()
    return generating, reading


async def _talk(mind: Mind, session: SessionId, system: str) -> None:
    """Ask for one long reply after another; one that is cancelled is asked for again, as another question."""
    for i in itertools.count():
        messages = (("system", system), ("user", f"Number {i}: tell me a very long story."))
        await _all_or_cancelled(mind, session, messages)


async def _all_or_cancelled(mind: Mind, session: SessionId, messages: tuple[Message, ...]) -> None:
    with contextlib.suppress(LLMError):
        await _all(mind, session, messages, _ENDLESS_TOKENS)


async def _all(mind: Mind, session: SessionId, messages: tuple[Message, ...], max_tokens: int) -> ReplyEnd:
    async with aclosing(mind.reply(session, messages, max_tokens)) as items:
        return [item async for item in items if isinstance(item, ReplyEnd)][-1]
