"""Engines that raise or hang, and visitors who are silent, deaf or never stop: the box lives and serves the others."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path

import httpx2
import numpy as np
import pytest
from livekit import rtc

from appliance import webrtc
from appliance.bundles.verify import files
from appliance.evaluation.box import Box
from appliance.evaluation.microphone import Recording
from appliance.evaluation.questions import of_persona
from appliance.evaluation.timeline import RATE_HZ, Pcm16
from appliance.evaluation.visitor import Visitor
from appliance.personas.persona import load
from tests.test_conversation import FREE, greeted, plain, spoken_since

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PERSONA = "host"
UNKNOWN = "Which of the seven seas is your favourite?"
PREPARED_S = 60.0
TOLD_S = 40.0


@pytest.mark.parametrize("fault", ["mind-raises", "mind-hangs", "voice-raises", "voice-hangs"])
async def test_a_visitor_is_told_that_something_went_wrong(fault: str, models: Path, tmp_path: Path) -> None:
    assert models
    broken = tmp_path / "broken"
    arguments = [
        "-m",
        "tests.fakes.broken_box",
        fault,
        str(broken),
        "serve",
        "--port",
        "0",
        "--no-browser",
        "--persona",
        PERSONA,
    ]
    trouble = plain(load(PERSONA).trouble)
    async with Box("box", arguments, FREE) as box:
        async with Visitor(box.url) as visitor:
            assert await visitor.hears(0.0, PREPARED_S), "the greeting"
            assert await visitor.silence(1.0, 60)
            broken.touch()
            before = len(visitor.timeline.words)
            sent_s = await visitor.write(UNKNOWN)
            assert await visitor.hears(sent_s + 0.3, TOLD_S), f"nothing was said: {visitor.lost}"
            assert await visitor.silence(1.5, 60)
            assert trouble in plain(spoken_since(visitor, before))
            broken.unlink()
            before = len(visitor.timeline.words)
            sent_s = await visitor.write(UNKNOWN)
            assert await visitor.hears(sent_s + 0.3, TOLD_S), "it is well again"
            assert await visitor.silence(1.5, 60)
            assert trouble not in plain(spoken_since(visitor, before))
        assert await box.empty(10) is not None, "the visitor's place is free"
        assert await greeted(box.url)


async def test_who_says_nothing_gives_the_place_to_who_waits(models: Path) -> None:
    assert models
    variables = {**FREE, "APPLIANCE_SESSION__VISITORS_MAX": "1", "APPLIANCE_SESSION__IDLE_S": "4"}
    serve = ["-m", "appliance", "serve", "--port", "0", "--no-browser"]
    async with Box("box", serve, variables) as box, Visitor(box.url) as silent:
        assert await silent.hears(0.0, PREPARED_S), "the greeting"
        assert await silent.silence(1.0, 60)
        await asyncio.sleep(6.0)
        assert not silent.lost, "nobody waits"
        async with httpx2.AsyncClient(trust_env=False) as client, asyncio.timeout(20.0):
            response = await client.post(f"{box.url}api/token", json={})
            while response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                await asyncio.sleep(0.5)
                ticket = response.json()["queue"]["ticket"]
                response = await client.post(f"{box.url}api/token", json={"ticket": ticket})
        assert response.is_success
        assert silent.lost


async def test_a_client_that_subscribes_to_nothing_and_one_that_never_stops_talking_harm_nobody(models: Path) -> None:
    """Who talks without a pause is heard for a minute at most; whom nothing reaches holds no more than a place."""
    assert models
    spoken = [_without_pauses(question.pcm) for question in of_persona(load(PERSONA), files("nano")["voice"], 4)]
    endless = Recording("endless", np.tile(np.concatenate(spoken), 50)[: 75 * RATE_HZ])
    async with Box("box", ["-m", "appliance", "serve", "--port", "0", "--no-browser"], FREE) as box:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = (await client.post(f"{box.url}api/token", json={})).json()
        webrtc.prepare()
        deaf = rtc.Room()
        await deaf.connect(
            answer["server_url"], answer["participant_token"], options=rtc.RoomOptions(auto_subscribe=False)
        )
        async with Visitor(box.url) as talker, Visitor(box.url) as other:
            for visitor in (talker, other):
                assert await visitor.hears(0.0, PREPARED_S), "the greeting"
                assert await visitor.silence(1.0, 60)
            talking = asyncio.create_task(talker.say(endless))
            sent_s = await other.write(UNKNOWN)
            assert await other.hears(sent_s + 0.3, TOLD_S), "another is answered meanwhile"
            said = await asyncio.wait_for(talking, 100.0)
            assert await talker.hears(said.last_s, TOLD_S), "an answer comes when it is over"
            assert not talker.lost
            assert not other.lost
        await deaf.disconnect()
        assert await box.empty(10) is not None
        assert await greeted(box.url)


def _without_pauses(pcm: Pcm16) -> Pcm16:
    """The loud half of a recording's pieces of 20 ms."""
    n_piece = RATE_HZ // 50
    pieces = pcm[: len(pcm) // n_piece * n_piece].reshape(-1, n_piece)
    level = np.abs(pieces.astype(np.int32)).mean(axis=1)
    return pieces[level > np.median(level)].reshape(-1)
