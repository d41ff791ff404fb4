"""Publishes the voice and the face: one loop, paced by the sound, shows the picture that belongs to what is heard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import io

from appliance.codec import VideoCodec
from appliance.errors import RoomError
from appliance.ladder import FULL, Step
from appliance.metrics import frames_published
from appliance.stage.captions import Captions
from appliance.stage.echo import EchoCanceller
from appliance.stage.output import Face, SpeechOutput
from appliance.stage.playout import Pcm16
from appliance.stage.state import ConversationState

logger = logging.getLogger(__name__)

RATE_HZ = 24_000
QUEUE_S = 0.06
"""Speech handed to WebRTC ahead of time: less, and a busy event loop is heard; more, and every answer comes later."""
_SILENCE_S = 0.2
"""Silence is handed out in pieces so long, where no echo is listened for: what is left of one when a reply comes is
thrown away."""
_QUEUE_MAX_S = 0.4
"""What WebRTC takes without making us wait: it is waited for by the clock here."""
_LOOK_S = 0.005
"""When a reply has come, it is looked so often whether its face is drawn."""
SHOWN_LATER_S = 0.02
"""Pictures wait so long for their sound, which a receiver holds back in a jitter buffer of its own: measured at a
client that does not synchronise, 32 to 76 ms longer than pictures. Less than the least, for those that do."""
_AUDIO_BITRATE = 96_000
"""From 64 kbit/s on Opus codes voice as it does music: a third of the work, measured with ten visitors."""
VIDEO_ATTRIBUTE = "appliance.video"
"""Tells how the visitor is served: pictures a second, or still."""
_STREAM = "avatar"
_CODECS = {VideoCodec.VP8: rtc.VideoCodec.VP8, VideoCodec.H264: rtc.VideoCodec.H264}


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How the tracks are sent."""

    fps: int = 25
    """Video frames a second."""
    bitrate_kbps: int = 1200
    """Cap of the video."""
    codec: VideoCodec = VideoCodec.VP8
    """What the video is coded in."""


class Publisher:
    """One participant's voice and face tracks, from before the first word to the end of the visit."""

    def __init__(
        self, room: rtc.Room, face: Face, options: PublishOptions, step: Callable[[], Step] = lambda: FULL
    ) -> None:
        """
        Args:
            step: what is to be shown at this moment; it is told to the visitor's client as the agent's attribute
                `appliance.video`.
        """
        self._room = room
        self._face = face
        self._options = options
        width, height = face.size
        self._audio = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=round(1000 * _QUEUE_MAX_S))
        self._video = rtc.VideoSource(width, height)
        self.echo = EchoCanceller(RATE_HZ)
        self.output = SpeechOutput(face, rate_hz=RATE_HZ, fps=options.fps, on_clear=self._clear)
        self.state = ConversationState(face)
        self._step = step
        self._told = FULL
        self._telling: asyncio.Task[None] | None = None
        self._picture_s = 1 / options.fps
        self._due_s = 0.0
        self._shown_until_s = 0.0
        self._pictures = 0
        self._shown = b""
        self._shows: set[asyncio.TimerHandle] = set()
        self._task: asyncio.Task[None] | None = None

    def join(self, session: AgentSession[Any]) -> None:
        """Take a session's speech, and follow its states."""
        session.output.audio = self.output
        self.state.watch(session)

    async def start(self, *, subscribed_within_s: float = 5.0) -> None:
        """Publish both tracks, start the loop and wait until the visitor receives them, so that no greeting is cut.

        Raises:
            RoomError: the tracks could not be published.
        """
        audio = rtc.LocalAudioTrack.create_audio_track("voice", self._audio)
        video = rtc.LocalVideoTrack.create_video_track("face", self._video)
        self._task = asyncio.create_task(self._run(), name="publisher")
        local = self._room.local_participant
        try:
            publications = [
                await local.publish_track(audio, self._audio_options()),
                await local.publish_track(video, self._video_options()),
            ]
        except rtc.participant.PublishTrackError as error:
            raise RoomError(f"the tracks could not be published: {error}", code="publish-failed") from error
        try:
            async with asyncio.timeout(subscribed_within_s):
                for publication in publications:
                    await publication.wait_for_subscription()
        except TimeoutError:
            logger.warning("visitor did not subscribe in time", extra={"seconds": subscribed_within_s})

    def caption(self, captions: io.TextOutput) -> Captions:
        """Where the session is to write its replies, so that each word comes to `captions` when it is heard."""
        self.output.captions = Captions(captions)
        return self.output.captions

    async def aclose(self) -> None:
        """Stop the loop and release the tracks' sources.

        The tracks go with the room's connection: asking a server to unpublish that has closed the room waits for long.
        """
        tasks = [task for task in (self._task, self._telling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._clear_shows()
        if self.output.captions is not None:
            await self.output.captions.aclose()
        await self._audio.aclose()
        await self._video.aclose()
        await self._face.aclose()

    def _audio_options(self) -> rtc.TrackPublishOptions:
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False, stream=_STREAM)
        options.audio_encoding.max_bitrate = _AUDIO_BITRATE
        return options

    def _video_options(self) -> rtc.TrackPublishOptions:
        encoding = rtc.VideoEncoding(max_bitrate=self._options.bitrate_kbps * 1000, max_framerate=self._options.fps)
        return rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            simulcast=False,
            video_codec=_CODECS[self._options.codec],
            video_encoding=encoding,
            stream=_STREAM,
        )

    async def _run(self) -> None:
        piece = np.zeros(RATE_HZ // self._options.fps, np.int16)
        silence = np.zeros(round(RATE_HZ * _SILENCE_S), np.int16)
        silent = False
        while True:
            chunk = self.output.take(queued_s=self._audio.queued_duration)
            if chunk and silent:
                self._drop_queue()
            silent = chunk is None
            self._show_soon((chunk.segment, chunk.index) if chunk else None)
            if chunk:
                await self._hand_out(chunk.pcm)
                await asyncio.sleep(self._audio.queued_duration - QUEUE_S)
            else:
                if self._audio.queued_duration < 2 * self._picture_s:
                    await self._hand_out(piece if self.echo.listens else silence)
                await self._pause()

    async def _hand_out(self, pcm: Pcm16) -> None:
        self.echo.play(pcm)
        await self._audio.capture_frame(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm)))

    async def _pause(self) -> None:
        """Wait until the next picture of a silent face is due, or a reply can begin."""
        loop = asyncio.get_running_loop()
        self._due_s = max(self._due_s + self._picture_s, loop.time())
        while (left_s := self._due_s - loop.time()) > 0 and not self.output.ready():
            if self.output.speaking():
                await asyncio.sleep(min(left_s, _LOOK_S))
            else:
                await self.output.arrival(left_s)

    def _show_soon(self, key: tuple[int, int] | None) -> None:
        """Show the picture, if it is due: of speech, when its sound leaves WebRTC's queue, not when it enters."""
        step = self._climbed()
        self._pictures += 1
        picture = self._face.frame(key)
        in_turn = step.shows(self._pictures, self._options.fps)
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        at_s = now_s + self._audio.queued_duration + SHOWN_LATER_S if key else max(now_s, self._shown_until_s)
        if key:
            self._shown_until_s = at_s + self._picture_s
        if not in_turn and (key is None or picture is self._shown):  # a held one; in silence any picture will do
            return
        self._shown = picture
        kind = "speech" if key else "idle"
        self._shows.add(loop.call_at(at_s, self._show, picture, kind))
        self._shows = {show for show in self._shows if show.when() >= now_s}

    def _climbed(self) -> Step:
        """The ladder's step now; the face is told, and the visitor's client when it has changed."""
        step = self._step()
        self._face.fps, self._face.still = step.fps, step.still
        if step != self._told and self._room.isconnected() and (self._telling is None or self._telling.done()):
            self._told = step
            telling = self._room.local_participant.set_attributes({VIDEO_ATTRIBUTE: step.name})
            self._telling = asyncio.create_task(telling, name="video-step")
        return step

    def _show(self, picture: bytes, kind: str) -> None:
        width, height = self._face.size
        self._video.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, picture))
        frames_published.labels(kind).inc()

    def _clear(self) -> None:
        """Barge-in: what waits in WebRTC's queue is not heard, and its pictures are not shown."""
        self._drop_queue()
        self._clear_shows()

    def _drop_queue(self) -> None:
        self.echo.discard(self._audio.queued_duration)
        self._audio.clear_queue()

    def _clear_shows(self) -> None:
        for handle in self._shows:
            handle.cancel()
        self._shows.clear()
        self._shown_until_s = 0.0
