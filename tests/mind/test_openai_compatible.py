"""A mind on the LAN, against a real server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from livekit.agents import APIConnectOptions, APIStatusError, llm

from appliance.config import MindConfig, OpenAICompatibleConfig
from appliance.context import Context, Engines
from appliance.errors import ConfigurationError
from appliance.mind.openai_compatible import create
from tests.fakes.openai_server import OpenAIServer

CONTEXT = Context(Engines(), {}, cast("Any", None))
ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer().running() as running:
        yield running


def section(server: OpenAIServer) -> MindConfig:
    return MindConfig(
        temperature=0.4, reply_tokens=50, openai_compatible=OpenAICompatibleConfig(server.base_url, "qwen", "secret")
    )


def question() -> llm.ChatContext:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You are the front desk.")
    context.add_message(role="user", content="When do you close?")
    return context


async def test_a_conversation_is_sent_and_the_reply_comes_in_pieces(server: OpenAIServer) -> None:
    mind = create(section(server), CONTEXT)
    async with mind.chat(chat_ctx=question(), conn_options=ONCE) as stream:
        pieces = [chunk.delta.content async for chunk in stream if chunk.delta and chunk.delta.content]
    await mind.aclose()
    assert pieces == server.words
    assert server.asked[0]["model"] == "qwen"
    assert server.asked[0]["temperature"] == 0.4
    assert server.asked[0]["max_tokens"] == 50
    assert [message["role"] for message in server.asked[0]["messages"]] == ["system", "user"]
    assert server.keys == ["Bearer secret"]


async def test_a_refusal_is_an_error(server: OpenAIServer) -> None:
    server.fail_with = 401
    mind = create(section(server), CONTEXT)
    with pytest.raises(APIStatusError) as failed:
        async with mind.chat(chat_ctx=question(), conn_options=ONCE) as stream:
            async for _ in stream:
                pass
    await mind.aclose()
    assert failed.value.status_code == 401


@pytest.mark.parametrize(
    ("server", "missing"),
    [(OpenAICompatibleConfig(), "base_url"), (OpenAICompatibleConfig(base_url="http://x/v1"), "model")],
)
def test_what_is_not_set_is_named(server: OpenAICompatibleConfig, missing: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"mind\.openai_compatible\.{missing}") as refused:
        create(MindConfig(openai_compatible=server), CONTEXT)
    assert refused.value.code == "not-configured"
