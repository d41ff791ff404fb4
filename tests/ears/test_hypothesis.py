"""What is believed of what the model says."""

from __future__ import annotations

import pytest

from appliance.ears.hypothesis import Hypothesis, compression_ratio, says_twice


def hypothesis(text: str, n_tokens: int, **other: float) -> Hypothesis:
    values = {"log_probability": -0.1, "no_speech_probability": 0.0, **other}
    return Hypothesis(text, n_tokens, capped=bool(values.pop("capped", False)), **values)


@pytest.mark.parametrize(
    ("made", "speech_s", "suspect"),
    [
        (hypothesis("Sunday is the best part of the week.", 9), 2.6, False),
        (hypothesis("We will post it to you, we will post it to you.", 14), 2.0, True),
        (hypothesis("can do for you ask what you can do for you", 12), 11.0, False),
        (hypothesis("M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M M", 33), 30.0, True),
        (hypothesis("one two three", 3, log_probability=-1.2), 2.0, True),
        (hypothesis("so many words that nobody could say them", 10), 1.0, True),
        (hypothesis("it did not stop", 40, capped=1.0), 8.0, True),
    ],
)
def test_an_answer_that_looks_wrong_is_suspect(made: Hypothesis, speech_s: float, suspect: bool) -> None:
    assert made.suspect(speech_s) is suspect


def test_repetition_is_seen() -> None:
    assert says_twice("ask what you can do and then ask what you can do")
    assert not says_twice("the child almost hurt the small dog")
    assert compression_ratio("no " * 40) > 2.4 > compression_ratio("The child almost hurt the small dog.")


def test_words_that_are_unlikely_or_of_no_speech_are_not_believed() -> None:
    assert hypothesis("where is the lift", 5).believable(1.0)
    assert not hypothesis("where is the lift", 5, log_probability=-1.6).believable(1.0)
    assert not hypothesis("where is the lift", 5, no_speech_probability=0.7).believable(1.0)
    assert not hypothesis("", 0).believable(1.0)


@pytest.mark.parametrize("said", ["Thank you.", "you", "Thanks for watching!", "Bye-bye."])
def test_what_whisper_says_to_noise_is_believed_only_without_a_doubt(said: str) -> None:
    assert hypothesis(said, 3).believable(1.0)
    assert not hypothesis(said, 3).believable(0.75)
    assert not hypothesis(said, 3, no_speech_probability=0.5).believable(1.0)
    assert not hypothesis(said, 3, log_probability=-1.0).believable(1.0)


@pytest.mark.parametrize("said", ["Yes.", "No thanks.", "Thank you, where is the lift?", "Okay."])
def test_other_words_are_believed_in_doubt(said: str) -> None:
    assert hypothesis(said, 3, log_probability=-1.0, no_speech_probability=0.5).believable(0.6)
