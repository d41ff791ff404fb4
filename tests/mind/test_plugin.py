from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from livekit.agents import APIError, APITimeoutError, llm
from livekit.agents.types import APIConnectOptions

from appliance.config import MindConfig
from appliance.context import Context, Engines
from appliance.engine import Bridge, Call, Limits, SessionId, TurnId
from appliance.errors import BundleError, LLMError
from appliance.mind import prompt
from appliance.mind.knowledge import Match
from appliance.mind.knowledge_engine import Question
from appliance.mind.llama import ChatRequest, MindItem, MindRequest
from appliance.mind.plugin import LlamaLLM, create, read_turn
from appliance.personas import persona as personas
from appliance.personas.persona import Entry, Persona
from tests.fakes.llama import FakeLlama, Script, endless

PARKING = Entry("parking", ("where can i park",), "You can park behind the house. It is free.")
AGAIN = Entry("repeat", ("say that again",), "I have not said anything yet.", repeat=True)
HOURS = Entry("hours", ("when are you open",), "The desk is open from nine to five.")
PERSONA = Persona(
    name="Pat",
    greeting="Hello, I'm Pat.",
    instructions="You are Pat.",
    voice="v",
    face="f",
    language="en",
    unknown=("I don't know that.", "I have no answer."),
    entries=(PARKING, AGAIN, HOURS),
)
NO_RETRY = APIConnectOptions(max_retry=0)


class FakeKnowledge:
    """Answers what is one of an entry's questions; everything else is near the opening hours."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.near: tuple[Entry, ...] = (HOURS,)

    def load(self) -> None: ...
    def warm_up(self) -> None: ...
    def close(self) -> None: ...

    def lookup(self, question: Question) -> Iterator[Match]:
        self.asked.append(question.text)
        text = question.text.lower().strip("?.")
        entry = next((e for e in question.persona.entries if text in e.questions), None)
        yield Match(entry, 1.0 if entry else 0.3, self.near)


class Box:
    """The plugin with its two bridges over fakes."""

    def __init__(self, engine: FakeLlama, *, waiting: int = 64, **section: object) -> None:
        self.engine = engine
        self.knowledge = FakeKnowledge()
        self.engines = Engines()
        mind: Bridge[MindRequest, MindItem] = Bridge(
            "mind", engine, engine.generate, limits=Limits(active=4, waiting=waiting), error=LLMError
        )
        lookup: Bridge[Question, Match] = Bridge(
            "knowledge", self.knowledge, self.knowledge.lookup, limits=Limits(waiting=256), error=LLMError
        )
        self.context = Context(self.engines, {"mind": Path("some.gguf")}, PERSONA, SessionId("s"))
        self.llm = LlamaLLM(
            self.engines.get("mind", lambda: mind),
            self.engines.get("knowledge", lambda: lookup),
            self.context,
            replace(MindConfig(), **section),  # type: ignore[arg-type]
        )

    def chat(self, *messages: tuple[llm.ChatRole, str]) -> llm.LLMStream:
        return self.llm.chat(chat_ctx=context_of(*messages), conn_options=NO_RETRY)

    async def until(self, condition: Callable[[], object]) -> bool:
        """Wait for what happens on the engine's thread."""
        return await asyncio.to_thread(self.engine.wait_for, condition)

    async def reply(self, *messages: tuple[llm.ChatRole, str]) -> tuple[str, str]:
        """The text, and where it came from."""
        collected = await self.chat(*messages).collect()
        return collected.text, collected.extra["source"]


@asynccontextmanager
async def box_of(
    script: Script, *, fails: LLMError | None = None, waiting: int = 64, **section: object
) -> AsyncIterator[Box]:
    box = Box(FakeLlama(script, fails=fails), waiting=waiting, **section)
    try:
        yield box
    finally:
        await box.engines.close()


def context_of(*messages: tuple[llm.ChatRole, str]) -> llm.ChatContext:
    chat_ctx = llm.ChatContext.empty()
    for i, (role, text) in enumerate(messages):
        chat_ctx.add_message(role=role, content=text, created_at=float(i))
    return chat_ctx


def always(text: str) -> Script:
    return lambda _request: text


SYSTEM: tuple[llm.ChatRole, str] = ("system", "You are Pat.")


# ---- what is said


async def test_approved_answer_is_said_word_for_word_without_the_model() -> None:
    async with box_of(always("never")) as box:
        assert await box.reply(SYSTEM, ("user", "Where can I park?")) == (PARKING.answer, "entry:parking")
        assert box.engine.requests == []


async def test_repeat_says_the_last_reply_again_or_its_own_answer() -> None:
    async with box_of(always("never")) as box:
        asked: tuple[llm.ChatRole, str] = ("user", "Say that again?")
        assert await box.reply(SYSTEM, asked) == (AGAIN.answer, "entry:repeat")
        history: list[tuple[llm.ChatRole, str]] = [SYSTEM, ("user", "Hi"), ("assistant", "Good day."), asked]
        assert await box.reply(*history) == ("Good day.", "entry:repeat")


async def test_the_model_gets_the_nearest_entries_and_the_history() -> None:
    async with box_of(always("The desk is open from nine to five.")) as box:
        text, source = await box.reply(
            SYSTEM, ("user", "Hi"), ("assistant", "Good day."), ("user", "Can I come on Monday?")
        )
        assert (text, source) == ("The desk is open from nine to five.", "model")
        (request,) = box.engine.requests
        roles, texts = zip(*request.messages, strict=True)
        assert roles == ("system", "user", "assistant", "user")
        assert texts[0].startswith("You are Pat.")
        assert texts[1:3] == ("Hi", "Good day.")
        assert HOURS.answer in texts[3]
        assert "Can I come on Monday?" in texts[3]
        assert request.session == "s"
        assert request.max_tokens == MindConfig().reply_tokens


async def test_sentences_are_sent_one_by_one() -> None:
    async with box_of(always("The desk is open from nine to five. Have a good day.")) as box:
        stream = box.chat(SYSTEM, ("user", "Can I come on Monday?"))
        pieces = [chunk.delta.content async for chunk in stream if chunk.delta]
        await stream.aclose()
        assert pieces == ["The desk is open from nine to five.", " Have a good day."]


@pytest.mark.parametrize("said", ["", "   \n\n  ", "```python\nprint(1)\n```", "<b></b><|im_end|>", "*** --- ***"])
async def test_empty_reply_or_mere_markup_becomes_the_phrase_for_not_knowing(said: str) -> None:
    async with box_of(always(said)) as box:
        assert await box.reply(SYSTEM, ("user", "Hm?")) == (PERSONA.unknown[0], "unknown")


async def test_what_no_entry_says_is_not_said() -> None:
    async with box_of(always("We open at seven in the morning on Sundays.")) as box:
        assert await box.reply(SYSTEM, ("user", "Sundays?")) == (PERSONA.unknown[0], "unknown")


async def test_a_larger_model_may_be_trusted() -> None:
    async with box_of(always("Paris is the capital of France.")) as lenient:
        assert (await lenient.reply(SYSTEM, ("user", "France?")))[1] == "unknown"
    async with box_of(always("Paris is the capital of France."), strict=False) as box:
        assert await box.reply(SYSTEM, ("user", "France?")) == ("Paris is the capital of France.", "model")


async def test_phrases_for_not_knowing_take_turns() -> None:
    async with box_of(always("")) as box:
        first: list[tuple[llm.ChatRole, str]] = [SYSTEM, ("user", "Hm?"), ("assistant", PERSONA.unknown[0])]
        assert (await box.reply(*first, ("user", "Hm?")))[0] == PERSONA.unknown[1]


async def test_endless_reply_is_stopped_and_the_engine_with_it() -> None:
    async with box_of(endless, reply_tokens=10_000) as box:
        text, _ = await asyncio.wait_for(box.reply(SYSTEM, ("user", "Go on")), 10)
        assert len(text.split()) < 100
        assert await box.until(lambda: not box.engine.running)


# ---- generate_reply without a question


async def test_order_of_the_program_reaches_the_model_and_its_words_may_be_said() -> None:
    order = "Tell the visitor that the fire drill begins at noon."
    async with box_of(always("The fire drill begins at noon.")) as box:
        reply = await box.reply(SYSTEM, ("user", "Hi"), ("assistant", "Good day."), ("system", order))
        assert reply == ("The fire drill begins at noon.", "model")
        assert box.engine.requests[0].messages[-1] == ("user", order)
        assert box.knowledge.asked == []


async def test_order_beside_a_question_comes_after_it() -> None:
    async with box_of(always("Good day.")) as box:
        await box.reply(SYSTEM, ("user", "Where can I park?"), ("system", "Be brief."))
        assert box.engine.requests[0].messages[-1] == ("user", "Where can I park?\n\nBe brief.")


async def test_nothing_at_all_is_greeted() -> None:
    async with box_of(always("never")) as box:
        assert await box.reply(SYSTEM) == (PERSONA.greeting, "greeting")


async def test_words_that_are_none_are_not_understood() -> None:
    async with box_of(always("never")) as box:
        reply = await box.reply(SYSTEM, ("user", "Hi"), ("assistant", "Good day."), ("user", "<|im_end|>"))
        assert reply == (PERSONA.unknown[0], "unknown")


def test_turn_passes_over_what_is_no_message() -> None:
    chat_ctx = context_of(("system", "Own."), ("user", "one"), ("assistant", "two"), ("user", "three"))
    chat_ctx.insert(llm.FunctionCall(call_id="1", name="f", arguments="{}", created_at=1.5))
    turn = read_turn(chat_ctx, PERSONA)
    assert (turn.instructions, turn.question, turn.order) == ("Own.", "three", "")
    assert turn.past == (("user", "one"), ("assistant", "two"))


def test_turn_without_instructions_takes_the_persona_s() -> None:
    assert read_turn(context_of(("user", "one")), PERSONA).instructions == PERSONA.instructions


async def test_tools_are_passed_over() -> None:
    @llm.function_tool
    async def ring() -> str:
        """Ring the bell."""
        return "rung"

    async with box_of(always("Good day.")) as box:
        chat_ctx = context_of(SYSTEM, ("user", "Ring the bell"))
        collected = await box.llm.chat(chat_ctx=chat_ctx, tools=[ring], tool_choice="auto").collect()
        assert collected.text == "Good day."
        assert collected.tool_calls == []


# ---- being cancelled, and failing


@pytest.mark.parametrize("n_chunks", [0, 1, 2])
async def test_cancelled_reply_leaves_no_trace(n_chunks: int) -> None:
    async with box_of(endless) as box:
        box.engine.script = lambda _request: iter(["Good day. ", "Have a nice day. ", *["and so on "] * 1000])
        stream = box.chat(SYSTEM, ("user", "Hello?"))
        async for _ in stream:
            n_chunks -= 1
            if n_chunks <= 0:
                break
        await stream.aclose()
        assert await box.until(lambda: not box.engine.running)
        box.engine.script = always("Good day.")
        assert await box.reply(SYSTEM, ("user", "Hello?")) == ("Good day.", "model")


async def test_raised_turn_ends_the_reply_without_an_error() -> None:
    silent: Script = lambda _request: iter(lambda: "", None)  # an engine that is always about to speak
    async with box_of(silent, reply_tokens=10**9) as box:
        errors: list[object] = []
        box.llm.on("error", errors.append)
        task = asyncio.create_task(box.chat(SYSTEM, ("user", "Hello?")).collect())
        assert await box.until(lambda: box.engine.running)
        box.engines.cancel(SessionId("s"), before=TurnId(1))
        assert (await asyncio.wait_for(task, 5)).text == ""
        assert errors == []


async def test_failing_engine_is_an_error_that_is_not_tried_again() -> None:
    async with box_of(always(""), fails=LLMError("no memory", code="out-of-memory")) as box:
        errors: list[llm.LLMError] = []
        box.llm.on("error", errors.append)
        stream = box.llm.chat(chat_ctx=context_of(SYSTEM, ("user", "Hm?")), conn_options=APIConnectOptions(max_retry=3))
        with pytest.raises(APIError, match="out-of-memory") as caught:
            await stream.collect()
        assert not caught.value.retryable
        assert isinstance(caught.value.__cause__, LLMError)
        assert len(box.engine.requests) == 1
        assert [error.recoverable for error in errors] == [False]


async def test_deadline_is_a_timeout() -> None:
    async with box_of(always(""), fails=LLMError("too late", code="deadline-exceeded")) as box:
        with pytest.raises(APITimeoutError):
            await box.reply(SYSTEM, ("user", "Hm?"))


# ---- around a conversation


async def test_prewarm_reads_the_system_prompt_and_closing_releases_the_session() -> None:
    async with box_of(always("")) as box:
        box.llm.prewarm()
        assert await box.until(lambda: box.engine.requests)
        (request,) = box.engine.requests
        system = prompt.chat("You are Pat.", (), "", ())[:1]
        assert request == ChatRequest(system, SessionId("s"), max_tokens=0)
        assert box.knowledge.asked == [""]
        await box.llm.aclose()
        assert box.engine.released == ["s"]


async def test_prefill_reads_what_the_next_reply_begins_with() -> None:
    async with box_of(always("Good day.")) as box:
        history: list[tuple[llm.ChatRole, str]] = [SYSTEM, ("user", "Hi"), ("assistant", "Good day.")]
        await box.llm.prefill(context_of(*history))
        await box.reply(*history, ("user", "Hm?"))
        ahead, request = box.engine.requests
        assert ahead.max_tokens == 0
        assert request.messages[: len(ahead.messages)] == ahead.messages
        assert len(ahead.messages) == 3


async def test_a_question_stands_in_the_history_as_it_was_asked() -> None:
    async with box_of(always("Good day.")) as box:
        asked = "  Hm,\n<|im_end|> " + "so " * 400 + "well?"
        box.knowledge.near = ()
        await box.reply(SYSTEM, ("user", asked))
        await box.llm.prefill(context_of(SYSTEM, ("user", asked), ("assistant", "Good day.")))
        first, ahead = box.engine.requests
        assert ahead.messages == (*first.messages, ("assistant", "Good day."))


# ---- too much of everything


@pytest.mark.parametrize("asked", ["word " * 200_000, "A" * 9_400, "<|im_end|>" * 100_000])
async def test_a_transcript_of_any_length_is_answered(asked: str) -> None:
    async with box_of(always("Good day.")) as box:
        history: list[tuple[llm.ChatRole, str]] = [SYSTEM, ("user", asked), ("assistant", "so " * 300_000)]
        assert await box.reply(*history, ("user", asked)) in (("Good day.", "model"), (PERSONA.unknown[0], "unknown"))
        for request in box.engine.requests:
            assert sum(len(text) for _, text in request.messages) < 3_000


async def test_a_flood_of_messages_is_refused_and_harms_nobody_else() -> None:
    async with box_of(endless, waiting=8, reply_tokens=10_000) as box:
        other = LlamaLLM(box.llm.mind, box.llm.knowledge, replace(box.context, session=SessionId("o")), MindConfig())
        flood = [asyncio.create_task(box.chat(SYSTEM, ("user", f"Go on {n}")).collect()) for n in range(200)]
        ends = await asyncio.wait_for(asyncio.gather(*flood, return_exceptions=True), 30)
        refused = [end for end in ends if isinstance(end, APIError)]
        assert all(isinstance(end.__cause__, LLMError) and end.__cause__.code == "overloaded" for end in refused)
        assert refused
        assert len(refused) < len(ends)
        answered = await other.chat(chat_ctx=context_of(SYSTEM, ("user", "Where can I park?"))).collect()
        assert answered.text == PARKING.answer
        box.engine.script = always("Good day.")
        answered = await other.chat(chat_ctx=context_of(SYSTEM, ("user", "Hello?"))).collect()
        assert answered.text == "Good day."
        assert await box.until(lambda: not box.engine.running)


async def test_closing_after_the_engine_is_quiet() -> None:
    async with box_of(always("")) as box:
        await box.engines.close()
        await box.llm.aclose()


async def test_bundle_without_a_model_is_refused() -> None:
    with pytest.raises(BundleError) as caught:
        create(MindConfig(), Context(Engines(), {}, PERSONA))
    assert caught.value.code == "not-found"


# ---- the real thing


@pytest.mark.slow
async def test_real_models_answer_from_the_persona_and_admit_what_they_do_not_know(models: Path) -> None:
    engines = Engines()
    persona = personas.load("clinic")
    files = {"mind": next((models / "mind").glob("*.gguf")), "embedding": models / "embedding"}
    mind = create(replace(MindConfig(), threads=1), Context(engines, files, persona, SessionId("visit")))
    try:
        await engines.ready()

        async def ask(text: str) -> tuple[str, str]:
            chat_ctx = context_of(("system", persona.instructions), ("user", text))
            collected = await mind.chat(chat_ctx=chat_ctx, conn_options=NO_RETRY).collect()
            return collected.text, str(collected.extra["source"])

        entry = next(entry for entry in persona.entries if not entry.small_talk)
        assert await ask(entry.questions[0]) == (entry.answer, f"entry:{entry.id}")
        text, source = await ask("Who won the chess championship in nineteen eighty?")
        assert source in ("unknown", "model")
        assert text in persona.unknown or source == "model"
        assert text.strip()
        assert (await ask("A" * 9_400))[0].strip()
        await mind.aclose()
        call = Call(SessionId("other"), TurnId(0))
        bridge = engines.bridges["mind"]
        system = prompt.chat(persona.instructions, (), "", ())[:1]
        end = [item async for item in bridge.stream(ChatRequest(system, max_tokens=0), call)]
        assert end[-1].cached_tokens > end[-1].prompt_tokens - 5, "the system prompt is shared by all sessions"
    finally:
        await engines.close()
