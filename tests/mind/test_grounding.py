"""What a small model may say beside the facts: nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from appliance.mind.grounding import Grounding

_HOURS = (
    "We're open on weekdays from eight in the morning until six in the evening, and on Saturdays from nine until noon."
)
_DOGS = "Guide dogs and assistance dogs are always welcome. Other pets have to stay outside, I'm afraid."
_BABY = "Yes, children are welcome. The play corner is on the first floor."


@pytest.mark.parametrize(
    "sentence",
    [
        "I don't know.",
        "I'm sorry, I don't know that.",
        "Sorry, I'm not sure if you sell ice cream.",
        "I don't know who the king of Spain is.",
        "I have no information about ice cream.",
        "Thank you, I'm happy to talk.",
        "How can I help you today?",
        "Have a nice day!",
    ],
)
def test_politeness_and_not_knowing_pass(sentence: str) -> None:
    assert Grounding([], "do you sell ice cream to the king of Spain").allows(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Yes, we sell ice cream.",
        "We don't sell ice cream.",
        "I'm sorry, we don't sell ice cream.",
        "I'm not sure, but we sell ice cream.",
        "Sure.",
        "Yes.",
        "Of course!",
        "I'd be happy to help you with that.",
        "I will book it for you.",
        "Let me know the ice cream.",
        "The ice cream costs three euros.",
        "It costs 3.50.",
        "The king of Spain is Felipe.",
        "You can ask Doctor Miller.",
        "We open at nine.",
        "Take two tablets a day.",
        "I don't know, take two aspirin.",
        "I am Sam, a chatbot made by Microsoft.",
        "Wir öffnen um neun Uhr.",
        "",
    ],
)
def test_claims_without_facts_do_not_pass(sentence: str) -> None:
    assert not Grounding([], "do you sell ice cream to the king of Spain").allows(sentence)


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [
        (_HOURS, "We are open on weekdays from eight in the morning until six in the evening."),
        (_HOURS, "On Saturdays from nine until noon."),
        (_DOGS, "Assistance dogs are always welcome."),
        (_DOGS, "Sorry, other pets have to stay outside."),
        (_BABY, "Yes, children are welcome."),
        (_BABY, "The play corner is on the first floor."),
    ],
)
def test_what_a_fact_says_passes(fact: str, sentence: str) -> None:
    assert Grounding([fact], "may I").allows(sentence)


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [
        (_HOURS, "We are open on weekdays from eight until noon."),
        (_HOURS, "We are open from nine in the evening."),
        (_HOURS, "We are not open on weekdays from eight in the morning."),
        (_HOURS, "We are open on Sundays from nine until noon."),
        (_HOURS, "Yes, on Saturdays from nine until noon."),
        (_HOURS, "We are open."),
        (_HOURS, "The evening until Saturdays."),
        (_DOGS, "Other pets are always welcome."),
        (_DOGS, "Guide dogs have to stay outside."),
        (_DOGS, "Guide dogs are welcome at the lab."),
        (_BABY, "No, children are welcome."),
    ],
)
def test_true_words_put_together_wrongly_do_not_pass(fact: str, sentence: str) -> None:
    assert not Grounding([fact, "The lab is on the first floor."], "are you open on Sundays, may pets come").allows(
        sentence
    )


def test_two_facts_are_not_mixed() -> None:
    grounding = Grounding(["The lab is on the first floor.", "The toilet is in the basement."], "where")
    assert grounding.allows("The lab is on the first floor.")
    assert not grounding.allows("The lab is in the basement.")


_PHRASES = (
    "I'm sorry",
    "I don't know",
    "I am not sure if",
    "we are open",
    "on weekdays",
    "from eight",
    "until six",
    "guide dogs",
    "are always welcome",
    "yes, children",
    "not",
    "and",
    "but",
    ",",
    "thank you",
    "sell ice cream",
    "the pharmacy",
)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(st.sampled_from(_PHRASES), min_size=1, max_size=4))
def test_no_beginning_of_an_allowed_sentence_is_hopeless(phrases: list[str]) -> None:
    grounding = Grounding([_HOURS, _DOGS, _BABY], "do you sell ice cream to the king")
    words = " ".join(phrases).split()
    assume(grounding.allows(" ".join(words)))
    assert not [n for n in range(len(words) + 1) if grounding.hopeless(" ".join(words[:n]))]


@pytest.mark.parametrize("fact", [_HOURS, _DOGS, _BABY])
def test_every_fact_may_be_begun(fact: str) -> None:
    grounding = Grounding([_HOURS, _DOGS, _BABY], "hello")
    for sentence in fact.split(". "):
        words = sentence.split()
        assert grounding.allows(sentence)
        assert not [n for n in range(len(words) + 1) if grounding.hopeless(" ".join(words[:n]))]


@pytest.mark.parametrize(
    "beginning",
    [
        "The pharmacy",
        "We're open on weekends",
        "Guide dogs have to stay",
        "Yes, we sell",
        "I'm sorry, but six until eight and",
    ],
)
def test_what_can_only_become_an_invention_is_hopeless(beginning: str) -> None:
    assert Grounding([_HOURS, _DOGS], "do you sell ice cream").hopeless(beginning)
