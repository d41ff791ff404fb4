"""The mind as a LiveKit plugin: chat context in, spoken words out; an approved answer if there is one, or the model."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from livekit.agents import APIConnectOptions, APIError, APIStatusError, APITimeoutError, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from appliance.bundles.manifest import cache
from appliance.config import MindConfig
from appliance.context import Context
from appliance.engine import Bridge, Limits, Streams
from appliance.errors import BundleError, EngineError, LLMError
from appliance.mind import guards, prompt
from appliance.mind.knowledge import Match
from appliance.mind.knowledge_engine import KnowledgeEngine, Question
from appliance.mind.llama import (
    ChatRequest,
    LlamaEngine,
    MindItem,
    MindRequest,
    ReleaseRequest,
    ReplyEnd,
    SentenceEnd,
    SentenceRequest,
)
from appliance.mind.sampling import Sampling
from appliance.personas.persona import Entry, Persona

logger = logging.getLogger(__name__)

_LOOKUP_DEADLINE_S = 10.0
_REPLY_DEADLINE_S = 30.0
_JUDGE_DEADLINE_S = 2.0
_REPLY_S = 20.0
"""A reply that is still being made after this long is cut off, before the deadline turns it into an error."""
_WAITING = 64
UNKNOWN = "unknown"
MODEL = "model"


def create(section: MindConfig, context: Context) -> LlamaLLM:
    """The provider `llama`.

    Raises:
        BundleError: code not-found, the bundle has no language model or no embedding model.
    """
    for role in ("mind", "embedding"):
        if role not in context.files:
            raise BundleError(f"the bundle has no model for the role {role}", code="not-found")
    files = context.files

    def build_mind() -> Bridge[MindRequest, MindItem]:
        engine = LlamaEngine(files["mind"], section)
        # A reply must not wait for a place while what its own session reads ahead, and would leave to it, has one.
        limits = Limits(waiting=_WAITING, active=2 * section.sequences)
        return Bridge("mind", engine, engine.generate, limits=limits, error=LLMError)

    def build_knowledge() -> Bridge[Question, Match]:
        engine = KnowledgeEngine(files["embedding"], context.persona, cache() / "vectors")
        return Bridge("knowledge", engine, engine.lookup, limits=Limits(waiting=_WAITING), error=LLMError)

    knowledge = context.engines.get("knowledge", build_knowledge)
    return LlamaLLM(context.engines.get("mind", build_mind), knowledge, context, section)


class LlamaLLM(llm.LLM[Any]):
    """One session's mind. It keeps no history: what counts is the chat context that each call brings."""

    def __init__(
        self,
        mind: Streams[MindRequest, MindItem],
        knowledge: Streams[Question, Match],
        context: Context,
        section: MindConfig,
    ) -> None:
        super().__init__()
        self.mind = mind
        self.knowledge = knowledge
        self.context = context
        self.section = section

    @property
    def model(self) -> str:
        file = self.context.files.get("mind")
        return file.stem if file else "llama"

    @property
    def provider(self) -> str:
        return "llama.cpp"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> LlamaStream:
        """Reply to the last message; closing the stream stops the engines' work on it. Tools are not called.

        The first chunk's `delta.extra["source"]`, which LiveKit copies to the message of the reply, says where the
        words come from: "entry:ID" (an approved answer), "model" or "unknown"; a later chunk's wins.
        """
        return LlamaStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)

    async def prefill(self, chat_ctx: llm.ChatContext) -> None:
        """Read a conversation into the model's cache before the next question is known: its reply will start sooner.

        To be called when a turn has ended, with all of it in `chat_ctx`, and again when the visitor begins to speak. A
        later call and `chat` take over what has been read so far, and end this one.

        Raises:
            LLMError: as the engine's; nothing is lost but the head start.
        """
        turn = read_turn(chat_ctx, self.context.persona)
        request = ChatRequest(_before(turn), self.context.session, max_tokens=0)
        async with aclosing(_items(self.mind.stream(request, self.context.call(_REPLY_DEADLINE_S)))) as items:
            async for _ in items:
                pass

    async def finished(self, words: str) -> float:
        """The probability, 0 to 1, that a visitor who has said `words` has come to the end of a sentence.

        Raises:
            LLMError: as the engine's.
        """
        stream = self.mind.stream(SentenceRequest(words, self.context.session), self.context.call(_JUDGE_DEADLINE_S))
        async with aclosing(_items(stream)) as items:
            async for item in items:
                if isinstance(item, SentenceEnd):
                    return item.probability
        raise LLMError("the model gave no judgement", code="inference-failed")

    async def aclose(self) -> None:
        """Forget the conversation in the engine's cache."""
        await super().aclose()
        try:
            release = ReleaseRequest(self.context.session)
            async with aclosing(_items(self.mind.stream(release, self.context.call(_REPLY_DEADLINE_S)))) as items:
                async for _ in items:
                    pass
        except LLMError as error:
            if error.code != "closed":  # a closed engine has forgotten everything
                logger.warning("conversation not released", extra={"code": error.code})

    async def _prewarm_impl(self) -> None:
        """Read the system prompt and index the persona while the room is being joined."""
        await self.lookup("")
        await self.prefill(llm.ChatContext.empty())

    async def lookup(self, text: str) -> Match:
        """The persona's entries for a question.

        Raises:
            LLMError: as the engine's.
        """
        question = Question(self.context.persona, text)
        stream = self.knowledge.stream(question, self.context.call(_LOOKUP_DEADLINE_S))
        async with aclosing(cast("AsyncGenerator[Match, None]", stream)) as matches:
            return await anext(matches)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a chat context asks for."""

    instructions: str
    """The system prompt."""
    past: tuple[tuple[str, str], ...]
    """(role, text) of user and assistant before this turn, oldest first."""
    question: str
    """What the visitor said, or ""."""
    order: str
    """What the program wants said, as by `generate_reply(instructions=...)`, or ""."""

    @property
    def last_reply(self) -> str:
        return next((text for role, text in reversed(self.past) if role == "assistant"), "")


def read_turn(chat_ctx: llm.ChatContext, persona: Persona) -> Turn:
    """Take a chat context apart; images, sounds, tools and hand-overs in it are passed over."""
    messages = [(item.role, item.text_content or "") for item in chat_ctx.items if item.type == "message"]
    instructions = persona.instructions
    if messages and messages[0][0] in ("system", "developer"):
        instructions = messages.pop(0)[1] or instructions
    orders: list[str] = []
    while messages and messages[-1][0] in ("system", "developer"):
        orders.insert(0, messages.pop()[1])
    question = messages.pop()[1] if messages and messages[-1][0] == "user" else ""
    past = tuple(
        (role, guards.clean_question(text) if role == "user" else text)  # as the model has read it when it was asked
        for role, text in messages
        if role in ("user", "assistant")
    )
    return Turn(instructions, past, guards.clean_question(question), "\n".join(orders).strip())


class LlamaStream(llm.LLMStream):
    """One reply on its way."""

    def __init__(
        self, owner: LlamaLLM, *, chat_ctx: llm.ChatContext, tools: list[llm.Tool], conn_options: APIConnectOptions
    ) -> None:
        super().__init__(owner, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._owner = owner
        self._id = utils.shortuuid("reply_")

    async def _run(self) -> None:
        turn = read_turn(self.chat_ctx, self._owner.context.persona)
        try:
            if turn.question and not turn.order:
                match = await self._owner.lookup(turn.question)
                if match.entry is not None:
                    again = turn.last_reply if match.entry.repeat else ""
                    self._send(again or match.entry.answer, f"entry:{match.entry.id}")
                    return
                messages = prompt.chat(turn.instructions, turn.past, turn.question, match.nearest)
                await self._model(messages, self._guard(turn, turn.question, match.nearest))
            elif turn.order:
                asked = f"{turn.question}\n\n{turn.order}".strip()
                order = Entry("order", (), turn.order)  # the program's own words are no invention
                await self._model((*_before(turn), ("user", asked)), self._guard(turn, asked, (order,)))
            elif turn.past:
                self._send(self._unknown(turn), UNKNOWN)
            else:
                self._send(self._owner.context.persona.greeting, "greeting")
        except EngineError as error:
            raise _api_error(error) from error

    def _guard(self, turn: Turn, question: str, facts: Sequence[Entry]) -> guards.ReplyGuard:
        config = guards.GuardConfig(strict=self._owner.section.strict)
        return guards.ReplyGuard(question, facts, self._unknown(turn), config)

    async def _model(self, messages: tuple[tuple[str, str], ...], guard: guards.ReplyGuard) -> None:
        """Stream the model's reply, as the guard lets it pass; the model is stopped when that has heard enough."""
        section = self._owner.section
        context = self._owner.context
        request = ChatRequest(
            messages,
            context.session,
            max_tokens=section.reply_tokens,
            sampling=Sampling(temperature=section.temperature),
            seconds=_REPLY_S,
        )
        said = False
        stream = self._owner.mind.stream(request, context.call(_REPLY_DEADLINE_S))
        async with aclosing(_items(stream)) as items:
            async for item in items:
                assert not isinstance(item, SentenceEnd), "nobody asked for one"
                if isinstance(item, ReplyEnd):
                    self._usage(item)
                for sentence in guard.finish() if isinstance(item, ReplyEnd) else guard.push(item):
                    source = UNKNOWN if sentence in context.persona.unknown else MODEL
                    self._send(" " * said + sentence, source)
                    said = True
                if guard.done:
                    break

    def _unknown(self, turn: Turn) -> str:
        """The persona's phrases in turn; counted in the history, so that a cancelled reply uses none up."""
        phrases = self._owner.context.persona.unknown
        used = sum(role == "assistant" and text in phrases for role, text in turn.past)
        return phrases[used % len(phrases)]

    def _send(self, text: str, source: str) -> None:
        delta = llm.ChoiceDelta(role="assistant", content=text, extra={"source": source})
        self._event_ch.send_nowait(llm.ChatChunk(id=self._id, delta=delta))

    def _usage(self, end: ReplyEnd) -> None:
        usage = llm.CompletionUsage(
            prompt_tokens=end.prompt_tokens,
            prompt_cached_tokens=end.cached_tokens,
            completion_tokens=end.reply_tokens,
            total_tokens=end.prompt_tokens + end.reply_tokens,
        )
        self._event_ch.send_nowait(llm.ChatChunk(id=self._id, usage=usage))


def _before(turn: Turn) -> tuple[tuple[str, str], ...]:
    """The messages of a turn but its last, as they stand in the model's cache."""
    return prompt.chat(turn.instructions, turn.past, "", ())[:-1]


def _items(stream: AsyncIterator[MindItem]) -> AsyncGenerator[MindItem, None]:
    return cast("AsyncGenerator[MindItem, None]", stream)


def _api_error(error: EngineError) -> APIError:
    """An engine's error in LiveKit's terms, the engine's own as its cause; another try would fail the same way."""
    if error.code == "cancelled":  # an older turn: LiveKit ends the stream without an error on this status
        return APIStatusError(error.message, status_code=499, retryable=False)
    if error.code == "deadline-exceeded":
        return APITimeoutError(str(error), retryable=False)
    return APIError(str(error), body=error.as_dict(), retryable=False)
