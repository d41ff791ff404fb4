"""A persona, what was said so far, known facts and a question come in; the chat messages of one turn go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.personas.persona import Entry

Message = tuple[str, str]
"""(role, text); role is system, user or assistant."""

_WITH_FACTS = """Known facts:
{facts}
Question: {question}
Answer in one or two short sentences. Use only the known facts. If they do not answer the question, say that you do \
not know."""
_WITHOUT_FACTS = """{question}
(You have no facts about this. Answer in one short sentence. If this asks for a fact, say that you do not know.)"""


@dataclass(frozen=True, slots=True)
class PromptLimits:
    """How much a prompt may hold: the small model's attention fades, and every token costs prefill time."""

    turns: int = 3
    """Earlier turns (a question and its reply) that are kept."""
    question_chars: int = 600
    """Most characters of a question."""
    reply_chars: int = 300
    """Most characters of an earlier reply."""


def chat(
    instructions: str,
    history: Sequence[Message],
    question: str,
    facts: Sequence[Entry],
    limits: PromptLimits | None = None,
) -> tuple[Message, ...]:
    """Build the messages of one turn.

    Args:
        instructions: the persona's system prompt, taken as it stands so that its prefill is shared by all turns.
        history: earlier (role, text) of user and assistant, oldest first; the last `turns` questions are kept.
        question: what the visitor said, already through `guards.clean_question`.
        facts: entries near the question, best first; may be empty.
    """
    limits = limits or PromptLimits()
    question = question[-limits.question_chars :]
    if facts:
        lines = "\n".join(f"- {entry.answer}" for entry in facts)
        last = _WITH_FACTS.format(facts=lines, question=question)
    else:
        last = _WITHOUT_FACTS.format(question=question)
    return (("system", instructions), *_recent(history, limits), ("user", last))


def _recent(history: Sequence[Message], limits: PromptLimits) -> list[Message]:
    """The last turns, beginning with a question; other roles and empty texts are dropped."""
    kept = [(role, text) for role, text in history if role in ("user", "assistant") and text.strip()]
    starts = [index for index, (role, _) in enumerate(kept) if role == "user"]
    if not starts or limits.turns < 1:
        return []
    recent = kept[starts[-limits.turns :][0] :]
    width = {"user": limits.question_chars, "assistant": limits.reply_chars}
    return [(role, text[: width[role]]) for role, text in recent]
