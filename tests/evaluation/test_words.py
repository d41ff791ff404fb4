"""Words in, shares of them out; and what Whisper hears of a real recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.evaluation.measures import Stretch
from appliance.evaluation.microphone import read
from appliance.evaluation.timeline import RATE_HZ, Heard, Words
from appliance.evaluation.words import Listener, begun, captions, cut, share

ANSWERS = ["It's private by design. No company takes part.", "It's open from nine to five.", "No."]


def test_shares_count_words_in_their_order() -> None:
    assert share("One two, three four!", "one two three four") == 1
    assert share("one two three four", "Well, one TWO and then four.") == 0.75
    assert share("one two three four", "four three two one") == 0.25
    assert share("", "anything") == 0


def test_a_caption_that_was_cut_off_still_tells_its_answer() -> None:
    assert begun("It's private by", ANSWERS) == ANSWERS[0]
    assert begun("It's open from nine to five.", ANSWERS) == ANSWERS[1]
    assert begun("It's open on Sundays", ANSWERS) is None
    assert begun("It's", ANSWERS) is None, "too little to tell"


def test_captions_of_a_time_are_those_of_the_avatar() -> None:
    words = [Words(float(at), by, text, False) for at, by, text in [(1, False, "a"), (2, True, "b"), (3, False, "c")]]
    assert captions(words, 0.0) == "a c"
    assert captions(words, 1.0, 3.0) == "c"


def test_a_cut_holds_the_stretch_and_a_little_around_it() -> None:
    frame = RATE_HZ // 100
    heard = [Heard(i / 100, np.full(frame, i, np.int16)) for i in range(300)]
    pcm = cut(heard, Stretch(1.0, 2.0))
    assert (pcm[0], pcm[-1]) == (80, 220)
    assert len(cut(heard, Stretch(9.0, 10.0))) == 0


@pytest.mark.slow
def test_whisper_hears_what_was_said(models: Path, data: Path) -> None:
    recording = read(data / "speech" / "spk1_snt1.wav")
    heard = Listener(models / "ears").words(recording.pcm)
    assert share("the child almost hurt the small dog", heard) >= 0.8
