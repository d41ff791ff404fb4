"""The loader's errors, and the shipped personas against the rules of spoken text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.errors import ConfigurationError
from appliance.personas.persona import Persona, available, load

_HEAD = """
name = "Ada"
greeting = "Hello."
instructions = "You are Ada."
voice = "v"
face = "f"
language = "en"
unknown = ["I don't know."]
"""
_ENTRY = """
[[entry]]
id = "hours"
questions = ["when are you open"]
answer = "From nine."
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_owners_file_is_read(tmp_path: Path) -> None:
    found = load(_write(tmp_path, _HEAD + 'outside = ["who is the king"]' + _ENTRY))
    assert found.name == "Ada"
    assert [entry.id for entry in found.entries] == ["hours"]
    assert found.entries[0].questions == ("when are you open",)
    assert not found.entries[0].urgent
    assert found.outside[0] == "who is the king"
    assert len(found.outside) > 100  # and the wide world's
    assert hash(found)


def test_the_wide_worlds_questions_are_english(tmp_path: Path) -> None:
    assert load(_write(tmp_path, _HEAD.replace('"en"', '"de"') + _ENTRY)).outside == ()


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("name = ", "not-toml", "mine.toml"),
        (_HEAD + "greting = 'x'" + _ENTRY, "unknown-key", "greeting"),
        (_HEAD + _ENTRY + "anser = 'x'", "unknown-key", "answer"),
        (_HEAD + _ENTRY + "zzzzzz = 1", "unknown-key", "questions"),
        (_HEAD + _ENTRY.replace('answer = "From nine."', ""), "missing-key", "answer"),
        (_HEAD + _ENTRY.replace('"From nine."', '"  "'), "missing-key", "answer"),
        (_HEAD + _ENTRY.replace('["when are you open"]', "[]"), "missing-key", "questions"),
        (_HEAD + _ENTRY.replace('["when are you open"]', "[1]"), "wrong-type", "questions"),
        (_HEAD + _ENTRY.replace('"From nine."', "9"), "wrong-type", "answer"),
        (_HEAD + _ENTRY + 'urgent = "yes"', "wrong-type", "urgent"),
        (_HEAD + _ENTRY + _ENTRY, "duplicate-entry", "hours"),
        (_HEAD + "entry = 3", "wrong-type", "entry"),
        (_HEAD.replace('name = "Ada"', ""), "missing-key", "name"),
        (_HEAD.replace('["I don\'t know."]', "[]"), "missing-key", "unknown"),
        ("", "missing-key", "mine.toml"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, code: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(_write(tmp_path, text))
    assert caught.value.code == code
    assert says in str(caught.value)


def test_a_misspelt_name_is_corrected() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load("clinc")
    assert caught.value.code == "unknown-persona"
    assert "clinic" in caught.value.hint


@pytest.mark.parametrize("name", ["", "../personas/host", "outside", "/etc/passwd", "nothing-like-it.toml"])
def test_other_files_are_not_personas(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(name)
    assert caught.value.code == "unknown-persona"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert caught.value.code == "not-toml"


def test_two_ship() -> None:
    assert available() == ("clinic", "host")


@pytest.fixture(params=["clinic", "host"])
def shipped(request: pytest.FixtureRequest) -> Persona:
    return load(request.param)


def test_there_is_enough_to_talk_about(shipped: Persona) -> None:
    assert len(shipped.entries) >= 44
    assert all(len(entry.questions) >= 4 for entry in shipped.entries)
    assert len(shipped.unknown) >= 2
    assert {"hello", "how-are-you", "thanks", "goodbye", "repeat", "name"} <= {entry.id for entry in shipped.entries}


def test_answers_are_written_for_the_ear(shipped: Persona) -> None:
    spoken = [shipped.greeting, *shipped.unknown, *(entry.answer for entry in shipped.entries)]
    for text in spoken:
        assert not re.search(r"[0-9*_#`<>\[\]{}/\\|~^=]|https?:|www\.", text), text
        assert text[-1] in ".!?", text
        assert len(re.findall(r"[.!?]+", text)) <= 4, text
        assert len(text.split()) <= 45, text
        assert len(re.split(r"[,.!?]", text)[0].split()) <= 16, text  # so that the voice starts early


def test_no_phrasing_stands_under_two_entries(shipped: Persona) -> None:
    owner: dict[str, str] = {}
    for entry in shipped.entries:
        for question in entry.questions:
            key = " ".join(re.findall(r"\w+", question.lower()))
            assert owner.setdefault(key, entry.id) == entry.id, question
    assert not {" ".join(re.findall(r"\w+", question.lower())) for question in shipped.outside} & set(owner)


def test_what_is_said_in_trouble_is_the_files_own_or_the_first_unknown(tmp_path: Path) -> None:
    assert load(_write(tmp_path, _HEAD + _ENTRY)).trouble == "I don't know."
    assert load(_write(tmp_path, _HEAD + 'trouble = "Say that again."' + _ENTRY)).trouble == "Say that again."
    for name in available():
        assert load(name).trouble not in load(name).unknown
