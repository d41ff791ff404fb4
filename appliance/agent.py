"""What one visit's agent makes of what it hears, thinks and says: LiveKit calls its nodes, in the order of this file.

They are LiveKit's own but for this: what is no interruption is not heard, and where an engine fails, the visitor is
told so instead of waiting for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import TypeVar, cast

from livekit import rtc
from livekit.agents import Agent, APIError, FlushSentinel, ModelSettings, llm, stt

from appliance.ears.backchannel import is_backchannel
from appliance.personas.persona import Persona
from appliance.stage.publisher import Publisher

logger = logging.getLogger(__name__)

_FIRST_WORDS_S = 10.0
"""A reply that has not begun after so long is no longer waited for."""

T = TypeVar("T")


class Host(Agent):
    """The persona, in one visit."""

    def __init__(self, persona: Persona, publisher: Publisher) -> None:
        super().__init__(instructions=persona.instructions)
        self._trouble = persona.trouble
        self._publisher = publisher

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncGenerator[stt.SpeechEvent, None]:
        """Without the sounds that say "go on", and without the avatar's own words out of a loudspeaker.

        Where a speech was paused for words, it is over when they are heard: LiveKit, which ends it a little later,
        begins no reply ahead while another is paused.
        """
        async for event in Agent.default.stt_node(self, audio, model_settings):
            if event.alternatives and self._is_aside(event.alternatives[0]):
                continue
            if self._publisher.output.paused() and self._are_words(event.type):
                await self.session.interrupt()
            yield event

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncGenerator[llm.ChatChunk | str | FlushSentinel, None]:
        """The reply; where none comes, or it breaks off, the persona says so."""
        said = False
        chunks = Agent.default.llm_node(self, chat_ctx, tools, model_settings)
        try:
            async for chunk in _begun_within(chunks, _FIRST_WORDS_S):
                said = True
                yield chunk
        except (APIError, TimeoutError) as error:
            logger.error("no reply: the visitor is told", extra={"reason": str(error) or type(error).__name__})
            self._publisher.state.mood("calm")
            yield " " * said + self._trouble

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncGenerator[rtc.AudioFrame, None]:
        """The reply's sound; where that fails, the persona says so: in words that were prepared, without the engine."""
        try:
            async for frame in Agent.default.tts_node(self, text, model_settings):
                yield frame
        except APIError as error:
            logger.error("no voice: the visitor is told", extra={"reason": str(error)})
            self._publisher.state.mood("calm")
            async for frame in Agent.default.tts_node(self, _once(self._trouble), model_settings):
                yield frame

    def _are_words(self, kind: stt.SpeechEventType) -> bool:
        """Whether a visitor has said something; before its final form it may still turn out to be an echo."""
        if kind == stt.SpeechEventType.PREFLIGHT_TRANSCRIPT:
            return self._publisher.echo.heard_another()
        return kind == stt.SpeechEventType.FINAL_TRANSCRIPT

    def _is_aside(self, heard: stt.SpeechData) -> bool:
        if self._publisher.echo.heard_itself():
            return True
        return self._publisher.output.speaking() and is_backchannel(heard.text, heard.confidence)


async def _begun_within(items: AsyncIterable[T], seconds: float) -> AsyncGenerator[T, None]:
    """The items; raises TimeoutError when there is none for so long."""
    async with aclosing(cast("AsyncGenerator[T, None]", items)) as stream:
        async with asyncio.timeout(seconds):
            first = await anext(stream, None)
        if first is not None:
            yield first
        async for item in stream:
            yield item


async def _once(text: str) -> AsyncGenerator[str, None]:
    yield text
