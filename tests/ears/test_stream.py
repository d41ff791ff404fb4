"""The whole of the ears at a microphone's pace: real voice activity, the real model, a real recording."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from faster_whisper.audio import decode_audio
from livekit import rtc
from livekit.agents import stt

from appliance.config import EarsConfig
from appliance.context import Context, Engines
from appliance.ears.plugin import create

RATE_HZ = 16_000
FRAME = 320


async def at_microphone_pace(stream: stt.RecognizeStream, pcm: np.ndarray) -> None:
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    for start in range(0, len(pcm) - FRAME, FRAME):
        stream.push_frame(rtc.AudioFrame(pcm[start : start + FRAME].tobytes(), RATE_HZ, 1, FRAME))
        await asyncio.sleep(max(0.0, started_s + (start + FRAME) / RATE_HZ - loop.time()))
    stream.end_input()


@pytest.mark.slow
async def test_a_spoken_question_is_heard_once_and_rightly(models: Path, data: Path) -> None:
    engines = Engines()
    ears = create(EarsConfig(), Context(engines, {"ears": models / "ears"}, cast("Any", None)))
    await engines.ready()
    speech = decode_audio(str(data / "speech" / "spk1_snt1.wav"), RATE_HZ)
    quiet = np.zeros(RATE_HZ, np.float32)
    pcm = (np.concatenate([quiet, speech, quiet]) * 32767).astype(np.int16)
    stream = ears.stream()
    speaking = asyncio.create_task(at_microphone_pace(stream, pcm))
    events = [event async for event in stream]
    await speaking
    await stream.aclose()
    await ears.aclose()
    await engines.close()
    kinds = [event.type for event in events]
    assert kinds[0] is stt.SpeechEventType.START_OF_SPEECH
    assert kinds.count(stt.SpeechEventType.FINAL_TRANSCRIPT) == 1
    assert kinds.index(stt.SpeechEventType.END_OF_SPEECH) < kinds.index(stt.SpeechEventType.FINAL_TRANSCRIPT)
    final = events[-1].alternatives[0]
    assert final.text.lower().strip(" .") == "the child almost hurt the small dog"
    assert final.confidence > 0.7
