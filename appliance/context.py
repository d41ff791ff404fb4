"""What a provider is made from: the engines of this process, the model files, who speaks, and whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.engine import Bridge, Call, ItemT, RequestT, SessionId, TurnId
from appliance.personas.persona import Persona

NOBODY = SessionId("")
"""The session of what no visitor asked for: warming up."""


class Engines:
    """The bridges of this process, one an engine: built on first use, shared by all sessions."""

    def __init__(self) -> None:
        self._bridges: dict[str, Bridge[Any, Any]] = {}
        self._lock = threading.Lock()

    def get(self, name: str, build: Callable[[], Bridge[RequestT, ItemT]]) -> Bridge[RequestT, ItemT]:
        """The bridge called `name`; the first caller builds and starts it."""
        with self._lock:
            if name not in self._bridges:
                self._bridges[name] = build()
                self._bridges[name].start()
            return self._bridges[name]

    @property
    def bridges(self) -> Mapping[str, Bridge[Any, Any]]:
        """Every bridge by name, in the order they were built."""
        return self._bridges

    async def ready(self, timeout_s: float = 120.0) -> None:
        """Wait until every engine is loaded and warm; raises the first failure, an EngineError."""
        for bridge in list(self._bridges.values()):
            await bridge.ready(timeout_s)

    async def prepared(self) -> None:
        """Wait until none has work left that can wait: for who measures, after `ready`."""
        for bridge in list(self._bridges.values()):
            await bridge.prepared()

    def cancel(self, session: SessionId, *, before: TurnId) -> None:
        """Drop what belongs to an older turn of `session`, in every engine."""
        for bridge in list(self._bridges.values()):
            bridge.cancel(session, before=before)

    async def close(self, timeout_s: float = 5.0) -> None:
        """Stop every engine, the last one built first."""
        for bridge in reversed(list(self._bridges.values())):
            await bridge.close(timeout_s)


class TurnCounter:
    """The number of a session's turn; a barge-in or a new question raises it."""

    def __init__(self) -> None:
        self.current = TurnId(0)

    def raise_(self) -> TurnId:
        """Begin the next turn."""
        self.current = TurnId(self.current + 1)
        return self.current


@dataclass(frozen=True, slots=True)
class Context:
    """What a provider's factory function is given beside its own section of the configuration."""

    engines: Engines
    """The engines of this process."""
    files: Mapping[str, Path]
    """Verified model files: role of the manifest (ears, mind, voice, embedding, face, avatar) -> folder or file."""
    persona: Persona
    """Who speaks."""
    session: SessionId = NOBODY
    """The visitor's session."""
    turn: TurnCounter = field(default_factory=TurnCounter)
    """Its turn now."""

    def call(self, deadline_s: float = 30.0) -> Call:
        """A Call of this session's turn now."""
        return Call(self.session, self.turn.current, deadline_s)
