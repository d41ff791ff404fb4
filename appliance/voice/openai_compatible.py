"""A voice on another machine of the LAN: any server that speaks OpenAI's speech API. Off unless it is configured."""

from __future__ import annotations

from typing import Any

from livekit.agents import tts
from livekit.plugins import openai

from appliance.config import VoiceConfig
from appliance.context import Context
from appliance.errors import ConfigurationError


def create(section: VoiceConfig, context: Context) -> tts.TTS[Any]:
    """The provider `openai-compatible`.

    Raises:
        ConfigurationError: code not-configured, base_url, model or voice is empty.
    """
    server = section.openai_compatible
    for name in ("base_url", "model", "voice"):
        if not getattr(server, name):
            raise ConfigurationError(
                f"voice.openai_compatible.{name} is empty",
                code="not-configured",
                hint="set it, or take openai-compatible out of voice.provider",
            )
    return openai.TTS(
        base_url=server.base_url,
        model=server.model,
        api_key=server.api_key,
        voice=server.voice,
        speed=1.0 / section.length_scale,
        response_format="wav",  # it names its own sample rate; raw PCM would be taken for 24 kHz
    )
