"""Our word times in LiveKit's own synchronizer: captions keep in step, and what an interruption leaves was heard."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT, TimedString
from livekit.agents.voice import io
from livekit.agents.voice.transcription.synchronizer import TranscriptSynchronizer

from appliance.context import Context, Engines
from appliance.engine import Bridge, SessionId
from appliance.errors import TTSError
from appliance.voice.plugin import PiperTTS
from tests.fakes.piper import FakePiper

TEXT = "Hi there. Immediately everyone understood, so we went on."
LETTER_S = 0.06


class Speaker(io.AudioOutput):
    """Plays at once and reports when told to."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=22_050)
        self.began_s = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self.began_s:
            self.began_s = time.time()
            self.on_playback_started(created_at=self.began_s)

    def flush(self) -> None:
        super().flush()

    def clear_buffer(self) -> None: ...


class Captions(io.TextOutput):
    """Notes when each word came."""

    def __init__(self) -> None:
        super().__init__(label="captions", next_in_chain=None)
        self.shown: list[tuple[str, float]] = []

    async def capture_text(self, text: str) -> None:
        self.shown.append((str(text), time.time()))

    def flush(self) -> None: ...


async def spoken() -> list[rtc.AudioFrame]:
    engines, engine = Engines(), FakePiper(letter_s=LETTER_S)
    bridge = engines.get("voice", lambda: Bridge("voice", engine, engine.synthesize, error=TTSError))
    voice = PiperTTS(bridge, Context(engines, {}, cast("Any", None), SessionId("visitor")), engine.rate_hz)
    async with voice.stream(conn_options=APIConnectOptions(max_retry=0, timeout=5.0)) as stream:
        stream.push_text(TEXT)
        stream.end_input()
        frames = [event.frame async for event in stream]
    await engines.close()
    return frames


@pytest.mark.slow
async def test_an_interruption_leaves_what_was_heard() -> None:
    frames = await spoken()
    words = [
        word
        for frame in frames
        for word in cast("list[TimedString]", frame.userdata.get(USERDATA_TIMED_TRANSCRIPT, []))
    ]
    assert "".join(words) == TEXT
    speaker, captions = Speaker(), Captions()
    together = TranscriptSynchronizer(next_in_chain_audio=speaker, next_in_chain_text=captions)
    for frame in frames:
        await together.audio_output.capture_frame(frame)
    for word in words:
        await together.text_output.capture_text(word)
    together.audio_output.flush()
    together.text_output.flush()
    heard_s = cast("float", words[3].end_time)
    await asyncio.sleep(heard_s - (time.time() - speaker.began_s))
    speaker.on_playback_finished(playback_position=heard_s, interrupted=True)
    ended = await together.audio_output.wait_for_playout()
    await together.aclose()
    heard = "Hi there. Immediately everyone"
    kept = ended.synchronized_transcript
    assert kept is not None
    assert heard.startswith(kept)
    assert kept.startswith("Hi there. Immediately")  # LiveKit counts a word when the next one is due
    shown = {text: at - speaker.began_s for text, at in captions.shown}
    for word in words[:3]:
        assert shown[word] > word.start_time - 0.45  # later where the machine is slow, never earlier
