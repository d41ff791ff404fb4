"""The kiosk page in a real browser, with a real box: it shows a moving face, hears speech, and plays the answer."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, async_playwright

from appliance.evaluation.box import Box
from appliance.evaluation.microphone import Recording
from appliance.evaluation.questions import of_persona
from appliance.evaluation.timeline import RATE_HZ
from appliance.personas.persona import load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
GREETED_S = 14.0
"""Silence before the spoken question: the page has joined and the greeting is over."""
PIXELS = """() => {
    const video = document.querySelector('[data-testid=face] video');
    if (!video || !video.videoWidth) return null;
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 64;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 64, 64);
    return Array.from(context.getImageData(0, 0, 64, 64).data);
}"""
MOVED = f"(before) => ({PIXELS})().some((level, place) => Math.abs(level - before[place]) > 5)"
LOUDNESS = """async () => {
    const element = [...document.querySelectorAll('audio, video')].find(
        (one) => one.srcObject && one.srcObject.getAudioTracks().length);
    if (!element || element.paused) return 0;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(element.srcObject).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let loudest = 0;
    for (let i = 0; i < 100; i += 1) {
        await new Promise((done) => setTimeout(done, 20));
        analyser.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, ...samples.map(Math.abs));
    }
    await context.close();
    return loudest;
}"""


CONNECTIONS = """
    window.connections = [];
    const Connection = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Connection {
        constructor(...settings) { super(...settings); window.connections.push(this); }
    };
"""
ONLY_VP8 = """
    const all = RTCRtpReceiver.getCapabilities('video');
    RTCRtpReceiver.getCapabilities = () => ({ ...all, codecs: all.codecs.filter((c) => c.mimeType === 'video/VP8') });
"""
CODEC = """async () => {
    for (const connection of window.connections) {
        const stats = [...(await connection.getStats()).values()];
        const video = stats.find((one) => one.type === 'inbound-rtp' && one.kind === 'video' && one.framesDecoded > 25);
        if (video) return stats.find((one) => one.id === video.codecId).mimeType;
    }
    return null;
}"""

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("no Chromium on this machine")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return path


@pytest.fixture
def question(models: Path) -> Recording:
    voice = next((models / "voice").glob("*.onnx"))
    return of_persona(load("host"), voice, 1)[0]


@pytest.fixture
async def open_page(chromium: str, question: Recording, tmp_path: Path) -> AsyncIterator[OpenPage]:
    """Opens the page of a fresh box, with a script run before its own; the microphone speaks `question` after the
    greeting."""
    microphone = tmp_path / "microphone.wav"
    with wave.open(str(microphone), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        silence = np.zeros(round(GREETED_S * RATE_HZ), np.int16)
        out.writeframes(np.concatenate((silence, question.pcm, silence)).tobytes())
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    free = {"APPLIANCE_SFU__PORT": "0", "APPLIANCE_SFU__UDP_PORT": "0", "APPLIANCE_SFU__TCP_PORT": "0"}
    async with (
        Box("box", ["-m", "appliance", "serve", "--port", "0", "--no-browser"], free) as box,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=chromium, args=flags)

        async def open_page(script: str = "") -> Page:
            context = await browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["microphone"])
            await context.add_init_script(script)
            page = await context.new_page()
            await page.goto(box.url)
            return page

        yield open_page
        await browser.close()


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


async def test_a_visitor_speaks_and_is_answered(open_page: OpenPage, question: Recording) -> None:
    page = await open_page()
    await page.get_by_test_id("start").click(timeout=30_000)
    await page.wait_for_function(f"() => ({PIXELS})() !== null", timeout=30_000)

    before = await page.evaluate(PIXELS)
    assert np.std(before) > 10, "a face, not an empty picture"
    await page.wait_for_function(MOVED, arg=before, timeout=10_000)
    assert await page.evaluate(LOUDNESS) > 0.02, "the greeting is played"

    heard = page.get_by_test_id("caption-user").last
    await heard.wait_for(timeout=40_000)
    await page.wait_for_function(
        "() => document.querySelector('[data-testid=state]').dataset.state === 'speaking'", timeout=30_000
    )
    assert await page.evaluate(LOUDNESS) > 0.02, "the answer is played"
    asked = words(question.name)
    assert len(asked & words(await heard.inner_text())) >= 0.6 * len(asked), "its words are captioned"

    entry = next(e for e in load("host").entries if question.name in e.questions)
    await page.wait_for_function(
        "() => document.querySelector('[data-testid=state]').dataset.state === 'listening'", timeout=60_000
    )
    shown = words(" ".join(await page.get_by_test_id("caption-agent").all_inner_texts()))
    assert len(words(entry.answer) & shown) >= 0.9 * len(words(entry.answer)), "the answer is captioned"
    await page.wait_for_function(MOVED, arg=await page.evaluate(PIXELS), timeout=10_000)


async def test_a_visitor_types_and_ends(open_page: OpenPage) -> None:
    page = await open_page()
    await page.get_by_test_id("start").click(timeout=30_000)
    await page.wait_for_function(
        "() => document.querySelector('[data-testid=state]')?.dataset.state === 'listening'", timeout=60_000
    )
    entry = load("host").entries[5]
    await page.get_by_test_id("text-input").fill(entry.questions[0])
    await page.get_by_test_id("send").click()
    await page.wait_for_function(
        "(text) => [...document.querySelectorAll('[data-testid=caption-agent]')].some("
        "(one) => one.innerText.includes(text))",
        arg=" ".join(entry.answer.split()[:3]),
        timeout=30_000,
    )
    await page.get_by_test_id("end").click()
    await page.get_by_test_id("thanks").wait_for(timeout=10_000)


async def test_the_face_comes_in_the_cheapest_codec_that_the_browser_has(open_page: OpenPage) -> None:
    for script, codec in ((CONNECTIONS, "video/H264"), (CONNECTIONS + ONLY_VP8, "video/VP8")):
        page = await open_page(script)
        await page.get_by_test_id("start").click(timeout=30_000)
        async with asyncio.timeout(30):
            while (received := await page.evaluate(CODEC)) is None:
                await asyncio.sleep(0.2)
        assert received == codec
        assert np.array(await page.evaluate(PIXELS)).std() > 10, "a face, not an empty picture"
        await page.close()
