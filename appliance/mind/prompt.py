"""A persona, what was said so far, known facts and a question come in; the chat messages of one turn go out.

What the model has read stays the beginning of what it reads next, so that only the new is read: instructions first,
then the conversation in the words that were said, facts only in the last message. A conversation that gets long loses
many turns at once, and then none for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.personas.persona import Entry

Message = tuple[str, str]
"""(role, text); role is system, user or assistant."""

# With the instructions, where they are read once for all visitors. After the question they cost every reply a fifth of
# a second, and changed nothing that was counted: of 35 questions near no fact the guard let no reply pass with either,
# of 26 near one 5.
_RULES = """\
Answer in one or two short sentences. Use only the known facts that come with the question. If none do, say that you \
do not know."""
_WITH_FACTS = """Known facts:
{facts}
Question: {question}"""


@dataclass(frozen=True, slots=True)
class PromptLimits:
    """How much a prompt may hold: the small model's attention fades, and every token costs prefill time."""

    turns: int = 12
    """Most earlier turns (a question and its reply) that are kept."""
    turns_kept: int = 3
    """Earlier turns that are left when there are more; all that follows has to be read again."""
    facts: int = 2
    """Most facts."""
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
        instructions: the persona's system prompt, the same in all turns so that its prefill is shared.
        history: earlier (role, text) of user and assistant, oldest first.
        question: what the visitor said, already through `guards.clean_question`, as the questions of the history.
        facts: entries near the question, best first; may be empty.
    """
    limits = limits or PromptLimits()
    last = question[-limits.question_chars :]
    if facts:
        lines = "\n".join(f"- {entry.answer}" for entry in facts[: limits.facts])
        last = _WITH_FACTS.format(facts=lines, question=last)
    return (("system", f"{instructions.strip()}\n{_RULES}"), *_recent(history, limits), ("user", last))


def _recent(history: Sequence[Message], limits: PromptLimits) -> list[Message]:
    """The last turns, beginning with a question; other roles and empty texts are dropped."""
    kept = [(role, text) for role, text in history if role in ("user", "assistant") and text.strip()]
    starts = [index for index, (role, _) in enumerate(kept) if role == "user"]
    if not starts or limits.turns < 1:
        return []
    # Cut only every so many turns, and then back to few: a cut has everything after the system prompt read again.
    step = max(limits.turns - max(limits.turns_kept, 1) + 1, 1)
    n_cut = -(-max(len(starts) - limits.turns, 0) // step) * step
    return [
        (role, text[-limits.question_chars :] if role == "user" else text[: limits.reply_chars])
        for role, text in kept[starts[n_cut] :]
    ]
