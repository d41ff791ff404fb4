"""A voice on the LAN, against a real server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from livekit.agents import APIConnectOptions, APIStatusError

from appliance.config import OpenAICompatibleConfig, VoiceConfig
from appliance.context import Context, Engines
from appliance.errors import ConfigurationError
from appliance.voice.openai_compatible import create
from tests.fakes.openai_server import OpenAIServer

CONTEXT = Context(Engines(), {}, cast("Any", None))
ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer().running() as running:
        yield running


def section(server: OpenAIServer) -> VoiceConfig:
    return VoiceConfig(
        length_scale=1.25, openai_compatible=OpenAICompatibleConfig(server.base_url, "kokoro", "secret", "af_heart")
    )


async def test_text_is_sent_and_its_sound_comes_back(server: OpenAIServer) -> None:
    voice = create(section(server), CONTEXT)
    async with voice.synthesize("Hello there.", conn_options=ONCE) as stream:
        frames = [event.frame async for event in stream]
    await voice.aclose()
    assert sum(frame.duration for frame in frames) == pytest.approx(1.0, abs=0.05)  # 16 kHz in, the plugin's rate out
    assert {frame.sample_rate for frame in frames} == {voice.sample_rate}
    assert server.asked[0]["input"] == "Hello there."
    assert server.asked[0]["voice"] == "af_heart"
    assert server.asked[0]["speed"] == pytest.approx(0.8)
    assert server.keys == ["Bearer secret"]


async def test_a_refusal_is_an_error(server: OpenAIServer) -> None:
    server.fail_with = 404
    voice = create(section(server), CONTEXT)
    with pytest.raises(APIStatusError) as failed:
        async with voice.synthesize("Hello there.", conn_options=ONCE) as stream:
            async for _ in stream:
                pass
    await voice.aclose()
    assert failed.value.status_code == 404


@pytest.mark.parametrize(
    ("server", "missing"),
    [
        (OpenAICompatibleConfig(), "base_url"),
        (OpenAICompatibleConfig(base_url="http://x/v1"), "model"),
        (OpenAICompatibleConfig(base_url="http://x/v1", model="m"), "voice"),
    ],
)
def test_what_is_not_set_is_named(server: OpenAICompatibleConfig, missing: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"voice\.openai_compatible\.{missing}") as refused:
        create(VoiceConfig(openai_compatible=server), CONTEXT)
    assert refused.value.code == "not-configured"
