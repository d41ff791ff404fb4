"""What encourages the speaker, and what interrupts."""

from __future__ import annotations

import pytest

from appliance.ears.backchannel import is_backchannel


@pytest.mark.parametrize(
    "text", ["Mm-hmm.", "Uh-huh", "Mhm", "Hmm...", "Okay.", "Oh, wow!", "Yeah, yeah.", "I see.", "Ah"]
)
def test_these_say_go_on(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text", ["Stop.", "Yes.", "No.", "Okay, stop it.", "Wait", "", "...", "Right, what about parking?"]
)
def test_these_do_not(text: str) -> None:
    assert not is_backchannel(text)


def test_a_mumble_is_no_interruption_and_a_doubtful_sentence_is() -> None:
    assert is_backchannel("MMA Chan", 0.4)
    assert not is_backchannel("Stop", 0.6)
    assert not is_backchannel("Where is the exit", 0.4)
