"""What can be said, and where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.voice.text import clauses, speakable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello there.", "Hello there."),
        ("**Bold** and `code` # title", "Bold and code title"),
        ("It is 20 °C, or 68 %.", "It is 20 °C, or 68 %."),
        ("That is €3 & more", "That is €3 & more"),
        ("🙂 fine 👍🏽", "fine"),
        ("ring\x00 the\x07 bell\x1b[31m", "ring the bell 31m"),
        ("[[h@loU]] <speak>x</speak>", "h@loU speak x /speak"),
        ("see 你好 you", "see you"),
        ("café naïve", "café naïve"),
        ("so… good", "so... good"),
        ("e.g. Dr. Smith, Prof. Li", "for example Doctor Smith, Professor Li"),
        ("at 9 a.m. Please wait", "at 9 A M. Please wait"),
        ("at 9 a.m. on Monday", "at 9 A M on Monday"),
        ("noooooooo", "nooo"),
        ("room 100000", "room 100000"),
        ("fi ﬁ １２", "fi fi 12"),
        ("\ud800broken", "broken"),
    ],
)
def test_what_cannot_be_said_is_taken_out(text: str, said: str) -> None:
    assert speakable(text, "en-us") == said


@pytest.mark.parametrize(
    "text", ["", "   ", "...", "!?", "🙂🙂", "\x00\x01", "你好", "Привет", "—", "()[]", "\u200b\u202e"]
)
def test_what_has_no_word_is_nothing(text: str) -> None:
    assert speakable(text, "en-us") == ""


def test_a_voice_reads_its_own_script() -> None:
    assert speakable("Привет, 你好", "ru") == "Привет,"
    assert speakable("你好 Привет", "cmn") == "你好"


def test_a_letter_without_end_is_short() -> None:
    assert speakable("A" * 9400, "en-us") == "AAA"
    assert max(map(len, speakable("abc" * 3000, "en-us").split())) == 40


def test_a_short_sentence_is_one_clause() -> None:
    assert list(clauses("Good morning, and welcome to us.")) == ["Good morning, and welcome to us."]


def test_a_long_first_sentence_begins_with_a_short_clause() -> None:
    text = "Please take a seat in the waiting room, someone will be with you shortly, I promise."
    assert list(clauses(text)) == [
        "Please take a seat in the waiting room,",
        "someone will be with you shortly, I promise.",
    ]


def test_one_word_is_too_short_to_stand_alone() -> None:
    first = next(clauses("Well, as far as I know the pharmacy is on the ground floor."))
    assert first != "Well,"


def test_sentences_are_apart_and_numbers_are_whole() -> None:
    assert list(clauses("It costs 1,000.50 euros. Is that all? Yes!\nNext line")) == [
        "It costs 1,000.50 euros.",
        "Is that all?",
        "Yes!",
        "Next line",
    ]


def test_a_sentence_without_a_comma_is_cut_all_the_same() -> None:
    cut = list(clauses(" ".join(["word"] * 100) + "."))
    assert all(len(clause.split()) <= 24 for clause in cut)
    assert sum(len(clause.split()) for clause in cut) == 100


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_no_word_is_lost_between_text_and_clauses(text: str) -> None:
    said = speakable(text, "en-us")
    cut = list(clauses(said))
    assert bool(cut) is bool(said)
    joined = "".join(character for character in "".join(cut) if character.isalnum())
    assert joined == "".join(character for character in said if character.isalnum())
    assert all(len(clause.split()) <= 24 for clause in cut)
    assert not any(ord(character) < 32 for clause in cut for character in clause)
