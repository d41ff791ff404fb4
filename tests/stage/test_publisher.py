"""Which pictures are published on each step of the ladder, and what the visitor's client is told."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from appliance.ladder import FULL, STILL, Step
from appliance.stage.publisher import SHOWN_LATER_S, VIDEO_ATTRIBUTE, Publisher, PublishOptions
from tests.fakes.face import FakeFace


class FakeRoom:
    """A room that notes what its participant is told to say of itself."""

    def __init__(self) -> None:
        self.attributes: list[dict[str, str]] = []

    @property
    def local_participant(self) -> FakeRoom:
        return self

    def isconnected(self) -> bool:
        return True

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        self.attributes.append(attributes)


async def _second(step: Step, room: FakeRoom, face: FakeFace, key: tuple[int, int] | None = None) -> int:
    """Pictures published in a second of that step."""
    publisher = Publisher(cast("Any", room), face, PublishOptions(), lambda: step)
    shown: list[bytes] = []
    publisher._show = lambda picture, kind: shown.append(picture)  # type: ignore[method-assign]
    for index in range(25):
        publisher._show_soon((key[0], index) if key else None)
    await asyncio.sleep(2 * SHOWN_LATER_S)
    await publisher.aclose()
    return len(shown)


@pytest.mark.parametrize(("step", "pictures"), [(FULL, 25), (Step(15), 15), (Step(10), 10), (STILL, 1)])
async def test_a_silent_face_is_published_as_often_as_the_step_says(step: Step, pictures: int) -> None:
    face, room = FakeFace(), FakeRoom()
    assert await _second(step, room, face) == pictures
    assert (face.fps, face.still) == (step.fps, step.still)


async def test_what_the_face_holds_is_not_published_again() -> None:
    class Holding(FakeFace):
        """Draws every other picture."""

        def frame(self, key: tuple[int, int] | None) -> bytes:
            if key is not None and key[1] % 2 == 0:
                self.last = super().frame(key)
            return self.last

    assert 13 <= await _second(Step(1), FakeRoom(), Holding(), key=(0, 0)) <= 14


async def test_the_client_is_told_of_another_step_once() -> None:
    room = FakeRoom()
    await _second(FULL, room, FakeFace())
    assert room.attributes == []
    await _second(Step(10), room, FakeFace())
    assert room.attributes == [{VIDEO_ATTRIBUTE: "10"}]
