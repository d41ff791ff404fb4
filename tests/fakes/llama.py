"""A language model without a model: same interface as LlamaEngine, a scripted reply, a word a round."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator

from appliance.engine import SessionId
from appliance.errors import LLMError
from appliance.mind.llama import ChatRequest, MindItem, MindRequest, ReleaseRequest, ReplyEnd

Script = Callable[[ChatRequest], str | Iterator[str]]


def echo(request: ChatRequest) -> str:
    """Says what was asked last."""
    return f"You said: {request.messages[-1][1]}"


def endless(_request: ChatRequest) -> Iterator[str]:
    """Never stops by itself."""
    while True:
        yield "and so on "


class FakeLlama:
    """Replies by `script`, one word for each `advance`; obeys max_tokens (words), stop strings and closing."""

    def __init__(self, script: Script = echo, *, fails: LLMError | None = None) -> None:
        self.script = script
        self.fails = fails
        self.requests: list[ChatRequest] = []
        self.released: list[SessionId] = []
        self.running: set[int] = set()
        self.cancelled = 0
        self.loaded = self.warm = self.closed = False
        self._rounds = 0
        self._changed = threading.Condition()

    def load(self) -> None:
        self.loaded = True

    def warm_up(self) -> None:
        assert self.loaded
        self.warm = True

    def generate(self, request: MindRequest) -> Iterator[MindItem | None]:
        assert self.loaded and not self.closed
        if isinstance(request, ReleaseRequest):
            self._note(lambda: self.released.append(request.session))
            return
        self._note(lambda: self.requests.append(request))
        if self.fails is not None:
            raise self.fails
        number = len(self.requests)
        self._note(lambda: self.running.add(number))
        complete = False
        try:
            yield from self._reply(request)
            complete = True
        finally:
            self.cancelled += not complete
            self._note(lambda: self.running.remove(number))

    def wait_for(self, condition: Callable[[], object], timeout_s: float = 5.0) -> bool:
        """Wait, on any other thread, until what is recorded here fulfils `condition`."""
        with self._changed:
            return bool(self._changed.wait_for(condition, timeout_s))

    def _note(self, change: Callable[[], object]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def advance(self) -> None:
        """One word for everyone who is being answered."""
        self._rounds += 1

    def close(self) -> None:
        self.closed = True

    def _reply(self, request: ChatRequest) -> Iterator[MindItem | None]:
        n_prompt = sum(len(text.split()) for _, text in request.messages)
        said, n = "", 0
        if request.max_tokens:
            script = self.script(request)
            for word in re.findall(r"\s*\S+\s*", script) if isinstance(script, str) else script:
                if n == request.max_tokens:
                    yield ReplyEnd(n_prompt, 0, n, "length")
                    return
                yield from self._next_round()
                said, n = said + word, n + 1
                if any(stop in said for stop in request.stop):
                    break
                yield word
        yield ReplyEnd(n_prompt, 0, n, "stop")

    def _next_round(self) -> Iterator[None]:
        now = self._rounds
        while self._rounds == now:
            yield None
