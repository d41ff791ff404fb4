"""Cutting a reply: where pieces end, and that it does not matter how the text arrives."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.voice.cutting import Cutter, pieces

WRITTEN = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            ("word", "two, ", "end. ", "Dr. ", "9 a.m. ", "Then ", " and ", "\n", "3.14", " ", "🙂 ", "J. ")
        ),
        max_size=60,
    ).map("".join),
)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Good morning, and welcome to us.", ["Good morning, and welcome to us."]),
        (
            "Please take a seat in the waiting room, someone will be with you shortly, I promise.",
            ["Please take a seat in the waiting room,", " someone will be with you shortly, I promise."],
        ),
        (
            "The exhibition on the second floor is open until six in the evening and it is free.",
            ["The exhibition on the second floor is open", " until six in the evening and it is free."],
        ),
        ("Yes. We open at nine a.m. Please come.", ["Yes. We open at nine a.m.", " Please come."]),
        ("We close at 5 p.m. on Monday. Bye now.", ["We close at 5 p.m. on Monday.", " Bye now."]),
        ("Dr. Smith and J. Doe are in. OK.", ["Dr. Smith and J. Doe are in.", " OK."]),
        ("It is 1,000.50 euros. All? Yes!\nNext line", ["It is 1,000.50 euros.", " All? Yes!", "\nNext line"]),
        ("Title of it\nAnd the text.", ["Title of it", "\nAnd the text."]),
        ('He said "no." Then he left.', ['He said "no."', " Then he left."]),
        ("", []),
        ("  ", ["  "]),
    ],
)  # fmt: skip
def test_where_pieces_end(text: str, cut: list[str]) -> None:
    assert pieces(text) == cut


def test_after_the_first_piece_sentences_stay_whole() -> None:
    text = "We have the old masters here, the new ones there, and coffee downstairs for all of you."
    assert pieces(text, begun=True) == [text]
    assert len(pieces(text)) == 2


def test_a_sentence_without_end_is_cut_at_a_comma_or_anywhere() -> None:
    comma = pieces(" ".join(["word"] * 15) + ", " + " ".join(["word"] * 15), begun=True)
    assert [len(piece.split()) for piece in comma] == [15, 15]
    assert all(len(piece.split()) <= 24 for piece in pieces(" ".join(["word"] * 100), begun=True))


def test_a_sentence_is_handed_on_when_its_last_word_is_there() -> None:
    cutter = Cutter()
    assert cutter.push("How may I help") == []
    assert cutter.push(" you?") == ["How may I help you?"]  # no white space behind it yet
    assert cutter.push(" I am here") == []
    assert cutter.flush() == [" I am here"]


def test_a_number_or_an_abbreviation_may_go_on() -> None:
    cutter = Cutter()
    assert cutter.push("That is 3.") == []
    assert cutter.push("5 metres, says Dr.") == []
    assert cutter.push(" Who. ") == ["That is 3.5 metres, says Dr. Who."]


def test_the_first_piece_does_not_wait_for_the_sentence() -> None:
    cutter = Cutter()
    early = cutter.push("Please take a seat in the room, someone will be with")
    assert early == ["Please take a seat in the room,"]


@given(WRITTEN, st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_the_same_text_is_cut_at_the_same_places_however_it_arrives(text: str, sizes: list[int]) -> None:
    cutter, at, n, cut = Cutter(), 0, 0, []
    while at < len(text):
        size = sizes[n % len(sizes)]
        cut += cutter.push(text[at : at + size])
        at, n = at + size, n + 1
    cut += cutter.flush()
    assert "".join(cut) == text
    if not _glued(text):
        assert cut == pieces(text)


@given(WRITTEN)
def test_a_piece_is_not_cut_again(text: str) -> None:
    for piece in pieces(text):
        assert pieces(piece, begun=True) == [piece]


def _glued(text: str) -> bool:
    """Whether a sentence's end is followed by a letter at once: then it is taken for the end if it comes so."""
    return any(a in ".!?。！？…\"'”’)]" and not b.isspace() for a, b in pairwise(text))
