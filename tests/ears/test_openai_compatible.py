"""Ears on the LAN, against a real server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIStatusError

from appliance.config import EarsConfig, OpenAICompatibleConfig
from appliance.context import Context, Engines
from appliance.ears.openai_compatible import create
from appliance.errors import ConfigurationError
from tests.fakes.openai_server import OpenAIServer

CONTEXT = Context(Engines(), {}, cast("Any", None))
ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer().running() as running:
        yield running


def speech(seconds: float = 1.0) -> rtc.AudioFrame:
    n = int(16_000 * seconds)
    return rtc.AudioFrame(np.full(n, 4000, np.int16).tobytes(), 16_000, 1, n)


def section(server: OpenAIServer) -> EarsConfig:
    return EarsConfig(openai_compatible=OpenAICompatibleConfig(server.base_url, "whisper-large", "secret"))


async def test_an_utterance_is_sent_and_its_words_come_back(server: OpenAIServer) -> None:
    ears = create(section(server), CONTEXT)
    event = await ears.recognize(speech(), conn_options=ONCE)
    await ears.aclose()
    assert event.alternatives[0].text == "what time is it"
    assert server.asked[0]["model"] == "whisper-large"
    assert server.asked[0]["language"] == "en"
    assert (server.asked[0]["rate_hz"], server.asked[0]["n_samples"]) == (16_000, 16_000)
    assert server.keys == ["Bearer secret"]
    assert not ears.capabilities.streaming


async def test_a_refusal_is_an_error(server: OpenAIServer) -> None:
    server.fail_with = 401
    ears = create(section(server), CONTEXT)
    with pytest.raises(APIStatusError) as failed:
        await ears.recognize(speech(), conn_options=ONCE)
    await ears.aclose()
    assert failed.value.status_code == 401
    assert not failed.value.retryable


@pytest.mark.parametrize(
    ("server", "missing"),
    [(OpenAICompatibleConfig(), "base_url"), (OpenAICompatibleConfig(base_url="http://x/v1"), "model")],
)
def test_what_is_not_set_is_named(server: OpenAICompatibleConfig, missing: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"ears\.openai_compatible\.{missing}") as refused:
        create(EarsConfig(openai_compatible=server), CONTEXT)
    assert refused.value.code == "not-configured"
