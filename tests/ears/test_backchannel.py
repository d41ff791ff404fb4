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
