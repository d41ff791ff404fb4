"""One visitor, from joining to everything released: hears, thinks, speaks and shows its face in one LiveKit room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from livekit import rtc
from livekit.agents import AgentSession, TurnHandlingOptions, llm
from livekit.agents.utils import wait_for_participant
from livekit.agents.voice import events, room_io

from appliance.agent import Host
from appliance.clock import monotonic
from appliance.codec import chosen
from appliance.config import Config, SessionConfig
from appliance.context import Context, Engines, TurnCounter
from appliance.ears.endpointer import Delays, Endpointer
from appliance.ears.voice_activity import interrupting_voice_activity
from appliance.engine import SessionId, TurnId
from appliance.errors import LLMError, RoomError
from appliance.ladder import Step
from appliance.metrics import sessions_active, sessions_ended, turn_seconds
from appliance.mind.plugin import LlamaLLM
from appliance.personas.persona import Persona
from appliance.providers import ProviderFactory
from appliance.stage.presence import absence
from appliance.stage.publisher import Publisher, PublishOptions

logger = logging.getLogger(__name__)

_FRAME_MS = 32
"""Of the microphone's frames: a window of the voice activity detector."""
_LAST_TURN = TurnId(1 << 62)
_PAUSES_MAX = 50
"""Pauses inside one turn after each of which the reply is begun; the last one counts, so there may be many."""
_AHEAD_MAX_S = 60.0
"""Who has spoken for longer gets no reply ahead: each would be one to a long text."""
_ECHO_SETTLES_S = 0.8
"""Echo cancellers learn the room for so long, from the greeting's first sound; nothing interrupts it then."""
_RESUME_S = 0.5
"""An avatar that fell silent for a sound goes on so long after it, if no words were in it."""
_IDLE_LOOK_S = 1.0
_LAST_WORDS_S = 0.3
"""What a visitor said last is waited for so long after leaving."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange, as it happened."""

    role: str
    """visitor or avatar."""
    text: str
    """What was heard, or what of the reply was really spoken."""
    interrupted: bool
    """Whether the reply was cut short."""
    steps_s: Mapping[str, float]
    """Seconds of each step that LiveKit measured: transcription_delay, llm_node_ttft, tts_node_ttfb, e2e_latency."""


@dataclass(frozen=True, slots=True)
class Record:
    """What happened in one visit; handed to one place when it ends."""

    session: SessionId
    """The visit."""
    persona: str
    """Who spoke."""
    seconds: float
    """How long it lasted."""
    reason: str
    """Why it ended."""
    turns: tuple[Turn, ...]
    """The conversation, in order."""


class Crowd(Protocol):
    """What a session has to know of all others."""

    def step(self) -> Step:
        """What to show at this moment: the ladder's step, which is the same for every session."""
        ...

    def awaited(self) -> bool:
        """Whether somebody waits for a place."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """What every session of this process is built from."""

    config: Config
    """The settings."""
    engines: Engines
    """The shared engines, warm."""
    files: Mapping[str, Path]
    """Verified model files by role."""
    persona: Persona
    """Who speaks."""
    on_end: Callable[[Record], None]
    """Receives the record; called on the session's thread."""
    crowd: Crowd
    """How many there are beside this visitor."""


@dataclass(frozen=True, slots=True)
class Invited:
    """What a visit is begun with: a room to which only its visitor and the avatar have a token."""

    name: str
    """The room's."""
    room: rtc.Room
    """Not connected yet."""
    url: str
    """Of livekit-server."""
    token: str
    """The avatar's."""

    async def connect(self) -> None:
        """Join.

        Raises:
            RoomError: code not-joined.
        """
        try:
            await self.room.connect(self.url, self.token)
        except rtc.ConnectError as error:
            raise RoomError(f"the room could not be joined: {error}", code="not-joined") from error


async def serve_visit(invited: Invited, visit: Visit) -> str:
    """Serve one room until its visitor has left; why it ended."""
    return await Session(invited, visit).run()


@dataclass(slots=True)
class _Ending:
    """How a visit ends: whoever notices first says why."""

    reason: str = ""
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.event.set()


class Session:
    """AgentSession and face of one visitor. It joins the parts and carries no sound by hand."""

    def __init__(self, invited: Invited, visit: Visit) -> None:
        self._invited = invited
        self._room = invited.room
        self._visit = visit
        self._id = SessionId(invited.name)
        self._turn = TurnCounter()
        self._ending = _Ending()
        self._turns: list[Turn] = []
        self._reading: asyncio.Task[None] | None = None
        self._active_s = 0.0

    async def run(self) -> str:
        """Join, greet, converse, and release everything whatever happens; why it ended."""
        started_s = monotonic()
        sessions_active.inc()
        try:
            await self._invited.connect()
            visitor = await self._visitor()
            if visitor is not None:
                await self._converse(visitor)
        finally:
            self._visit.engines.cancel(self._id, before=_LAST_TURN)
            sessions_active.dec()
            reason = self._ending.reason or "error"
            sessions_ended.labels(reason).inc()
            self._visit.on_end(
                Record(self._id, self._visit.persona.name, monotonic() - started_s, reason, tuple(self._turns))
            )
        return reason

    async def _visitor(self) -> rtc.RemoteParticipant | None:
        """The visitor, None when nobody came."""
        try:
            async with asyncio.timeout(self._visit.config.session.no_show_s):
                return await wait_for_participant(self._room)
        except TimeoutError:
            self._ending.set("no-show")
        except RuntimeError:  # the room was closed while we waited
            self._ending.set("room-closed")
        return None

    async def _converse(self, visitor: rtc.RemoteParticipant) -> None:
        config = self._visit.config
        context = Context(self._visit.engines, self._visit.files, self._visit.persona, self._id, self._turn)
        detector = interrupting_voice_activity()
        factory = ProviderFactory(context, voice_activity=detector)
        ears, mind, voice = (
            factory.create_stt(config.ears),
            factory.create_llm(config.mind),
            factory.create_tts(config.voice),
        )
        face = factory.create_avatar(config.face)
        delays = Delays(config.session.endpoint_sure_delay_s, config.session.endpoint_unsure_delay_s)
        endpointer = Endpointer(mind.finished if isinstance(mind, LlamaLLM) else None, delays)
        video_codec = chosen(config.face.video_codec, visitor.attributes)
        options = PublishOptions(config.face.fps, config.face.bitrate_kbps, video_codec)
        publisher = Publisher(self._room, face, options, self._visit.crowd.step)
        publisher.output.doubted = endpointer.doubted
        session: AgentSession[None] = AgentSession(
            stt=ears,
            llm=mind,
            tts=voice,
            vad=detector,
            turn_handling=_turn_handling(config.session, endpointer),
            use_tts_aligned_transcript=True,
            aec_warmup_duration=_ECHO_SETTLES_S,
            session_close_transcript_timeout=_LAST_WORDS_S,
        )
        publisher.join(session)
        self._watch(session, visitor)
        if isinstance(mind, LlamaLLM):
            session.on("user_state_changed", lambda event: self._read_ahead(event, mind, session.history))
        session.on("user_input_transcribed", lambda event: endpointer.hear(event.transcript, final=event.is_final))
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(publisher.start())
                parts.create_task(self._start(session, visitor, publisher))
            session.say(self._visit.persona.greeting)
            await self._end(visitor, publisher)
        finally:
            if self._reading is not None:
                self._reading.cancel()
            await session.aclose()
            await publisher.aclose()
            await asyncio.gather(ears.aclose(), mind.aclose(), voice.aclose())

    async def _end(self, visitor: rtc.RemoteParticipant, publisher: Publisher) -> None:
        """Wait until something ends the visit; a client that was killed says nothing, but answers nothing either."""
        absent = asyncio.create_task(absence(self._room, visitor.identity), name="presence")
        absent.add_done_callback(lambda task: None if task.cancelled() else self._ending.set("visitor-lost"))
        idle = asyncio.create_task(self._idle(publisher), name="idle")
        try:
            await self._ending.event.wait()
        finally:
            absent.cancel()
            idle.cancel()

    async def _idle(self, publisher: Publisher) -> None:
        """End the visit when nobody has said anything for long and somebody waits for the place."""
        limit_s = self._visit.config.session.idle_s
        self._active_s = monotonic()
        while limit_s > 0:
            await asyncio.sleep(_IDLE_LOOK_S)
            if publisher.output.speaking():
                self._active_s = monotonic()
            if monotonic() - self._active_s >= limit_s and self._visit.crowd.awaited():
                self._ending.set("idle")

    async def _start(self, session: AgentSession[None], visitor: rtc.RemoteParticipant, publisher: Publisher) -> None:
        limit = self._visit.config.session.text_characters_max

        async def answer_text(session: AgentSession[None], event: room_io.TextInputEvent) -> None:
            self._active_s = monotonic()
            self._turn.raise_()
            await session.interrupt()
            session.generate_reply(user_input=event.text[:limit])

        aligned = session.tts is not None and session.tts.capabilities.aligned_transcript
        await session.start(
            Host(self._visit.persona, publisher),
            room=self._room,
            room_options=room_io.RoomOptions(
                text_input=room_io.TextInputOptions(text_input_cb=answer_text),
                audio_input=room_io.AudioInputOptions(
                    sample_rate=16_000, frame_size_ms=_FRAME_MS, noise_cancellation=publisher.echo
                ),
                audio_output=False,
                text_output=room_io.TextOutputOptions(sync_transcription=not aligned),
                participant_identity=visitor.identity,
                close_on_disconnect=False,
            ),
            record=False,
        )
        if aligned and session.output.transcription is not None:
            session.output.transcription = publisher.caption(session.output.transcription)

    def _watch(self, session: AgentSession[None], visitor: rtc.RemoteParticipant) -> None:
        """Note turns, and whatever ends the visit."""

        def user_state(event: events.UserStateChangedEvent) -> None:
            if event.new_state != "away":
                self._active_s = monotonic()
            if event.new_state == "speaking":
                self._turn.raise_()

        def left(participant: rtc.RemoteParticipant) -> None:
            if participant.identity == visitor.identity:
                self._ending.set("visitor-left")

        session.on("user_state_changed", user_state)
        session.on("conversation_item_added", self._note)
        session.on("close", lambda event: self._ending.set(f"session-{event.reason.value}"))
        self._room.on("participant_disconnected", left)
        self._room.on("disconnected", lambda *_: self._ending.set("room-closed"))
        if visitor.identity not in self._room.remote_participants:
            self._ending.set("visitor-left")

    def _read_ahead(self, event: events.UserStateChangedEvent, mind: LlamaLLM, history: llm.ChatContext) -> None:
        """While the visitor speaks, let the language model read what was said before."""

        async def read() -> None:
            try:
                await mind.prefill(history)
            except LLMError as error:
                logger.debug("conversation not read ahead", extra={"code": error.code})

        if event.new_state == "speaking":
            self._reading = asyncio.create_task(read(), name="read-ahead")

    def _note(self, event: events.ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type != "message" or item.role not in ("user", "assistant"):
            return
        steps = {name: float(value) for name, value in (item.metrics or {}).items() if isinstance(value, float | int)}
        steps = {name: seconds for name, seconds in steps.items() if seconds < 1e6}  # drops wall-clock stamps
        for step, seconds in steps.items():
            turn_seconds.labels(step).observe(seconds)
        role = "visitor" if item.role == "user" else "avatar"
        self._turns.append(Turn(role, item.text_content or "", item.interrupted, steps))
        logger.debug("turn noted", extra={"session": self._id, "turn": self._turn.current, "role": role, **steps})


def _turn_handling(config: SessionConfig, endpointer: Endpointer) -> TurnHandlingOptions:
    """All local: LiveKit's own defaults reach for its cloud in development mode."""
    return TurnHandlingOptions(
        turn_detection=endpointer,
        endpointing={"min_delay": config.endpoint_min_delay_s, "max_delay": config.endpoint_max_delay_s},
        interruption={
            "mode": "vad",
            "min_duration": config.interrupt_min_duration_s,
            "false_interruption_timeout": _RESUME_S,
        },
        preemptive_generation={
            "enabled": True,
            "preemptive_tts": True,
            "max_retries": _PAUSES_MAX,
            "max_speech_duration": _AHEAD_MAX_S,
        },
    )
