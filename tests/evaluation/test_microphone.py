"""A recording on its way to the wire: nothing lost, and the right sample at the right time."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from appliance.clock import VirtualClock
from appliance.errors import MediaError
from appliance.evaluation.microphone import FRAME_S, Microphone, Recording, read
from appliance.evaluation.timeline import RATE_HZ


def write(path: Path, pcm: np.ndarray, rate_hz: int, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(np.repeat(pcm.astype(np.int16), channels).tobytes())
    return path


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (16_000, 2), (22_050, 1), (44_100, 2), (48_000, 1)])
def test_any_rate_and_channel_count_becomes_48_khz_mono(tmp_path: Path, rate_hz: int, channels: int) -> None:
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)
    pcm = read(write(tmp_path / "tone.wav", tone, rate_hz, channels)).pcm
    assert abs(len(pcm) - RATE_HZ) <= 64
    crossings = np.count_nonzero(np.diff(np.signbit(pcm[1000:-1000])))
    assert crossings == pytest.approx(880 * (len(pcm) - 2000) / RATE_HZ, abs=3)


def test_a_silent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        read(write(tmp_path / "nothing.wav", np.zeros(1000), 16_000))
    assert caught.value.code == "silent"


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(MediaError):
        read(tmp_path / "text.wav")
    with pytest.raises(MediaError):
        read(tmp_path / "missing.wav")


class _Wire:
    """Takes the place of WebRTC: notes each frame and when it was handed over."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.frames: list[tuple[float, np.ndarray]] = []

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        self.frames.append((self.clock(), np.frombuffer(frame.data, np.int16).copy()))

    async def aclose(self) -> None: ...


async def test_samples_are_timed_by_the_frame_that_carried_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(100.0)
    sleep = asyncio.sleep

    async def pass_time(seconds: float) -> None:
        clock.advance(max(seconds, 0.0))
        await sleep(0)

    monkeypatch.setattr("appliance.evaluation.microphone.asyncio.sleep", pass_time)
    microphone = Microphone(clock)
    await microphone._source.aclose()
    wire = microphone._source = _Wire(clock)  # type: ignore[assignment]
    pcm = np.zeros(RATE_HZ // 2, np.int16)
    pcm[4_800:14_400] = 3000  # loud from 0.1 to 0.3 s
    running = asyncio.create_task(microphone.run())
    spoken = await microphone.play(Recording("tone", pcm))
    for _ in range(60):
        await sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    sent = np.concatenate([frame for _, frame in wire.frames])
    loud = np.flatnonzero(sent)
    first_frame_s = wire.frames[0][0]
    assert len(loud) == 9_600
    assert spoken.first_s == pytest.approx(first_frame_s - FRAME_S + loud[0] / RATE_HZ, abs=1e-6)
    assert spoken.last_s == pytest.approx(first_frame_s - FRAME_S + loud[-1] / RATE_HZ, abs=1e-6)
    gaps = np.diff([at_s for at_s, _ in wire.frames])
    assert gaps == pytest.approx(FRAME_S)


async def test_longer_frames_are_timed_by_when_they_leave_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(100.0)
    sleep = asyncio.sleep

    async def pass_time(seconds: float) -> None:
        clock.advance(max(seconds, 0.0))
        await sleep(0)

    monkeypatch.setattr("appliance.evaluation.microphone.asyncio.sleep", pass_time)
    microphone = Microphone(clock, frame_s=0.05)
    await microphone._source.aclose()
    wire = microphone._source = _Wire(clock)  # type: ignore[assignment]
    pcm = np.zeros(RATE_HZ // 2, np.int16)
    pcm[4_800:14_400] = 3000
    running = asyncio.create_task(microphone.run())
    spoken = await microphone.play(Recording("tone", pcm, pause=(6_000, 9_600)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    sent = np.concatenate([frame for _, frame in wire.frames])
    first = int(np.flatnonzero(sent)[0])
    # The queue began to empty when the first frame, of silence, was put in.
    assert spoken.first_s == pytest.approx(wire.frames[0][0] + first / RATE_HZ, abs=1e-6)
    assert spoken.pause_s == pytest.approx((spoken.first_s + 0.025, spoken.first_s + 0.1), abs=1e-4)


async def test_what_is_around_is_mixed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hum:
        def sound(self, n_samples: int) -> np.ndarray:
            return np.full(n_samples, 30_000, np.int16)

    clock = VirtualClock(100.0)
    sleep = asyncio.sleep

    async def pass_time(seconds: float) -> None:
        clock.advance(max(seconds, 0.0))
        await sleep(0)

    monkeypatch.setattr("appliance.evaluation.microphone.asyncio.sleep", pass_time)
    microphone = Microphone(clock)
    await microphone._source.aclose()
    wire = microphone._source = _Wire(clock)  # type: ignore[assignment]
    microphone.surroundings = Hum()
    running = asyncio.create_task(microphone.run())
    await microphone.play(Recording("tone", np.full(960, 5000, np.int16)))
    for _ in range(5):
        await sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    sent = np.concatenate([frame for _, frame in wire.frames])
    assert set(sent) == {32767, 30_000}, "loud sounds are clipped"
