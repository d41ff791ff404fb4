"""An engine that raises or hangs: the visitor is told so, the box lives, and goes on when it is well again."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.evaluation.box import Box
from appliance.evaluation.visitor import Visitor
from appliance.personas.persona import load
from tests.test_conversation import FREE, greeted, plain, spoken_since

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PERSONA = "host"
UNKNOWN = "Which of the seven seas is your favourite?"
PREPARED_S = 60.0
TOLD_S = 40.0


@pytest.mark.parametrize("fault", ["mind-raises", "mind-hangs", "voice-raises", "voice-hangs"])
async def test_a_visitor_is_told_that_something_went_wrong(fault: str, models: Path, tmp_path: Path) -> None:
    assert models
    broken = tmp_path / "broken"
    arguments = [
        "-m",
        "tests.fakes.broken_box",
        fault,
        str(broken),
        "serve",
        "--port",
        "0",
        "--no-browser",
        "--persona",
        PERSONA,
    ]
    trouble = plain(load(PERSONA).trouble)
    async with Box("box", arguments, FREE) as box:
        async with Visitor(box.url) as visitor:
            assert await visitor.hears(0.0, PREPARED_S), "the greeting"
            assert await visitor.silence(1.0, 60)
            broken.touch()
            before = len(visitor.timeline.words)
            sent_s = await visitor.write(UNKNOWN)
            assert await visitor.hears(sent_s + 0.3, TOLD_S), f"nothing was said: {visitor.lost}"
            assert await visitor.silence(1.5, 60)
            assert trouble in plain(spoken_since(visitor, before))
            broken.unlink()
            before = len(visitor.timeline.words)
            sent_s = await visitor.write(UNKNOWN)
            assert await visitor.hears(sent_s + 0.3, TOLD_S), "it is well again"
            assert await visitor.silence(1.5, 60)
            assert trouble not in plain(spoken_since(visitor, before))
        assert await box.empty(10) is not None, "the visitor's place is free"
        assert await greeted(box.url)
