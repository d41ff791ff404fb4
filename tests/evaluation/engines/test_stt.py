"""Comparing two systems that hear: known words and times go in, and come back as rates and ratios."""

from __future__ import annotations

from pathlib import Path

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.ears.windows import Samples
from appliance.evaluation.clips import Clip
from appliance.evaluation.engines import stt
from appliance.evaluation.engines.stt import Heard, figures, measure, plain, word_error_rate

_SOUND = np.zeros(1600, np.float32)


def clips(*words: str) -> list[Clip]:
    return [Clip(str(index), _SOUND, text) for index, text in enumerate(words)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's ten o\N{RIGHT SINGLE QUOTATION MARK}clock!", ["it's", "ten", "o'clock"]),
        ("  Wait... what?\n", ["wait", "what"]),
        ("snake_case, two-fold", ["snake", "case", "two", "fold"]),
        ("Où est-ce?", ["où", "est", "ce"]),
        ("?!", []),
    ],
)
def test_case_and_punctuation_do_not_count(text: str, words: list[str]) -> None:
    assert plain(text) == words


_WORDS = st.lists(st.sampled_from(["the", "small", "dog", "hurt", "child"]), max_size=8)


@given(st.lists(st.tuples(_WORDS.filter(bool), _WORDS), min_size=1, max_size=4))
def test_the_word_error_rate_is_the_usual_one(pairs: list[tuple[list[str], list[str]]]) -> None:
    said, heard = [" ".join(pair[0]) for pair in pairs], [" ".join(pair[1]) for pair in pairs]
    rate = word_error_rate(clips(*said), {str(index): text for index, text in enumerate(heard)})
    assert rate == pytest.approx(jiwer.wer(said, heard))


def test_every_system_hears_every_clip_in_turn() -> None:
    now_s = 0.0
    order: list[str] = []

    def listener(name: str, takes_s: float) -> stt.Listen:
        def listen(pcm: Samples) -> str:
            nonlocal now_s
            now_s += takes_s
            order.append(name)
            return f"{name} heard {len(pcm)}"

        return listen

    two = [Clip("a", np.zeros(100, np.float32), ""), Clip("b", np.zeros(200, np.float32), "")]
    systems = {"ours": listener("ours", 0.1), "stock": listener("stock", 0.4)}
    heard = measure(two, systems, 2, lambda _: None, lambda: now_s)
    assert order == ["ours", "stock"] * 6  # two clips, a round that does not count and two that do
    assert heard["ours"].ms == {"a": pytest.approx([100.0, 100.0]), "b": pytest.approx([100.0, 100.0])}
    assert heard["stock"].words == {"a": "stock heard 100", "b": "stock heard 200"}


def test_the_ratio_is_the_median_over_clips_of_their_medians() -> None:
    three = clips("one", "two", "three")
    ours = Heard({"0": [10.0, 20.0, 900.0], "1": [30.0], "2": [90.0]}, {"0": "One.", "1": "two", "2": "tree"})
    stock = Heard({"0": [100.0], "1": [100.0], "2": [100.0]}, {"0": "one", "1": "to", "2": "tree"})
    found = figures(three, {"ours": ours, "stock": stock})
    assert found["ratio"] == 0.3
    assert found["wer"] == {"ours": 0.3333, "stock": 0.6667}
    assert found["final_ms"]["p50"] == 30.0
    assert found["stock_ms"] == {"p50": 100.0, "p95": 100.0}
    assert (found["clips"], found["speech_s"]) == (3, 0.3)


@pytest.mark.slow
def test_the_personas_questions_are_understood_by_both(models: Path) -> None:
    from appliance.config import EarsConfig
    from appliance.ears.whisper import WhisperEngine
    from appliance.personas.persona import load

    spoken = stt.of_persona(load("clinic"), models / "voice" / "en_US-joe-medium.onnx", 2)
    engine = WhisperEngine(models / "ears", EarsConfig())
    engine.load()
    systems = {"ours": stt.listen_with(engine), "stock": stt.stock(models / "ears", EarsConfig(), engine.runs_on)}
    found = figures(spoken, measure(spoken, systems, 1, lambda _: None))
    assert found["wer"]["ours"] <= 0.2
    assert found["wer"]["stock"] <= 0.2
    assert found["ratio"] > 0.0
    engine.close()
