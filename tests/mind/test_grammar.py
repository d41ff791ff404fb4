"""A reply under a grammar, from the real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config import MindConfig
from appliance.errors import LLMError
from appliance.mind.llama import ChatRequest, LlamaEngine
from appliance.mind.sampling import Sampling

CALL = """
root ::= "{" ws "\\"tool\\":" ws ("\\"ring\\"" | "\\"print\\"") "," ws "\\"times\\":" ws [1-9] "}"
ws ::= " "?
"""


@pytest.fixture(scope="module")
def engine(models: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(
        next((models / "mind").glob("*.gguf")),
        MindConfig(threads=1, sequences=2, context_tokens=512, cache_tokens=1024),
    )
    engine.load()
    yield engine
    engine.close()


def _reply(engine: LlamaEngine, grammar: str, sampling: Sampling, max_tokens: int = 48) -> str:
    messages = (("user", "What is the weather like? Tell me everything."),)
    said = ""
    for item in engine.generate(ChatRequest(messages, max_tokens=max_tokens, sampling=sampling, grammar=grammar)):
        engine.advance()
        said += item if isinstance(item, str) else ""
    return said


@pytest.mark.slow
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.5, seed=3)])
def test_the_reply_is_json_of_the_grammar_whatever_was_asked(engine: LlamaEngine, sampling: Sampling) -> None:
    call = json.loads(_reply(engine, CALL, sampling))
    assert call.keys() == {"tool", "times"}
    assert call["tool"] in ("ring", "print")
    assert 1 <= call["times"] <= 9


@pytest.mark.slow
def test_one_word_and_then_the_end(engine: LlamaEngine) -> None:
    assert _reply(engine, 'root ::= "yes" | "no"', Sampling()) in ("yes", "no")
    assert _reply(engine, 'root ::= ""', Sampling()) == ""


@pytest.mark.slow
def test_grammar_is_cut_at_max_tokens(engine: LlamaEngine) -> None:
    assert set(_reply(engine, 'root ::= ("a" | "b")+', Sampling(), max_tokens=6)) <= {"a", "b"}


@pytest.mark.slow
@pytest.mark.parametrize("grammar", ["root ::= (", 'other ::= "a"', "root ::= missing"])
def test_a_grammar_that_cannot_be_read_is_an_error(engine: LlamaEngine, grammar: str) -> None:
    with pytest.raises(LLMError) as caught:
        _reply(engine, grammar, Sampling())
    assert caught.value.code == "bad-grammar"
    assert _reply(engine, "", Sampling(), max_tokens=2)
