"""How much of the prompts a round reads."""

from __future__ import annotations

from appliance.mind.pace import MOST_TOKENS, Pace


def test_the_first_round_reads_as_much_as_any() -> None:
    assert Pace().tokens(0) == MOST_TOKENS


def test_a_slow_machine_reads_less_at_once_and_never_nothing() -> None:
    pace = Pace()
    pace.took(0.3, 64)
    assert 16 < pace.tokens(0) < 40
    for _ in range(20):
        pace.took(6.4, 64)
    assert pace.tokens(0) == pace.tokens(15) == 16


def test_who_is_answered_takes_of_what_is_read() -> None:
    pace = Pace()
    pace.took(0.256, 64)
    assert pace.tokens(0) - pace.tokens(10) == 10


def test_it_recovers_when_the_machine_is_quiet_again() -> None:
    pace = Pace()
    pace.took(6.4, 64)
    for _ in range(40):
        pace.took(0.016, 16)
    assert pace.tokens(0) == MOST_TOKENS


def test_small_rounds_say_nothing() -> None:
    pace = Pace()
    pace.took(5.0, 1)
    assert pace.tokens(0) == MOST_TOKENS
