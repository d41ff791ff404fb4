"""A visitor without a body: joins like a browser, speaks recordings, and records what it hears and sees, and when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import httpx2
import numpy as np
from livekit import rtc
from livekit.rtc.data_stream import StreamError

from appliance import webrtc
from appliance.clock import Clock, monotonic
from appliance.codec import DECODES_ATTRIBUTE
from appliance.errors import RoomError
from appliance.evaluation.microphone import Microphone, Recording, Surroundings
from appliance.evaluation.picture import cells_of
from appliance.evaluation.timeline import RATE_HZ, Heard, Pcm16, Seen, Spoken, State, Timeline, Words, audible

logger = logging.getLogger(__name__)

_JOIN_S = 15.0
_CHAT = "lk.chat"
_FRAME_MS = 10
_WISH = {"participant_attributes": {DECODES_ATTRIBUTE: "vp8,h264"}}
"""What the page sends, in a browser that decodes both."""
_NO_PICTURE = np.zeros((1, 1), np.uint8)


@dataclass(frozen=True, slots=True)
class Senses:
    """How closely a visitor attends; with less, many of them fit into one process."""

    frame_ms: int = _FRAME_MS
    """Sound is sent and received in pieces of so many milliseconds."""
    pictures: Literal["kept", "counted", "declined"] = "kept"
    """Whether pictures are looked at, or only their arrival is noted, or the box is told not to send any."""
    microphone_kbps: int = 0
    """What the microphone is coded with; 0 leaves it to WebRTC. From 64 on Opus takes a third of the work."""


class Echo(Surroundings, Protocol):
    """A loudspeaker in a room with the microphone."""

    def hear(self, pcm: Pcm16) -> None:
        """What the loudspeaker plays: (n,) int16 at RATE_HZ."""
        ...


class Visitor:
    """One visit to a box, or to anything that issues tokens like one; use it with `async with`."""

    def __init__(self, box_url: str, *, senses: Senses = Senses(), clock: Clock = monotonic) -> None:
        """
        Args:
            box_url: address of the page, http://host:port/.
        """
        self.timeline = Timeline()
        self.lost = ""
        self.tracks = 0
        """Tracks of others that were received, as far as they were offered."""
        self._senses = senses
        self._echo: Echo | None = None
        self._token_url = box_url.rstrip("/") + "/api/token"
        self._clock = clock
        self._room = rtc.Room()
        self._microphone = Microphone(clock, frame_s=senses.frame_ms / 1000)
        self._tasks: set[asyncio.Task[None]] = set()
        self._tick = asyncio.Event()
        self._audible_s = 0.0
        self._leaving = False

    async def __aenter__(self) -> Self:
        """Get a token, join and publish the microphone.

        Raises:
            RoomError: no token, or the room could not be joined.
        """
        webrtc.prepare()
        self._room.on("track_subscribed", self._subscribed)
        self._room.on("participant_attributes_changed", self._attributes)
        self._room.on("disconnected", self._disconnected)
        self._room.register_text_stream_handler("lk.transcription", self._transcription)
        url, token = await self._invitation()
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._room.connect(url, token)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                if self._senses.microphone_kbps:
                    options.audio_encoding.max_bitrate = 1000 * self._senses.microphone_kbps
                await self._room.local_participant.publish_track(self._microphone.track, options)
        except (rtc.ConnectError, rtc.participant.PublishTrackError, TimeoutError) as error:
            raise RoomError(f"the room could not be joined: {error}", code="not-joined") from error
        self._begin(self._microphone.run(), "microphone")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Leave the room, as a browser does whose page is closed."""
        self._leaving = True
        await self._room.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def say(self, recording: Recording) -> Spoken:
        """Speak, and return when the last audible sample is out."""
        spoken = await self._microphone.play(recording)
        self.timeline.spoken.append(spoken)
        return spoken

    async def write(self, text: str) -> float:
        """Send a text message, as the page's chat does, and return when it was sent, seconds of the client's clock."""
        sent_s = self._clock()
        await self._room.local_participant.send_text(text, topic=_CHAT)
        return sent_s

    def enter(self, echo: Echo | None) -> None:
        """From now on the microphone picks up what a loudspeaker makes of the avatar's voice; None ends it."""
        self._echo = self._microphone.surroundings = echo

    async def hears(self, after_s: float, timeout_s: float) -> bool:
        """Wait until something audible arrives after the time `after_s`; False when nothing did in `timeout_s`."""
        return await self._until(lambda: self._audible_s > after_s, timeout_s)

    @property
    def audible_s(self) -> float:
        """When the last audible sample arrived, seconds of the client's clock; 0 before the first."""
        return self._audible_s

    async def silence(self, quiet_s: float, timeout_s: float) -> bool:
        """Wait until the avatar has been silent for `quiet_s` and says that it listens; False when it never did."""

        def quiet() -> bool:
            states, now_s = self.timeline.states, self._clock()
            listening = bool(states) and states[-1].name == "listening" and now_s - states[-1].at_s >= quiet_s
            return listening and now_s - self._audible_s >= quiet_s

        return await self._until(quiet, timeout_s)

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition, looked at each time sound arrives; False after `timeout_s` or when the room is lost."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    if self.lost:
                        return False
                    self._tick.clear()
                    await self._tick.wait()
        except TimeoutError:
            return False
        return True

    async def _invitation(self) -> tuple[str, str]:
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=_JOIN_S) as client:
                response = await client.post(self._token_url, json=_WISH)
                response.raise_for_status()
                answer = response.json()
            return answer["server_url"], answer["participant_token"]
        except (httpx2.HTTPError, KeyError, ValueError) as error:
            raise RoomError(f"{self._token_url} gave no token: {error}", code="no-token") from error

    # ---- what arrives

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"visitor-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("visitor's task failed", exc_info=task.exception(), extra={"task": task.get_name()})
            self.lost = self.lost or f"{task.get_name()} failed"
            self._tick.set()

    def _subscribed(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        self._attributes(participant.attributes, participant)
        self.tracks += 1
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._begin(self._listen(track), "ears")
        elif self._senses.pictures == "declined":
            publication.set_subscribed(False)
        else:
            self._begin(self._look(track), "eyes")

    def _attributes(self, changed: dict[str, str], _: rtc.Participant) -> None:
        name = changed.get("lk.agent.state")
        states = self.timeline.states
        if name and (not states or states[-1].name != name):
            states.append(State(self._clock(), name))

    def _disconnected(self, reason: object) -> None:
        if not self._leaving:
            self.lost = self.lost or f"disconnected ({reason})"
            self._tick.set()

    def _transcription(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._begin(self._read(reader, identity == self._room.local_participant.identity), "captions")

    async def _read(self, reader: rtc.TextStreamReader, by_visitor: bool) -> None:
        attributes = reader.info.attributes or {}
        final = attributes.get("lk.transcription_final", "true") == "true"
        try:
            text = await reader.read_all()
        except StreamError:  # the room was left before its end
            return
        self.timeline.words.append(Words(self._clock(), by_visitor, text, final))

    async def _listen(self, track: rtc.Track) -> None:
        frame_ms = self._senses.frame_ms
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1, frame_size_ms=frame_ms)
        try:
            async for event in stream:
                # A longer frame arrives when its last 10 ms do.
                at_s = self._clock() - (frame_ms - _FRAME_MS) / 1000
                pcm = np.frombuffer(event.frame.data, np.int16).copy()
                self.timeline.heard.append(Heard(at_s, pcm))
                if self._echo is not None:
                    self._echo.hear(pcm)
                span = audible(pcm)
                if span is not None:
                    self._audible_s = at_s + span[1] / RATE_HZ
                self._tick.set()
        finally:
            await stream.aclose()

    async def _look(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                frame, at_s = event.frame, self._clock()
                looked = self._senses.pictures == "kept"
                cells = cells_of(frame.data, frame.width, frame.height) if looked else _NO_PICTURE
                self.timeline.seen.append(Seen(at_s, cells))
        finally:
            await stream.aclose()
