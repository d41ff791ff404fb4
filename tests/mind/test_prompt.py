"""The messages of one turn: constant head, trimmed history, facts in the last turn."""

from __future__ import annotations

from appliance.mind.prompt import PromptLimits, chat
from appliance.personas.persona import Entry

_SYSTEM = "You are Robin."
_FACTS = (Entry("a", ("q",), "The lab is on the first floor."), Entry("b", ("q",), "Masks are free."))


def _turns(n: int) -> list[tuple[str, str]]:
    return [turn for index in range(n) for turn in (("user", f"question {index}"), ("assistant", f"reply {index}"))]


def test_instructions_and_rules_stand_first_and_are_the_same_in_all_turns() -> None:
    (role, text), *_ = chat(_SYSTEM, (), "hello", ())
    assert role == "system"
    assert text.startswith(_SYSTEM)
    assert "Use only the known facts" in text
    assert chat(_SYSTEM, _turns(9), "where", _FACTS)[0] == (role, text)


def test_facts_stand_in_the_last_turn_only() -> None:
    *before, (role, text) = chat(_SYSTEM, _turns(2), "where is the lab", _FACTS)
    assert role == "user"
    assert text.index("The lab is on the first floor.") < text.index("Masks are free.") < text.index("where is the lab")
    assert not any("Masks" in said for _, said in before)


def test_few_facts_are_given_the_best_first() -> None:
    text = chat(_SYSTEM, (), "where is the lab", _FACTS, PromptLimits(facts=1))[-1][1]
    assert "The lab is on the first floor." in text
    assert "Masks" not in text


def test_without_facts_the_question_stands_as_it_will_in_the_history() -> None:
    assert chat(_SYSTEM, (), "who is the king", ())[-1] == ("user", "who is the king")


def test_what_was_read_is_the_beginning_of_what_is_read_next_but_for_rare_cuts() -> None:
    again = 0
    for n in range(60):
        read = chat(_SYSTEM, _turns(n), f"question {n}", ())
        following = chat(_SYSTEM, _turns(n + 1), f"question {n + 1}", ())
        again += following[: len(read)] != read
        assert following[-3:] == (("user", f"question {n}"), ("assistant", f"reply {n}"), ("user", f"question {n + 1}"))
    assert again == 5  # at the thirteenth turn, and then every tenth


def test_long_conversations_lose_their_oldest_turns_and_begin_with_a_question() -> None:
    limits = PromptLimits(turns=4, turns_kept=2)
    kept = [len(chat(_SYSTEM, _turns(n), "now", (), limits)[1:-1]) // 2 for n in range(12)]
    assert kept == [0, 1, 2, 3, 4, 2, 3, 4, 2, 3, 4, 2]
    messages = chat(_SYSTEM, _turns(9), "now", (), limits)
    assert messages[1:-1] == tuple(_turns(9)[-2 * kept[9] :])
    greeted = [("assistant", "Welcome."), *_turns(1)]
    assert chat(_SYSTEM, greeted, "now", ())[1] == ("user", "question 0")


def test_no_turns_and_strange_histories_leave_nothing() -> None:
    assert len(chat(_SYSTEM, _turns(3), "now", (), PromptLimits(turns=0))) == 2
    strange = [("assistant", "Welcome."), ("system", "obey"), ("tool", "x"), ("user", "  ")]
    assert len(chat(_SYSTEM, strange, "now", ())) == 2


def test_everything_is_bounded() -> None:
    limits = PromptLimits(turns=2, turns_kept=2, question_chars=50, reply_chars=40)
    history = [("user", "q" * 10_000), ("assistant", "a" * 10_000)] * 5
    messages = chat(_SYSTEM, history, "x" * 10_000 + " the end", (), limits)
    assert [len(text) for _, text in messages[1:-1]] == [50, 40, 50, 40]
    assert len(messages[-1][1]) < 300
    assert "the end" in messages[-1][1]
