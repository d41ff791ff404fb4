"""A server on loopback that speaks OpenAI's HTTP API: transcriptions, streamed chat, speech. It notes what is asked."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiohttp import web


class OpenAIServer:
    """Answers every request; `fail_with` makes it answer that HTTP status instead."""

    def __init__(self) -> None:
        self.base_url = ""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.fail_with = 0
        self.words = ["We ", "are ", "open ", "until ", "six."]
        self.rate_hz = 16_000

    @asynccontextmanager
    async def running(self) -> AsyncIterator[OpenAIServer]:
        app = web.Application()
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        app.router.add_post("/v1/audio/speech", self._speak)
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _note(self, request: web.Request, asked: dict[str, Any]) -> web.Response | None:
        self.asked.append(asked)
        self.keys.append(request.headers.get("Authorization", ""))
        if self.fail_with:
            return web.json_response({"error": {"message": "no", "type": "test"}}, status=self.fail_with)
        return None

    async def _transcribe(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        with wave.open(io.BytesIO(file.file.read())) as sound:
            audio = {"rate_hz": sound.getframerate(), "n_samples": sound.getnframes()}
        asked = {name: value for name, value in form.items() if isinstance(value, str)}
        return self._note(request, asked | audio) or web.json_response({"text": "what time is it"})

    async def _speak(self, request: web.Request) -> web.Response:
        if failed := self._note(request, await request.json()):
            return failed
        tone = (8000 * np.sin(np.arange(self.rate_hz) * 2 * np.pi * 220 / self.rate_hz)).astype("<i2")
        body = io.BytesIO()
        with wave.open(body, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(self.rate_hz)
            sound.writeframes(tone.tobytes())
        return web.Response(body=body.getvalue(), content_type="audio/wav")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if failed := self._note(request, await request.json()):
            return failed
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for index, word in enumerate(self.words):
            delta = {"content": word} | ({"role": "assistant"} if index == 0 else {})
            await self._send(response, {"index": 0, "delta": delta, "finish_reason": None})
        await self._send(response, {"index": 0, "delta": {}, "finish_reason": "stop"})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _send(self, response: web.StreamResponse, choice: dict[str, Any]) -> None:
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
