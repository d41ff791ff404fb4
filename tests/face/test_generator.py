"""One visitor's face: the picture of every chunk is its own, in order, and the head never jumps."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace

import numpy as np
import pytest

from appliance.context import Context, Engines
from appliance.engine import Call, SessionId, TurnId
from appliance.errors import AvatarError
from appliance.face.drive import Drive, FromPhonemes, FromSound
from appliance.face.generator import AHEAD, FaceGenerator
from appliance.face.life import Clip
from appliance.face.renderer import RenderedFrame, RenderRequest
from appliance.metrics import frames_late
from appliance.phoneme import Phoneme

RATE = 24_000
CHUNK = RATE // 25
SIDE = 8
N_FRAMES = 10


class FakeBridge:
    """Renders a picture whose bytes are the frame's index; `held` keeps it from answering, `ticket` lets one through
    each time."""

    def __init__(self) -> None:
        self.requests: list[RenderRequest] = []
        self.held = asyncio.Event()
        self.held.set()
        self.ticket: asyncio.Semaphore | None = None
        self.failing = False
        self.closed = 0

    async def stream(self, request: RenderRequest, call: Call) -> AsyncIterator[tuple[RenderedFrame, ...]]:
        self.requests.append(request)
        try:
            for index in request.indices:
                await self.held.wait()
                if self.ticket is not None:
                    await self.ticket.acquire()
                if self.failing:
                    raise AvatarError("the net failed", code="inference-failed")
                yield (RenderedFrame(index, bytes([index % 256]) * (SIDE * SIDE * 3 // 2)),)
        finally:
            self.closed += 1

    def cancel(self, session: SessionId, *, before: TurnId) -> None:
        raise AssertionError("a face cancels by closing its streams")


def avatar() -> SimpleNamespace:
    return SimpleNamespace(
        card=SimpleNamespace(clips=()),
        width=SIDE,
        height=SIDE,
        n_frames=N_FRAMES,
        frames=np.full((N_FRAMES, SIDE * 3 // 2, SIDE), 200, np.uint8),
        boxes=np.array([[0, 0, SIDE]] * N_FRAMES),
        mask=np.full((SIDE, SIDE), 255, np.uint8),
    )


def drive(rate_hz: int, *, known: bool) -> Drive:
    return FromPhonemes(rate_hz, fps=25) if known else FromSound(rate_hz, fps=25, offset_s=-0.08)


@pytest.fixture
async def face() -> AsyncIterator[tuple[FaceGenerator, FakeBridge]]:
    bridge = FakeBridge()
    renderer = SimpleNamespace(avatar=avatar(), drive=drive)
    context = Context(Engines(), {}, SimpleNamespace(name="nobody"))  # type: ignore[arg-type]
    generator = FaceGenerator(renderer, bridge, context, fps=25, clock=lambda: 50.0)  # type: ignore[arg-type]
    yield generator, bridge
    await generator.aclose()


def speech(n_chunks: float) -> np.ndarray:
    return (8000 * np.sin(np.arange(round(n_chunks * CHUNK)) / 7)).astype(np.int16)


async def test_every_chunk_gets_its_own_picture(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    for piece in np.array_split(speech(20), 7):
        generator.push(0, piece, RATE)
    generator.flush(0)
    shown = []
    for index in range(20):
        await generator.wait(0, index)
        shown.append(generator.frame((0, index))[0])
    assert shown == list(range(1, 21)), "the first picture follows the idle one, and none is left out"
    assert [i for request in bridge.requests for i in request.indices] == list(range(1, 21))


async def test_a_mouth_that_is_known_is_told_and_not_heard(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    generator.push(0, speech(10), RATE, [Phoneme("m", 0.0, 0.08), Phoneme("ɑ", 0.08, 0.3)])
    generator.push(0, speech(10), RATE, [Phoneme("_", 0.3, 0.8)])
    generator.flush(0)
    await generator.wait(0, 19)
    mouths = np.concatenate([request.drive for request in bridge.requests])
    assert mouths.shape == (20, 8)
    assert mouths[1, 7] > 0.8, "pressed for the /m/"
    assert mouths[5, 0] > 0.5, "open for the /a/"
    assert mouths[15].max() == pytest.approx(0, abs=0.01), "at rest in the pause"
    generator.push(1, speech(5), RATE)
    generator.flush(1)
    await generator.wait(1, 4)
    assert bridge.requests[-1].drive.shape == (5, 80, 16), "a voice that tells nothing is listened to"


async def test_the_head_goes_on_from_idle_to_speech_and_back(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    for _ in range(30):
        generator.frame(None)
    generator.push(0, speech(5), RATE)
    generator.flush(0)
    for index in range(5):
        await generator.wait(0, index)
        generator.frame((0, index))
    assert bridge.requests[0].indices[0] == 31
    generator.frame(None)
    generator.push(1, speech(5), RATE)
    generator.flush(1)
    await generator.wait(1, 0)
    assert min(bridge.requests[-1].indices) == 37, "30 idle, 5 spoken, 1 idle"


async def test_a_late_picture_is_replaced_by_the_one_before(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    before = generator.frame(None)
    bridge.held.clear()
    generator.push(0, speech(10), RATE)
    generator.flush(0)
    await asyncio.sleep(0)
    assert not generator.ready(0, 0)
    assert generator.frame((0, 0)) == before


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("spell", [2, 3, 4])
async def test_a_machine_that_is_too_slow_shows_as_many_pictures_as_it_can_draw(
    face: tuple[FaceGenerator, FakeBridge], spell: int
) -> None:
    """A picture takes `spell` frames to draw: the mouth moves and keeps with the voice, and afterwards the head does
    not wait for what nobody will see."""
    generator, bridge = face
    bridge.ticket = asyncio.Semaphore(0)
    generator.push(0, speech(60), RATE)
    generator.flush(0)
    shown: list[int] = []
    for place in range(60):
        if place % spell == 0:
            bridge.ticket.release()
        await settle()
        shown.append(generator.frame((0, place))[0])
    changes = sum(now != before for before, now in itertools.pairwise(shown[10:]))
    assert changes >= 0.8 * 50 / spell
    lags = [place + 1 - picture for place, picture in enumerate(shown)][10:]
    assert min(lags) >= 0 and max(lags) < 2 * spell, lags
    await settle()
    assert generator._utterances[0].over  # pyright: ignore[reportPrivateUsage]
    index = generator._index  # pyright: ignore[reportPrivateUsage]
    generator.frame(None)
    assert generator._index == index + 1, "the head moves on"  # pyright: ignore[reportPrivateUsage]


async def test_after_a_stop_no_more_is_missed_than_has_to_be(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    generator.frame(None)
    bridge.held.clear()
    generator.push(0, speech(60), RATE)
    generator.flush(0)
    shown: list[int] = []
    for place in range(60):
        if place == 30:
            bridge.held.set()
        await settle()
        shown.append(generator.frame((0, place))[0])
    assert shown[36:] == list(range(38, 62)), "each in time"


async def test_the_last_words_are_drawn_though_more_may_come(face: tuple[FaceGenerator, FakeBridge]) -> None:
    """A gap between two sentences: the net's look-ahead is filled with silence instead of being waited for."""
    generator, _ = face
    generator.push(0, speech(12), RATE)
    drawn = []
    for index in range(12):
        for _ in range(20):
            await asyncio.sleep(0)
        drawn.append(generator.ready(0, index))
        generator.frame((0, index))
    assert all(drawn)


async def test_clear_forgets_the_speech_and_the_mouth_eases_closed(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    generator.push(0, speech(40), RATE)
    await generator.wait(0, 0)
    generator.frame((0, 0))
    generator.clear()
    for _ in range(5):
        await asyncio.sleep(0)
    assert bridge.closed == len(bridge.requests), "nothing goes on being rendered"
    levels = [int(generator.frame(None)[0]) for _ in range(5)]
    assert levels == sorted(levels) and levels[0] < 200 and levels[-1] == 200, levels


async def test_not_more_is_drawn_than_fits(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    generator.push(0, speech(300), RATE)
    generator.flush(0)
    for _ in range(2000):
        await asyncio.sleep(0)
    drawn = sum(len(request.indices) for request in bridge.requests)
    assert AHEAD <= drawn < AHEAD + 30


async def test_a_failing_net_holds_the_face_and_nothing_else(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    bridge.failing = True
    before = generator.frame(None)
    generator.push(0, speech(5), RATE)
    generator.flush(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert [generator.frame((0, index)) for index in range(5)] == [before] * 5
    generator.frame(None)
    assert generator._index == 2, "the head moves on"  # pyright: ignore[reportPrivateUsage]


async def test_the_engine_is_told_when_pictures_are_shown(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    bridge.held.clear()
    generator.push(0, speech(10), RATE)
    generator.flush(0)
    generator.push(1, speech(5), RATE)
    generator.flush(1)
    await asyncio.sleep(0)
    assert [request.due_s for request in bridge.requests] == [50.0, pytest.approx(50.4)]
    bridge.held.set()
    generator.clear()
    generator.push(2, speech(40), RATE)
    generator.flush(2)
    await generator.wait(2, 24)
    for index in range(25):
        generator.frame((2, index))
    await generator.wait(2, 39)
    assert bridge.requests[-1].due_s < 51.1


@pytest.mark.parametrize(("fps", "places"), [(25, 20), (15, 12), (10, 8), (1, 1)])
async def test_at_a_lower_rate_fewer_are_drawn_and_the_rest_held(
    face: tuple[FaceGenerator, FakeBridge], fps: int, places: int
) -> None:
    generator, bridge = face
    generator.fps = fps
    late = frames_late._value.get()  # pyright: ignore[reportPrivateUsage]
    generator.push(0, speech(20), RATE)
    generator.flush(0)
    shown: list[int] = []
    for index in range(20):
        await generator.wait(0, index)
        shown.append(generator.frame((0, index))[0])
    drawn = [index for request in bridge.requests for index in request.indices]
    assert len(drawn) == places
    assert sorted(set(shown)) == drawn, "each is shown, and nothing else is"
    assert all(0 <= place + 1 - picture <= 25 // fps for place, picture in enumerate(shown)), "never an old one"
    assert frames_late._value.get() == late  # pyright: ignore[reportPrivateUsage]


async def test_a_lower_rate_holds_idle_pictures_too(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, _ = face
    generator._compositor._avatar.frames[:] = np.arange(N_FRAMES)[:, None, None]  # pyright: ignore
    generator.fps = 5
    shown = [generator.frame(None)[0] for _ in range(35)]
    changes = [place for place in range(10, 35) if shown[place] != shown[place - 1]]
    assert len(changes) == 5
    assert set(np.diff(changes)) == {5}


async def test_a_still_face_draws_nothing_and_does_not_wait(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    generator.frame(None)
    generator.still = True
    late = frames_late._value.get()  # pyright: ignore[reportPrivateUsage]
    generator.push(0, speech(8), RATE)
    generator.flush(0)
    await generator.wait(0, 7)
    assert bridge.requests == []
    shown = [generator.frame((0, index)) for index in range(8)] + [generator.frame(None) for _ in range(5)]
    assert len({id(picture) for picture in shown[4:]}) == 1, "the same one, so that it is not published again"
    assert frames_late._value.get() == late  # pyright: ignore[reportPrivateUsage]
    generator.still = False
    generator.push(1, speech(3), RATE)
    generator.flush(1)
    await generator.wait(1, 2)
    assert bridge.requests[0].indices == (2, 3, 4), "the head goes on from where it stood"


async def test_the_mouth_closes_where_the_face_becomes_still(face: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = face
    generator.push(0, speech(40), RATE)
    await generator.wait(0, 24)
    generator.still = True
    generator.flush(0)
    await generator.wait(0, 39)
    drawn = sum(len(request.indices) for request in bridge.requests)
    shown = [int(generator.frame((0, index))[0]) for index in range(40)]
    assert shown[:drawn] == list(range(1, drawn + 1))
    assert shown[drawn] > shown[drawn - 1], "eases to the idle picture's 200"
    assert shown[drawn + 3 :] == [200] * (40 - drawn - 3)


@pytest.fixture
def lively(face: tuple[FaceGenerator, FakeBridge]) -> tuple[FaceGenerator, FakeBridge]:
    """A face of an avatar with three clips, whose idle pictures tell their frame."""
    generator, bridge = face
    shown = generator.avatar
    shown.card.clips = (Clip("a", "idle", 0, 4, (0, 3)), Clip("b", "idle", 4, 4, (0,)), Clip("t", "think", 8, 2))
    shown.frames[:] = np.arange(N_FRAMES)[:, None, None]
    return generator, bridge


async def test_speech_is_drawn_on_the_frames_that_follow(lively: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = lively
    shown = [generator.frame(None)[0] for _ in range(30)]
    assert shown[5:] == [generator.life.frame(tick) for tick in range(6, 31)], "after an ease from the first"
    generator.push(0, speech(12), RATE)
    generator.flush(0)
    await generator.wait(0, 11)
    assert bridge.requests[0].indices == tuple(range(31, 43))
    assert bridge.requests[0].frames == tuple(generator.life.frame(tick) for tick in range(31, 43))
    assert set(bridge.requests[0].frames) <= set(range(8))


async def test_a_state_is_shown_behind_what_is_drawn_already(lively: tuple[FaceGenerator, FakeBridge]) -> None:
    generator, bridge = lively
    generator.push(0, speech(20), RATE)
    generator.flush(0)
    await generator.wait(0, 19)
    generator.state = "thinking"
    assert generator.state == "thinking"
    assert bridge.requests[0].frames == tuple(generator.life.frame(tick) for tick in range(1, 21))
    assert {8, 9} & {generator.life.frame(tick) for tick in range(21, 60)}


async def test_a_state_is_shown_at_once_where_speech_was_thrown_away(
    lively: tuple[FaceGenerator, FakeBridge],
) -> None:
    generator, _ = lively
    generator.push(0, speech(100), RATE)
    await generator.wait(0, 10)
    generator.frame((0, 0))
    generator.clear()
    generator.state = "thinking"
    assert {8, 9} <= {generator.life.frame(tick) for tick in range(2, 22)}
