"""A mind on another machine of the LAN: any server that speaks OpenAI's chat API. Off unless it is configured."""

from __future__ import annotations

from typing import Any

from livekit.agents import llm
from livekit.plugins import openai

from appliance.config import MindConfig
from appliance.context import Context
from appliance.errors import ConfigurationError


def create(section: MindConfig, context: Context) -> llm.LLM[Any]:
    """The provider `openai-compatible`. It is asked as it is: no knowledge, no approved answers, no guards of ours.

    Raises:
        ConfigurationError: code not-configured, base_url or model is empty.
    """
    server = section.openai_compatible
    for name in ("base_url", "model"):
        if not getattr(server, name):
            raise ConfigurationError(
                f"mind.openai_compatible.{name} is empty",
                code="not-configured",
                hint="set it, or take openai-compatible out of mind.provider",
            )
    return openai.LLM(
        base_url=server.base_url,
        model=server.model,
        api_key=server.api_key,
        temperature=section.temperature,
        extra_body={
            "max_tokens": section.reply_tokens
        },  # local servers know this older name, not max_completion_tokens
    )
