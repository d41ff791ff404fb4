"""Word times: words follow espeak-ng's own where they can, and share where they cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.voice.words import WordTime, tokens, word_times


def laid(written: list[str], said: str, spoken: list[bool] | None = None, **weights: int) -> list[tuple[float, float]]:
    """Every symbol lasts ten samples at 10 Hz: a second."""
    timed = [(symbol, 10) for symbol in said]
    times = word_times(written, spoken or [True] * len(written), timed, 10, lambda word: weights[word.strip()])
    assert [time.text for time in times] == written
    return [(time.start_s, time.end_s) for time in times]


def test_a_word_is_heard_when_its_phonemes_are() -> None:
    assert laid(["Hi,", " you."], "^haɪ, juː.$") == [(1, 4), (6, 9)]


def test_what_is_not_spoken_takes_no_time() -> None:
    assert laid(["Hi", " —", " you"], "^haɪ juː$", [True, False, True]) == [(1, 4), (4, 4), (5, 8)]


def test_two_words_that_espeak_runs_together_share_its_phonemes() -> None:
    assert laid(["of", " the", " day"], "əvðə deɪ", of=2, the=2, day=3) == [(0, 2), (2, 4), (5, 8)]


def test_one_word_that_espeak_says_as_two_has_them_both() -> None:
    assert laid(["20", " now"], "twɛn ti naʊ", **{"20": 6, "now": 3}) == [(0, 7), (8, 11)]


def test_a_share_that_ends_close_to_a_word_ends_there() -> None:
    assert laid(["ab", " cd", " e"], "xxxx yyyyyy", ab=3, cd=4, e=1)[0] == (0, 4)


def test_a_clause_of_nothing_spoken_has_no_times() -> None:
    assert laid(["…"], "^$") == [(0, 0)]
    assert word_times([], [], [("a", 10)], 10, len) == ()


@pytest.mark.parametrize("text", ["", " ", "a", " a b  c\n", "\t\n x"])
def test_tokens_add_up(text: str) -> None:
    assert "".join(tokens(text)) == text


@given(
    st.lists(st.tuples(st.text("ab.", min_size=1, max_size=4), st.booleans(), st.integers(1, 9)), max_size=9),
    st.lists(st.tuples(st.sampled_from("^abcˈ ,.$"), st.integers(0, 500)), max_size=40),
)
def test_times_rise_and_stay_inside(words: list[tuple[str, bool, int]], timed: list[tuple[str, int]]) -> None:
    weights = {f"{index}{text}": weight for index, (text, _, weight) in enumerate(words)}
    times: tuple[WordTime, ...] = word_times(
        list(weights), [heard for _, heard, _ in words], timed, 100, weights.__getitem__
    )
    edges = [edge for time in times for edge in (time.start_s, time.end_s)]
    assert len(times) == len(words)
    assert edges == sorted(edges)
    assert all(0 <= edge <= sum(n for _, n in timed) / 100 for edge in edges)
