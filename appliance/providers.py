"""ProviderFactory: a section of the configuration in, a LiveKit plugin instance out.

A provider is one function `create(section, context)`. It is found by its name, among the entry points `appliance.stt`,
`appliance.llm`, `appliance.tts` and `appliance.avatar`, and among those registered by `register_*_provider`. A section
that lists several providers gets LiveKit's FallbackAdapter over them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, cast

from livekit.agents import llm, stt, tts, vad

from appliance.config import Config, EarsConfig, FaceConfig, MindConfig, VoiceConfig
from appliance.context import Context, Engines
from appliance.errors import ConfigurationError
from appliance.personas.persona import Persona
from appliance.stage.output import Face

STTProvider = Callable[[EarsConfig, Context], stt.STT[Any]]
LLMProvider = Callable[[MindConfig, Context], llm.LLM[Any]]
TTSProvider = Callable[[VoiceConfig, Context], tts.TTS[Any]]
AvatarProvider = Callable[[FaceConfig, Context], Face]


class ProviderFactory:
    """Makes the plugins of one session; the engines behind them are shared through the context."""

    _registered: ClassVar[dict[str, dict[str, Callable[..., Any]]]] = {"stt": {}, "llm": {}, "tts": {}, "avatar": {}}

    def __init__(self, context: Context, *, voice_activity: vad.VAD | None = None) -> None:
        """
        Args:
            voice_activity: the session's VAD, which a fall-back between STT providers needs.
        """
        self._context = context
        self._voice_activity = voice_activity

    @classmethod
    def register_stt_provider(cls, name: str, factory: STTProvider) -> None:
        """Make `factory` the STT provider called `name`; it wins over an entry point of that name."""
        cls._registered["stt"][name] = factory

    @classmethod
    def register_llm_provider(cls, name: str, factory: LLMProvider) -> None:
        """Make `factory` the LLM provider called `name`."""
        cls._registered["llm"][name] = factory

    @classmethod
    def register_tts_provider(cls, name: str, factory: TTSProvider) -> None:
        """Make `factory` the TTS provider called `name`."""
        cls._registered["tts"][name] = factory

    @classmethod
    def register_avatar_provider(cls, name: str, factory: AvatarProvider) -> None:
        """Make `factory` the avatar provider called `name`."""
        cls._registered["avatar"][name] = factory

    @classmethod
    def providers(cls, role: str) -> list[str]:
        """Names of all providers of a role: stt, llm, tts or avatar."""
        return sorted({*cls._registered[role], *entry_points(group=f"appliance.{role}").names})

    def create_stt(self, config: EarsConfig) -> stt.STT[Any]:
        """Raises ConfigurationError (unknown-provider) when a listed name is not known."""
        made = [cast("stt.STT[Any]", p(config, self._context)) for p in self.find("stt", config.provider)]
        return made[0] if len(made) == 1 else stt.FallbackAdapter(made, vad=self._voice_activity)

    def create_llm(self, config: MindConfig) -> llm.LLM[Any]:
        """Raises ConfigurationError (unknown-provider) when a listed name is not known."""
        made = [cast("llm.LLM[Any]", p(config, self._context)) for p in self.find("llm", config.provider)]
        return made[0] if len(made) == 1 else llm.FallbackAdapter(made)

    def create_tts(self, config: VoiceConfig) -> tts.TTS[Any]:
        """Raises ConfigurationError (unknown-provider) when a listed name is not known."""
        made = [cast("tts.TTS[Any]", p(config, self._context)) for p in self.find("tts", config.provider)]
        return made[0] if len(made) == 1 else tts.FallbackAdapter(made)

    def create_avatar(self, config: FaceConfig) -> Face:
        """The first provider listed that can be made; a face has no fall-back while it speaks."""
        return cast("Face", self.find("avatar", config.provider)[0](config, self._context))

    @classmethod
    def find(cls, role: str, names: tuple[str, ...]) -> list[Callable[..., Any]]:
        """The factory functions of a role's providers, in the order of `names`; raises ConfigurationError."""
        found: list[Callable[..., Any]] = []
        for name in names:
            if name in cls._registered[role]:
                found.append(cls._registered[role][name])
                continue
            points = entry_points(group=f"appliance.{role}", name=name)
            if not points:
                known = cls.providers(role)
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                raise ConfigurationError(
                    f"there is no {role} provider called {name!r}",
                    code="unknown-provider",
                    hint=f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}",
                )
            found.append(next(iter(points)).load())
        return found


def warm_up(config: Config, engines: Engines, files: Mapping[str, Path], persona: Persona) -> None:
    """Build and start the engine of every configured provider; `engines.ready()` waits for them.

    Raises:
        ConfigurationError: a provider is not known or lacks a setting.
    """
    context = Context(engines, files, persona)
    sections = (("stt", config.ears), ("llm", config.mind), ("tts", config.voice), ("avatar", config.face))
    for role, section in sections:
        for create in ProviderFactory.find(role, section.provider):
            create(section, context)
