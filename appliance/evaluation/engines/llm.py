"""`appliance bench llm`: several visitors converse with the language model and with the stock class; their times out.

Both are loaded at once and asked in turn, so that a slow minute of the machine meets both. Ours is asked through its
bridge with the prompts that a session builds; the stock class through `create_chat_completion(stream=True)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from livekit.agents import llm

from appliance.clock import monotonic
from appliance.config import MindConfig
from appliance.context import Context, Engines
from appliance.engine import SessionId
from appliance.evaluation.engines.crowd import Mind, cancels_ms, tokens_per_s
from appliance.evaluation.engines.stock_llm import StockLLM
from appliance.mind import prompt
from appliance.mind.llama import ReplyEnd
from appliance.mind.plugin import LlamaLLM, create
from appliance.personas.persona import Persona

Progress = Callable[[str], None]
SYSTEM_TOKENS = 400
_REPLY_TOKENS = 24
# Ordinary questions of 8 to 20 words.
_QUESTIONS = (
    "Could you tell me what there is to see on the first floor today?",
    "And how long would I need to walk through all of it?",
    "My daughter is with me, is there anything that children like?",
    "We came by train this morning, so how do we best get back to the station?",
    "Is it true that the old clock in the hall still works after all these years?",
    "Would you say that the afternoon is a quieter time than the morning?",
    "I read about a painting of a storm at sea, do you know where it hangs?",
    "Can we sit down somewhere for a while before we go on with our visit?",
    "What would you look at first if you had only one hour in here?",
    "Thank you very much, and is there one more thing that we should not miss?",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    visitors: int = 3
    """Conversations that take turns; with two or more, a cache of one conversation is of no use."""
    turns: int = 10
    """Questions of each; the first is not counted."""
    crowds: int = 3
    """Times that the crowd, and one visitor, are timed."""
    cancels: int = 40
    """Replies that are cancelled while the crowd is answered."""
    words: int = 12
    """Questions without an approved answer whose first spoken words are timed."""
    crowd: int = 16
    """Visitors at once, of the batch gain and of the cancellations."""


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    system: str = ""
    """The system prompt of all visitors."""
    system_tokens: int = 0
    """Its tokens."""
    first_token_ms: list[float] = field(default_factory=list[float])
    """One a question from turn 2 on, through the bridge."""
    stock_first_token_ms: list[float] = field(default_factory=list[float])
    """The same of the stock class."""
    prompt_tokens: list[int] = field(default_factory=list[int])
    """One a question from turn 2 on."""
    cached_tokens: list[int] = field(default_factory=list[int])
    """Of these, those that had been read before."""
    ahead_tokens: list[int] = field(default_factory=list[int])
    """Of those, what was read between the last reply and the question; not counted as reused."""
    tokens_per_s: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    """Visitors answered at once -> reply tokens of all of them a second."""
    cancel_ms: list[float] = field(default_factory=list[float])
    """From the cancellation of a reply until the engine has let go of it, while the crowd is answered."""
    cancel_reading_ms: list[float] = field(default_factory=list[float])
    """The same where a long prompt was being read."""
    first_words_ms: list[float] = field(default_factory=list[float])
    """From a question that no entry answers to the first words that may be spoken, in a session of two."""


async def measure(
    persona: Persona, files: Mapping[str, Path], config: MindConfig, plan: Plan, progress: Progress
) -> Samples:
    """Measure everything.

    Args:
        files: model files by role: mind, embedding.
        progress: told what is being done.
    Raises:
        LLMError: as the engine's.
    """
    samples = Samples()
    progress("loading the model twice")
    mind = Mind(files["mind"], config)
    try:
        await mind.ready()
        stock = await StockLLM.start(files["mind"], config.threads)
        try:
            samples.system, samples.system_tokens = await _system_prompt(persona, stock)
            await _conversations(mind, stock, plan, samples, progress)
        finally:
            await stock.close()
        for i in range(plan.crowds):
            progress(f"one visitor and {plan.crowd} at once, {i + 1} of {plan.crowds}")
            for n in (1, plan.crowd):
                samples.tokens_per_s.setdefault(n, []).append(await tokens_per_s(mind, samples.system, n))
        progress(f"cancelling among {plan.crowd}")
        samples.cancel_ms, samples.cancel_reading_ms = await cancels_ms(mind, samples.system, plan.crowd, plan.cancels)
    finally:
        await mind.close()
    samples.first_words_ms = await _first_words(persona, files, config, plan.words, progress)
    return samples


def figures(samples: Samples, plan: Plan) -> dict[str, Any]:
    """What `--json` prints."""
    ours, stock = _spread(samples.first_token_ms), _spread(samples.stock_first_token_ms)
    rates = {n: float(np.median(each)) for n, each in samples.tokens_per_s.items()}
    return {
        "first_token_ms": ours,
        "batch_gain_16": round(rates[plan.crowd] / rates[1], 2),
        "prefix_reuse": round((sum(samples.cached_tokens) - sum(samples.ahead_tokens)) / sum(samples.prompt_tokens), 4),
        "cancel_ms": _spread([*samples.cancel_ms, *samples.cancel_reading_ms]),
        "tokens_per_s": {str(n): round(rate, 1) for n, rate in rates.items()},
        "first_words_ms": _spread(samples.first_words_ms),
        "system_tokens": samples.system_tokens,
        "visitors": plan.visitors,
        "turns": plan.turns,
        "stock": {"first_token_ms": stock},
        "ratio": round(ours["p50"] / stock["p50"], 3),
    }


def _spread(values: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}


async def _system_prompt(persona: Persona, stock: StockLLM) -> tuple[str, int]:
    """The persona's instructions and as many of its answers as make 400 tokens; and how many they make."""
    words = " ".join([persona.instructions.strip(), *(entry.answer for entry in persona.entries)]).split()
    n_words = n_tokens = 0
    while n_tokens < SYSTEM_TOKENS and n_words < len(words):
        n_words += max((SYSTEM_TOKENS - n_tokens) // 2, 1)  # a word is less than two tokens
        n_tokens = await stock.count(" ".join(words[:n_words]))
    return " ".join(words[:n_words]), n_tokens


async def _conversations(mind: Mind, stock: StockLLM, plan: Plan, samples: Samples, progress: Progress) -> None:
    """Every visitor asks both systems a question; then the next turn. Each system remembers its own replies."""
    system = samples.system
    visitors = [SessionId(f"visitor-{n}") for n in range(plan.visitors)]
    past: dict[tuple[str, SessionId], list[prompt.Message]] = {
        (who, visitor): [] for who in ("box", "stock") for visitor in visitors
    }
    for turn in range(plan.turns):
        for n, visitor in enumerate(visitors):
            progress(f"question {turn * plan.visitors + n + 1} of {plan.turns * plan.visitors}")
            question = _QUESTIONS[(turn + 3 * n) % len(_QUESTIONS)]
            n_ahead = await _read_ahead(mind, visitor, system, past["box", visitor])
            reply, first_ms, end = await _ask(mind, visitor, system, past["box", visitor], question)
            messages = prompt.chat(system, past["stock", visitor], question, ())
            stock_reply, stock_ms = await stock.ask(messages, _REPLY_TOKENS)
            past["box", visitor] += [("user", question), ("assistant", reply)]
            past["stock", visitor] += [("user", question), ("assistant", stock_reply)]
            if turn:
                samples.first_token_ms.append(first_ms)
                samples.stock_first_token_ms.append(stock_ms)
                samples.prompt_tokens.append(end.prompt_tokens)
                samples.cached_tokens.append(end.cached_tokens)
                samples.ahead_tokens.append(n_ahead)


async def _read_ahead(mind: Mind, visitor: SessionId, system: str, past: list[prompt.Message]) -> int:
    """As a session does when a turn has ended; the tokens that had to be read."""
    messages = prompt.chat(system, past, "", ())[:-1]
    ends = [item async for item in mind.reply(visitor, messages, 0) if isinstance(item, ReplyEnd)]
    return ends[-1].prompt_tokens - ends[-1].cached_tokens


async def _ask(
    mind: Mind, visitor: SessionId, system: str, past: list[prompt.Message], question: str
) -> tuple[str, float, ReplyEnd]:
    started_s = monotonic()
    first_ms = 0.0
    said = ""
    end: ReplyEnd | None = None
    messages = prompt.chat(system, past, question, ())
    async for item in mind.reply(visitor, messages, _REPLY_TOKENS):
        if isinstance(item, ReplyEnd):
            end = item
        elif isinstance(item, str):
            first_ms = first_ms or _ms(started_s)
            said += item
    assert end is not None
    return said, first_ms or _ms(started_s), end


async def _first_words(
    persona: Persona, files: Mapping[str, Path], config: MindConfig, n: int, progress: Progress
) -> list[float]:
    """Two visitors in turn ask what the persona has no answer for; what came before was read while they spoke."""
    engines = Engines()
    try:
        visitors = [
            (create(config, Context(engines, files, persona, SessionId(f"visitor-{i}"))), llm.ChatContext.empty())
            for i in range(2)
        ]
        await engines.ready()
        times: list[float] = []
        for i, question in enumerate(persona.outside[:: max(len(persona.outside) // n, 1)][:n]):
            progress(f"unknown question {i + 1} of {n}")
            mind, past = visitors[i % 2]
            await mind.prefill(past)
            past.add_message(role="user", content=question)
            times.append(await _first_of(mind, past))
        for mind, _ in visitors:
            await mind.aclose()
        return times
    finally:
        await engines.close()


async def _first_of(mind: LlamaLLM, chat_ctx: llm.ChatContext) -> float:
    """Milliseconds to the first words that may be spoken; the reply is added to the conversation."""
    started_s = monotonic()
    first_ms = 0.0
    said = ""
    async with mind.chat(chat_ctx=chat_ctx) as stream:
        async for chunk in stream:
            if chunk.delta is not None and chunk.delta.content:
                first_ms = first_ms or _ms(started_s)
                said += chunk.delta.content
    chat_ctx.add_message(role="assistant", content=said)
    return first_ms


def _ms(since_s: float) -> float:
    return round((monotonic() - since_s) * 1000, 2)
