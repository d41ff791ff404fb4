"""A first conversation with the real small model: asked what nobody told it, it invents nothing that is spoken."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config import MindConfig
from appliance.mind import prompt
from appliance.mind.embedding import Embedder
from appliance.mind.guards import ReplyGuard, clean_question
from appliance.mind.knowledge import Knowledge
from appliance.mind.llama import ChatRequest, LlamaEngine, ReplyEnd
from appliance.mind.sampling import Sampling
from appliance.personas import persona

_QUESTIONS = Path(__file__).parent / "questions"
_SMALL_TALK = ["how was your day so far", "I had a long journey", "do you like music", "it's my birthday today"]


@pytest.fixture(scope="module")
def engine(models: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(
        next((models / "mind").glob("*.gguf")), MindConfig(sequences=2, context_tokens=1024, cache_tokens=2048)
    )
    engine.load()
    yield engine
    engine.close()


def _speak(engine: LlamaEngine, request: ChatRequest, guard: ReplyGuard) -> tuple[str, str]:
    """What is spoken, and what the model said."""
    stream = engine.generate(request)
    raw: list[str] = []
    spoken: list[str] = []
    while not guard.done:
        engine.advance()
        item = next(stream)
        if isinstance(item, ReplyEnd):
            spoken += guard.finish()
        elif item is not None:
            raw.append(item)
            spoken += guard.push(item)
    stream.close()
    return " ".join(spoken), "".join(raw)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["host", "clinic"])
def test_nothing_is_invented(name: str, engine: LlamaEngine, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = persona.load(name)
    embedder = Embedder(models / "embedding" / "model.onnx", models / "embedding" / "tokenizer.json")
    embedder.load()
    knowledge = Knowledge(who.entries, who.outside, embedder)
    knowledge.load()
    approved = " ".join(entry.answer for entry in who.entries).lower()
    lines: list[str] = []
    labelled = tomllib.loads((_QUESTIONS / f"{name}.toml").read_text(encoding="utf-8"))
    for asked in [*labelled["held_out"]["off_topic"][:16], *_SMALL_TALK]:
        question = clean_question(asked)
        match = knowledge.lookup(question)
        if match.entry:
            continue  # spoken as approved: counted in test_knowledge.py
        guard = ReplyGuard(question, match.nearest, who.unknown[0])
        messages = prompt.chat(who.instructions, (), question, match.nearest)
        request = ChatRequest(messages, max_tokens=48, sampling=Sampling(temperature=0))
        spoken, raw = _speak(engine, request, guard)
        lines.append(f"  {asked!r}\n    model: {raw.strip()!r}\n    spoken: {spoken!r}")
        assert spoken
        if spoken != who.unknown[0]:
            known = (
                approved
                + question.lower()
                + " sorry thank welcome happy glad help know sure hello nice talk question familiar"
            )
            strange = [
                word
                for word in spoken.lower().strip(".!?").split()
                if len(word) > 4 and word.strip(".,!?'") not in known
            ]
            assert not strange, lines[-1]
    with capsys.disabled():
        print("\n" + "\n".join(lines))
