"""What counts as the avatar's own voice out of a loudspeaker."""

from __future__ import annotations

import pytest

from appliance.ears.own_voice import is_own_voice

SAID = "We open at nine in the morning, and close at six. On Sundays we are closed."


@pytest.mark.parametrize(
    "heard",
    ["We open at nine in the morning.", "at nine in the morning and close", "and clothes at six", "Sundays we are closed."],
)
def test_its_own_words_are(heard: str) -> None:
    assert is_own_voice(heard, SAID)


@pytest.mark.parametrize(
    "heard",
    ["Stop.", "Wait a moment, please.", "And on Saturdays?", "", "Do you open at eight as well on public holidays?"],
)
def test_a_visitors_are_not(heard: str) -> None:
    assert not is_own_voice(heard, SAID)


def test_nothing_was_said() -> None:
    assert not is_own_voice("We open at nine.", "")
