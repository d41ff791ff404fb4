"""The baseline for real: its own livekit-server, its own agent, the same visitor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.bundles.verify import files
from appliance.config import Config, load
from appliance.errors import ConfigurationError, ServerExited
from appliance.evaluation.bench import Options, evaluate, known_ms, rounds, stock
from appliance.evaluation.box import Box
from appliance.evaluation.conversation import Plan, Visit, converse
from appliance.evaluation.microphone import Recording, read
from appliance.evaluation.report import Samples
from appliance.evaluation.timeline import RATE_HZ, Spoken, Timeline, Words
from appliance.evaluation.visitor import Visitor
from appliance.evaluation.words import plain
from appliance.sfu import find_binary
from tests.evaluation.test_measures import sound


async def _config() -> Config:
    config = load().config
    try:
        await find_binary(config.sfu.binary)
    except ConfigurationError as error:
        pytest.skip(str(error))
    return config


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_baseline_answers_a_recorded_question(models: Path, data: Path, tmp_path: Path) -> None:
    config = await _config()
    question = read(data / "speech" / "spk1_snt1.wav")
    async with stock(config, files(config.models.manifest), "Answer in one short sentence.", tmp_path) as box:
        async with Visitor(box.url) as visitor:
            visit = await converse(visitor, Plan([question], 1, 0), lambda _: None)
        assert await box.empty(30.0) is not None
    samples = Samples()
    await evaluate(visit, samples, None)
    assert samples.errors == []
    assert len(samples.mouth_to_ear_ms) == 1
    assert 300 < samples.mouth_to_ear_ms[0] < 15_000
    # Where the machine falters for half a second, the baseline's defaults cut a question in two.
    heard = " ".join(words.text for words in visit.timeline.words if words.by_visitor and words.final)
    assert "child almost hurt the small dog" in " ".join(plain(heard))
    assert any(not words.by_visitor and words.text for words in visit.timeline.words)
    assert samples.first_lip_ms == [], "a test picture has no lips"
    assert len(samples.frames_per_second) > 3


async def test_a_system_that_ends_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerExited, match="no such thing"):
        async with Box("thing", ["-c", "raise SystemExit('no such thing')"], {}):
            pass


async def test_a_system_is_stopped_when_the_measurement_ends() -> None:
    program = "print('ready: http://127.0.0.1:1/', flush=True)\nimport signal; signal.pause()"
    async with Box("thing", ["-c", program], {}) as box:
        assert box.url == "http://127.0.0.1:1/"


def test_turns_are_split_into_two_rounds() -> None:
    recordings = [Recording(name, np.full(4800, 9000, np.int16)) for name in "abcd"]
    plans = rounds(Options(5, 1, 3, None, False, 2, False, None), recordings)
    assert [(plan.turns, plan.interruptions) for plan in plans] == [(3, 2), (2, 1)]
    assert [plan.questions[0].name for plan in plans] == ["a", "d"]
    assert len(rounds(Options(3, 1, 1, None, False, 0, False, None), recordings)) == 1


def test_each_pause_is_put_into_as_many_questions() -> None:
    recordings = [Recording(name, np.full(48_000, 9000, np.int16)) for name in "abcd"]
    plans = rounds(Options(5, 1, 0, None, False, 3, False, None), recordings)
    pauses = [(item.name, item.pause) for plan in plans for item in plan.paused if item.pause is not None]
    found = [(name, round((after - before) / RATE_HZ, 2)) for name, (before, after) in pauses]
    assert found == [("a", 0.6), ("a", 1.0), ("b", 0.6), ("b", 1.0), ("c", 0.6), ("c", 1.0)]
    assert [len(plan.paused) for plan in plans] == [3, 3]


def test_known_questions_are_those_that_got_an_approved_answer() -> None:
    heard = sound((3.0, 4.0), (7.25, 8.0), length_s=9)
    asked = [Spoken("known", 101.0, 102.5, 0.0), Spoken("not known", 105.0, 106.25, 0.0)]
    captions = [Words(104.2, False, "It's open from nine to five.", False), Words(108.2, False, "Sorry, who?", False)]
    visit = Visit(Timeline(heard=heard, words=captions), turns=asked)
    assert known_ms(visit, ["It's open from nine to five."]) == pytest.approx([500])
    assert known_ms(visit, ["Sorry, who?"]) == [], "too short to tell"
    assert known_ms(visit, []) == []
