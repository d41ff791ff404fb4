"""The provider factory: a name in the configuration, a plugin out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit.agents import stt

from appliance.config import Config, EarsConfig
from appliance.context import Context, Engines
from appliance.errors import ConfigurationError
from appliance.personas.persona import load
from appliance.providers import ProviderFactory, warm_up


class Deaf(stt.STT):
    """An STT that hears nothing."""

    def __init__(self, label: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self.name = label

    async def _recognize_impl(self, buffer: object, **_: object) -> stt.SpeechEvent:
        raise NotImplementedError


@pytest.fixture
def context() -> Context:
    return Context(Engines(), {}, load("host"))


@pytest.fixture(autouse=True)
def forget_registrations(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ProviderFactory, "_registered", {"stt": {}, "llm": {}, "tts": {}, "avatar": {}})
    yield


def test_a_provider_is_one_function(context: Context) -> None:
    given: list[tuple[EarsConfig, Context]] = []

    def create(section: EarsConfig, context: Context) -> Deaf:
        given.append((section, context))
        return Deaf("mine")

    ProviderFactory.register_stt_provider("mine", create)
    section = EarsConfig(provider=("mine",))
    made = ProviderFactory(context).create_stt(section)
    assert isinstance(made, Deaf) and made.name == "mine"
    assert given == [(section, context)]


def test_several_providers_fall_back_in_their_order(context: Context) -> None:
    ProviderFactory.register_stt_provider("first", lambda *_: Deaf("first"))
    ProviderFactory.register_stt_provider("second", lambda *_: Deaf("second"))
    made = ProviderFactory(context).create_stt(EarsConfig(provider=("first", "second")))
    assert isinstance(made, stt.FallbackAdapter)
    assert [part.name for part in made._stt_instances if isinstance(part, Deaf)] == ["first", "second"]


def test_the_shipped_providers_are_known() -> None:
    assert ProviderFactory.providers("stt") == ["openai-compatible", "whisper"]
    assert ProviderFactory.providers("llm") == ["llama", "openai-compatible"]
    assert ProviderFactory.providers("tts") == ["openai-compatible", "piper"]
    assert ProviderFactory.providers("avatar") == ["wav2lip"]


@pytest.mark.parametrize("name", ["wisper", "Whisper"])
def test_an_unknown_name_is_answered_with_the_nearest(context: Context, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no stt provider") as told:
        ProviderFactory(context).create_stt(EarsConfig(provider=(name,)))
    assert told.value.code == "unknown-provider"
    assert "whisper" in told.value.hint


def test_warm_up_asks_every_listed_provider(context: Context, tmp_path: Path) -> None:
    asked: list[str] = []
    for register, role in (
        (ProviderFactory.register_stt_provider, "stt"),
        (ProviderFactory.register_llm_provider, "llm"),
        (ProviderFactory.register_tts_provider, "tts"),
        (ProviderFactory.register_avatar_provider, "avatar"),
    ):
        register("mine", lambda *_, role=role: asked.append(role))  # type: ignore[arg-type, return-value]
    config = Config()
    config = dataclasses.replace(
        config,
        **{
            name: dataclasses.replace(getattr(config, name), provider=("mine",))
            for name in ("ears", "mind", "voice", "face")
        },
    )
    warm_up(config, context.engines, {}, context.persona)
    assert asked == ["stt", "llm", "tts", "avatar"]
