"""Ears on another machine of the LAN: any server that speaks OpenAI's transcription API. Off unless configured."""

from __future__ import annotations

from typing import Any

from livekit.agents import stt
from livekit.plugins import openai

from appliance.config import EarsConfig
from appliance.context import Context
from appliance.errors import ConfigurationError


def create(section: EarsConfig, context: Context) -> stt.STT[Any]:
    """The provider `openai-compatible`; it hears whole utterances, which the session's VAD cuts.

    Raises:
        ConfigurationError: code not-configured, base_url or model is empty.
    """
    server = section.openai_compatible
    for name in ("base_url", "model"):
        if not getattr(server, name):
            raise ConfigurationError(
                f"ears.openai_compatible.{name} is empty",
                code="not-configured",
                hint="set it, or take openai-compatible out of ears.provider",
            )
    return _ClosingSTT(
        base_url=server.base_url,
        model=server.model,
        api_key=server.api_key,
        language=section.language,
        use_realtime=False,
    )


class _ClosingSTT(openai.STT):
    """LiveKit's own leaves its HTTP connections open when it is closed, one visitor after the other."""

    async def aclose(self) -> None:
        await super().aclose()
        await self._client.close()
