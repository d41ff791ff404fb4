"""Speech made beforehand: made once, kept, found again, and made anew when it is not what was kept."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from appliance.engine import TurnId
from appliance.errors import TTSError
from appliance.voice import prepared as module
from appliance.voice.prepared import Preparation, Prepared, prepare
from appliance.voice.speech import SpeechAudio, SpeechRequest, pcm16
from tests.fakes.piper import FakePiper

TEXTS = ["Hello there.", "Please take a seat in the waiting room, someone will be with you shortly. Thank you."]
PIECES = [
    "Hello there.",
    "Please take a seat in the waiting room,",
    "someone will be with you shortly.",
    "Thank you.",
]


class Voice:
    """The voice of a box on which visitors come and go."""

    def __init__(self, folder: Path, *, identity: str = "joe") -> None:
        self.engine = FakePiper()
        self.engine.load()
        self.folder = folder
        self.identity = identity
        self.busy: list[bool] = []
        self.error: TTSError | None = None

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechAudio]:
        assert not self.busy
        if self.error:
            raise self.error
        for chunk in self.engine.synthesize(request):
            assert chunk is not None
            yield chunk

    async def prepare(self, texts: list[str] = TEXTS) -> Prepared:
        ready = Prepared()
        asked = Preparation(ready, self.identity, self.speak, lambda: bool(self.busy and self.busy.pop()), self.folder)
        await prepare(texts, asked)
        return ready


def live(text: str) -> list[SpeechAudio]:
    engine = FakePiper()
    engine.load()
    return [chunk for chunk in engine.synthesize(SpeechRequest(text, TurnId(0), begun=True)) if chunk is not None]


async def test_every_piece_is_made_once_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    voice = Voice(tmp_path)
    with caplog.at_level(logging.INFO, "appliance.voice.prepared"):
        ready = await voice.prepare()
    assert voice.engine.said == PIECES
    assert len(ready) == 4
    assert "waiting room" not in caplog.text
    (record,) = caplog.records
    assert (record.pieces, record.made) == (4, 4)  # type: ignore[attr-defined]
    again = await voice.prepare([*TEXTS, "Something new is here."])
    assert voice.engine.said == [*PIECES, "Something new is here."]
    assert len(again) == 5
    assert all(again.find(piece, TurnId(0)) for piece in PIECES)


async def test_what_is_kept_is_what_would_be_said_live(tmp_path: Path) -> None:
    await Voice(tmp_path).prepare()
    kept = (await Voice(tmp_path).prepare()).find("  Hello there. ", TurnId(9))
    chunks = live("Hello there.")
    assert kept is not None
    assert np.array_equal(pcm16(kept.pcm), np.concatenate([pcm16(chunk.pcm) for chunk in chunks]))
    assert kept.phonemes == chunks[0].phonemes
    assert [(word.start_s, word.end_s) for word in kept.words[:2]] == [
        (word.start_s, word.end_s) for word in chunks[0].words
    ]
    assert "".join(word.text for word in kept.words) == "  Hello there. "
    assert (kept.rate_hz, kept.turn) == (22_050, 9)


async def test_another_voice_speaks_for_itself(tmp_path: Path) -> None:
    await Voice(tmp_path).prepare()
    other = Voice(tmp_path, identity="amy")
    await other.prepare()
    assert other.engine.said == PIECES


@pytest.mark.parametrize("damage", [b"", b"nonsense", None, 5])
async def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes | int | None) -> None:
    await Voice(tmp_path).prepare(TEXTS[:1])
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    if isinstance(damage, int):
        data[-damage] ^= 1
    file.write_bytes(data if isinstance(damage, int) else data[: len(data) // 2] if damage is None else damage)
    voice = Voice(tmp_path)
    ready = await voice.prepare(TEXTS[:1])
    assert voice.engine.said == ["Hello there."]
    found = ready.find("Hello there.", TurnId(0))
    assert found is not None
    assert len(found.pcm) == sum(len(chunk.pcm) for chunk in live("Hello there."))
    third = Voice(tmp_path)
    await third.prepare(TEXTS[:1])
    assert third.engine.said == []


async def test_nothing_is_made_while_a_visitor_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    voice = Voice(tmp_path)
    voice.busy = [True, True, True]  # `speak` fails while a visitor is there
    monkeypatch.setattr(module.asyncio, "sleep", wait)
    await voice.prepare(TEXTS[:1])
    monkeypatch.undo()
    assert len(waits) == 3
    assert voice.engine.said == ["Hello there."]


async def test_what_cannot_be_said_is_left_out(tmp_path: Path) -> None:
    ready = await Voice(tmp_path).prepare(["你好 你好。", "  ", *TEXTS[:1]])
    assert len(ready) == 1
    assert ready.find("你好 你好。", TurnId(0)) is None


async def test_a_voice_that_closes_ends_it(tmp_path: Path) -> None:
    voice = Voice(tmp_path)
    voice.error = TTSError("the voice engine is closed", code="closed")
    assert len(await voice.prepare()) == 0


async def test_a_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ready = await Voice(tmp_path / "file").prepare(TEXTS[:1])
    assert ready.find("Hello there.", TurnId(0)) is not None


async def test_the_oldest_goes_when_the_cache_is_full(tmp_path: Path) -> None:
    await Voice(tmp_path).prepare()
    files = sorted(tmp_path.iterdir())
    for age, file in enumerate(files):
        os.utime(file, (1e9 - age, 1e9 - age))
    module._shrink(tmp_path, sum(file.stat().st_size for file in files[:2]))
    assert sorted(tmp_path.iterdir()) == files[:2]


async def test_it_can_be_broken_off(tmp_path: Path) -> None:
    voice = Voice(tmp_path)
    voice.busy = [True] * 100
    task = asyncio.create_task(voice.prepare())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [file for file in tmp_path.iterdir() if file.suffix == ".part"]
