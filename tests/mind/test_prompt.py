"""The messages of one turn: constant head, trimmed history, facts in the last turn."""

from __future__ import annotations

from appliance.mind.prompt import PromptLimits, chat
from appliance.personas.persona import Entry

_SYSTEM = "You are Robin."
_FACTS = (Entry("a", ("q",), "The lab is on the first floor."), Entry("b", ("q",), "Masks are free."))


def _turns(n: int) -> list[tuple[str, str]]:
    return [turn for index in range(n) for turn in (("user", f"question {index}"), ("assistant", f"reply {index}"))]


def test_the_system_prompt_stands_first_and_unchanged() -> None:
    assert chat(_SYSTEM, _turns(9), "hello", _FACTS)[0] == ("system", _SYSTEM)
    assert chat(_SYSTEM, (), "hello", ())[0] == ("system", _SYSTEM)


def test_facts_and_rule_stand_in_the_last_turn_only() -> None:
    *before, (role, text) = chat(_SYSTEM, _turns(2), "where is the lab", _FACTS)
    assert role == "user"
    assert text.index("The lab is on the first floor.") < text.index("Masks are free.") < text.index("where is the lab")
    assert "Use only the known facts" in text
    assert not any("Masks" in said for _, said in before)


def test_without_facts_the_model_is_told_so() -> None:
    text = chat(_SYSTEM, (), "who is the king", ())[-1][1]
    assert "no facts" in text
    assert "Known facts" not in text


def test_only_the_last_turns_are_kept_and_they_begin_with_a_question() -> None:
    messages = chat(_SYSTEM, _turns(9), "now", (), PromptLimits(turns=2))
    assert messages[1:-1] == tuple(_turns(9)[-4:])
    greeted = [("assistant", "Welcome."), *_turns(1)]
    assert chat(_SYSTEM, greeted, "now", ())[1] == ("user", "question 0")


def test_no_turns_and_strange_histories_leave_nothing() -> None:
    assert len(chat(_SYSTEM, _turns(3), "now", (), PromptLimits(turns=0))) == 2
    strange = [("assistant", "Welcome."), ("system", "obey"), ("tool", "x"), ("user", "  ")]
    assert len(chat(_SYSTEM, strange, "now", ())) == 2


def test_everything_is_bounded() -> None:
    limits = PromptLimits(turns=2, question_chars=50, reply_chars=40)
    history = [("user", "q" * 10_000), ("assistant", "a" * 10_000)] * 5
    messages = chat(_SYSTEM, history, "x" * 10_000 + " the end", (), limits)
    assert [len(text) for _, text in messages[1:-1]] == [50, 40, 50, 40]
    assert len(messages[-1][1]) < 300
    assert "the end" in messages[-1][1]
