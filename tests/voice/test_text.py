"""What can be said, and where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.voice.text import parts, speakable


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


def test_lines_are_apart_and_long_ones_are_cut() -> None:
    assert parts("Good morning.\nHow are you?") == ["Good morning.", "How are you?"]
    cut = parts(" ".join(["word"] * 100) + ".")
    assert [len(part.split()) for part in cut] == [20] * 5


def test_the_longest_part_is_whole() -> None:
    assert len(parts(" ".join(["word"] * 24))) == 1


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_no_word_is_lost_between_text_and_parts(text: str) -> None:
    said = speakable(text, "en-us")
    cut = parts(said)
    assert bool(cut) is bool(said)
    joined = "".join(character for character in "".join(cut) if character.isalnum())
    assert joined == "".join(character for character in said if character.isalnum())
    assert all(len(part.split()) <= 24 for part in cut)
    assert not any(ord(character) < 32 for part in cut for character in part)
