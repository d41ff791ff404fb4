"""Whole conversations with a real box through a real livekit-server, asked by voice, and ended in every way."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jiwer
import pytest

from appliance.errors import RoomError
from appliance.evaluation.box import Box
from appliance.evaluation.questions import of_persona
from appliance.evaluation.visitor import Visitor
from appliance.personas.persona import load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

QUESTIONS = 5
FREE = {"APPLIANCE_SFU__PORT": "0", "APPLIANCE_SFU__UDP_PORT": "0", "APPLIANCE_SFU__TCP_PORT": "0"}

LISTENER = """
import asyncio, sys
from appliance.evaluation.visitor import Visitor
async def main():
    async with Visitor(sys.argv[1]) as visitor:
        assert await visitor.hears(0.0, 30)
        print("heard", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@asynccontextmanager
async def box(persona: str) -> AsyncIterator[Box]:
    arguments = ["-m", "appliance", "serve", "--port", "0", "--no-browser", "--persona", persona]
    async with Box("box", arguments, FREE) as started:
        yield started


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def spoken_since(visitor: Visitor, number: int) -> str:
    """The avatar's captions that came after the first `number` ones."""
    return " ".join(words.text for words in visitor.timeline.words[number:] if not words.by_visitor)


async def greeted(url: str) -> bool:
    """Whether a new visitor gets in and hears the avatar."""
    try:
        async with Visitor(url) as visitor:
            return await visitor.hears(0.0, 20)
    except RoomError:
        return False


@pytest.mark.parametrize("persona", ["host", "clinic"])
async def test_known_questions_asked_by_voice_get_their_approved_answers(persona: str, models: Path) -> None:
    known = {question: entry.answer for entry in load(persona).entries for question in entry.questions}
    questions = of_persona(load(persona), next((models / "voice").glob("*.onnx")), QUESTIONS)
    right = 0
    async with box(persona) as started, Visitor(started.url) as visitor:
        assert await visitor.hears(0.0, 60), "the greeting"
        assert await visitor.silence(1.0, 60), "the greeting is over"
        assert plain(load(persona).greeting) in plain(spoken_since(visitor, 0)), "the greeting is not cut"
        for question in questions:
            before = len(visitor.timeline.words)
            spoken = await visitor.say(question)
            assert await visitor.hears(spoken.last_s, 15), f"no answer to {question.name}"
            assert await visitor.silence(1.5, 60)
            right += jiwer.wer(plain(known[question.name]), plain(spoken_since(visitor, before))) < 0.02
    assert right >= 0.8 * len(questions), f"{right} of {len(questions)} answered word for word"


async def test_a_killed_visitor_leaves_nothing_and_the_next_one_is_served() -> None:
    async with box("host") as started:
        visitor = await asyncio.create_subprocess_exec(
            sys.executable, "-c", LISTENER, started.url, stdout=asyncio.subprocess.PIPE
        )
        assert visitor.stdout is not None
        assert await asyncio.wait_for(visitor.stdout.readline(), 60) == b"heard\n"
        visitor.kill()
        await visitor.wait()
        assert await started.empty(10.0) is not None, "the session was still counted"
        async with Visitor(started.url) as second:
            assert await second.hears(0.0, 30)


async def test_livekit_server_is_killed_while_someone_talks() -> None:
    async with box("host") as started:
        async with Visitor(started.url) as visitor:
            assert await visitor.hears(0.0, 30)
            children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
            servers = [pid for pid in children if "livekit" in Path(f"/proc/{pid}/cmdline").read_text()]
            assert servers, "livekit-server is a child of the daemon"
            for pid in servers:
                os.kill(int(pid), signal.SIGKILL)
        async with asyncio.timeout(60):
            while not await greeted(started.url):
                await asyncio.sleep(0.5)


async def test_stopping_with_a_visitor_talking_takes_ten_seconds_at_most_and_leaves_no_orphan() -> None:
    async with box("host") as started:
        async with Visitor(started.url) as visitor:
            assert await visitor.hears(0.0, 30)
            pid = started.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            assert children
            async with asyncio.timeout(10):
                status = await started.stop()
            assert status == 0
        assert not [child for child in children if Path(f"/proc/{child}").exists()]
