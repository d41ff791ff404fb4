"""The stock language model in a process of its own: messages in, a reply and the time of its first token out.

llama-cpp-python's high-level class, `create_chat_completion(stream=True)`, asked by one visitor at a time. A second
llama.cpp in our process would change how OpenMP waits in both; here the library's own defaults hold.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from appliance.clock import monotonic
from appliance.errors import LLMError

_CONTEXT_TOKENS = 2048
_OURS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


class StockLLM:
    """One model in its process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, gguf: Path, threads: int) -> StockLLM:
        """Start the process, which loads the model; the first call waits for that."""
        environment = {name: value for name, value in os.environ.items() if name not in _OURS}
        command = (sys.executable, "-m", __name__, str(gguf), str(threads))
        return cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment))

    async def count(self, text: str) -> int:
        """Tokens of a text."""
        return await self._call({"text": text})

    async def ask(self, messages: Sequence[tuple[str, str]], max_tokens: int) -> tuple[str, float]:
        """The reply, greedy, and the milliseconds to its first token."""
        chat = [{"role": role, "content": text} for role, text in messages]
        said, first_ms = await self._call({"messages": chat, "max_tokens": max_tokens})
        return said, first_ms

    async def close(self) -> None:
        """End the process."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _call(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
            return json.loads(await self._process.stdout.readline())
        except (ConnectionResetError, BrokenPipeError, json.JSONDecodeError) as error:
            raise LLMError("the stock language model's process has ended", code="closed") from error


def _serve(gguf: str, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    from llama_cpp import Llama

    llama = Llama(gguf, n_ctx=_CONTEXT_TOKENS, n_threads=threads, n_threads_batch=threads, verbose=False)
    for line in sys.stdin:
        request = json.loads(line)
        reply = (
            len(llama.tokenize(request["text"].encode(), add_bos=False)) if "text" in request else _ask(llama, request)
        )
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def _ask(llama: Any, request: dict[str, Any]) -> tuple[str, float]:
    started_s = monotonic()
    first_s: float | None = None
    said = ""
    stream = llama.create_chat_completion(**request, stream=True, temperature=0.0)
    for part in cast("Iterator[Any]", stream):
        text = part["choices"][0]["delta"].get("content")
        if text:
            first_s = first_s or monotonic() - started_s
            said += text
    return said, round((first_s or monotonic() - started_s) * 1000, 2)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
