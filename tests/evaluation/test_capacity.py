"""Ramps of a known shape, and a real server that refuses."""

from __future__ import annotations

import pytest

from appliance.evaluation.box import Box
from appliance.evaluation.capacity import Level, Samples, _answered, _refused
from appliance.evaluation.timeline import Spoken, Timeline
from tests.evaluation.test_measures import sound

FREE = {"APPLIANCE_SFU__PORT": "0", "APPLIANCE_SFU__UDP_PORT": "0", "APPLIANCE_SFU__TCP_PORT": "0"}


def together(visitors: int, *fps: int) -> Level:
    return Level("together", visitors, fps=list(fps), turn_ms=[500.0])


def connected(visitors: int, *turn_ms: float, error: str = "") -> Level:
    return Level("connected", visitors, turn_ms=list(turn_ms), errors=[error] if error else [])


def test_the_most_is_the_last_level_that_passed_in_a_row() -> None:
    levels = [together(1, 25, 25), together(2, 25, 24), together(3, 25, 19), together(4, 25, 25)]
    levels += [connected(3, 900, 1100), connected(5, 2000, 2500), connected(7, 2000, 5000)]
    figures = Samples(levels, refusal_ms=[10.0, 20.0], places=[1, 2]).summary()
    assert (figures["speaking"], figures["connected"], figures["errors"]) == (2, 5, 0)
    assert figures["turn_ms"] == {"p50": 2250.0, "p95": 2475.0}
    assert figures["refusal_ms"] == 19.5
    assert figures["refusal"] == {"retry_after_s": None, "place": 1}
    assert figures["ramp"]["together 3"]["passed"] is False


def test_an_error_fails_a_level_whatever_its_speed() -> None:
    assert not connected(2, 500.0, error="no answer").passed
    assert not connected(2).passed, "nobody was answered"
    assert not together(2).passed, "all were never spoken to at the same time"
    figures = Samples([together(1, 10), connected(1, 500.0, error="no answer")], errors=["lost"]).summary()
    assert (figures["speaking"], figures["connected"], figures["errors"]) == (0, 0, 2)


def test_a_turn_is_timed_from_mouth_to_ear_and_silence_is_an_error() -> None:
    level = Level("connected", 1)
    _answered(Timeline(heard=sound((3.2, 5.0), length_s=6)), Spoken("q", 101.0, 102.5, 0.0), "visitor 0, q", level)
    assert level.turn_ms == pytest.approx([700])
    _answered(Timeline(heard=sound(length_s=6)), Spoken("q", 101.0, 102.5, 0.0), "visitor 0, q", level)
    _answered(Timeline(heard=sound((2.0, 3.0), length_s=6)), Spoken("q", 101.0, 102.5, 0.0), "visitor 0, q", level)
    assert level.errors == ["visitor 0, q: no answer in 15 s", "visitor 0, q: the avatar spoke over it"]


@pytest.mark.slow
async def test_a_server_that_is_full_refuses() -> None:
    variables = {**FREE, "APPLIANCE_SESSION__VISITORS_MAX": "2"}
    samples = Samples()
    async with Box("box", ["-m", "tests.fakes.box", "serve", "--port", "0", "--no-browser"], variables) as box:
        await _refused(box.url, 2, samples)
    assert len(samples.refusal_ms) == 10
    assert samples.retry_after_s is not None
    assert samples.retry_after_s >= 1
    assert samples.errors == []
