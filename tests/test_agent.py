"""What the agent makes of failures, of mumbles and of its own voice."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit.agents import Agent, APIError, stt
from livekit.agents.language import LanguageCode

from appliance import agent
from appliance.agent import Host
from appliance.personas.persona import load

PERSONA = dataclasses.replace(load("host"), trouble="Sorry, please say that again.")


def _host(
    *, speaking: bool = False, paused: bool = False, heard_itself: bool = False, heard_another: bool = True
) -> Host:
    output = SimpleNamespace(speaking=lambda: speaking, paused=lambda: paused)
    echo = SimpleNamespace(heard_itself=lambda: heard_itself, heard_another=lambda: heard_another)
    state = SimpleNamespace(mood=lambda mood: None)
    publisher = SimpleNamespace(output=output, echo=echo, state=state)
    return Host(PERSONA, cast("Any", publisher))


def _node(monkeypatch: pytest.MonkeyPatch, name: str, *items: Any) -> None:
    """LiveKit's own node gives these; an exception among them is raised, a number is slept."""

    async def node(*_: Any) -> AsyncGenerator[Any, None]:
        for item in items:
            if isinstance(item, Exception):
                raise item
            if isinstance(item, float):
                await asyncio.sleep(item)
            else:
                yield item

    monkeypatch.setattr(Agent.default, name, node)


async def _all(items: AsyncIterable[Any]) -> list[Any]:
    return [item async for item in items]


async def _reply(host: Host) -> list[Any]:
    return await _all(host.llm_node(cast("Any", None), [], cast("Any", None)))


async def test_a_reply_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _node(monkeypatch, "llm_node", "We open ", "at nine.")
    assert await _reply(_host()) == ["We open ", "at nine."]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((APIError("broken"),), ["Sorry, please say that again."]),
        (("We open", APIError("broken")), ["We open", " Sorry, please say that again."]),
    ],
)
async def test_a_visitor_whose_reply_fails_is_told_so(
    monkeypatch: pytest.MonkeyPatch, made: tuple[Any, ...], said: list[str]
) -> None:
    _node(monkeypatch, "llm_node", *made)
    assert await _reply(_host()) == said


async def test_a_visitor_whose_reply_never_begins_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "_FIRST_WORDS_S", 0.05)
    _node(monkeypatch, "llm_node", 30.0, "too late")
    assert await _reply(_host()) == ["Sorry, please say that again."]


async def test_a_visitor_whose_reply_has_no_voice_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def node(_: Any, text: AsyncIterable[str], __: Any) -> AsyncGenerator[str, None]:
        async for words in text:
            if words != PERSONA.trouble:
                raise APIError("broken")
            yield f"<{words}>"

    async def reply() -> AsyncGenerator[str, None]:
        yield "We open at nine."

    monkeypatch.setattr(Agent.default, "tts_node", node)
    assert await _all(_host().tts_node(reply(), cast("Any", None))) == ["<Sorry, please say that again.>"]


def _event(text: str, confidence: float, *, final: bool = True) -> stt.SpeechEvent:
    data = stt.SpeechData(LanguageCode("en"), text, confidence=confidence)
    kinds = stt.SpeechEventType.PREFLIGHT_TRANSCRIPT, stt.SpeechEventType.FINAL_TRANSCRIPT
    return stt.SpeechEvent(kinds[final], alternatives=[data])


@pytest.mark.parametrize(
    ("event", "host", "passes"),
    [
        (_event("Where is the exit?", 0.9), _host(), True),
        (_event("Where is the exit?", 0.9), _host(speaking=True), True),
        (_event("We open at nine.", 0.9), _host(speaking=True, heard_itself=True), False),
        (_event("Mm-hmm.", 0.9), _host(speaking=True), False),
        (_event("Mm-hmm.", 0.9), _host(), True),
        (_event("MMA Chan", 0.4), _host(speaking=True), False),
        (_event("Stop.", 0.7), _host(speaking=True), True),
    ],
)
async def test_what_is_no_interruption_is_not_heard(
    monkeypatch: pytest.MonkeyPatch, event: stt.SpeechEvent, host: Host, passes: bool
) -> None:
    started = stt.SpeechEvent(stt.SpeechEventType.START_OF_SPEECH)
    _node(monkeypatch, "stt_node", started, event)
    heard = await _all(host.stt_node(cast("Any", None), cast("Any", None)))
    assert [event.type for event in heard] == [started.type, stt.SpeechEventType.FINAL_TRANSCRIPT][: 1 + passes]


@pytest.mark.parametrize(
    ("event", "host", "ends"),
    [
        (_event("Stop.", 0.7), _host(speaking=True, paused=True), True),
        (_event("Stop.", 0.7), _host(speaking=True), False),
        (_event("Stop.", 0.7), _host(speaking=True, paused=True, heard_another=False), True),
        (_event("Stop.", 0.7, final=False), _host(speaking=True, paused=True), True),
        (_event("Stop.", 0.7, final=False), _host(speaking=True, paused=True, heard_another=False), False),
        (_event("Mm-hmm.", 0.9), _host(speaking=True, paused=True), False),
        (stt.SpeechEvent(stt.SpeechEventType.START_OF_SPEECH), _host(speaking=True, paused=True), False),
    ],
)
async def test_what_was_paused_for_words_is_over_before_they_are_handed_on(
    monkeypatch: pytest.MonkeyPatch, event: stt.SpeechEvent, host: Host, ends: bool
) -> None:
    order: list[str] = []

    async def interrupt() -> None:
        await asyncio.sleep(0)
        order.append("over")

    monkeypatch.setattr(Host, "session", SimpleNamespace(interrupt=interrupt))
    _node(monkeypatch, "stt_node", event)
    order += [event.type.value for event in await _all(host.stt_node(cast("Any", None), cast("Any", None)))]
    assert ("over" in order) is ends
    assert order[:1] == ["over"] or not ends
