"""A daemon without models, server or worker: what it answers is what a test sets."""

from __future__ import annotations

from appliance.admission import Ticket
from appliance.config import Config
from appliance.daemon import Readiness, Stage
from appliance.engine import EngineState
from appliance.personas.persona import Persona, load
from appliance.rooms import Invitation

LOADING = Readiness(
    False, 0.4, (Stage("models", EngineState.READY, 0.8), Stage("ears", EngineState.LOADING, 1.2)), None
)
READY = Readiness(True, 1.0, (Stage("models", EngineState.READY, 0.8), Stage("ears", EngineState.READY, 2.5)), None)


class FakeDaemon:
    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.readiness = READY
        self.persona: Persona | None = load("clinic")
        self.portrait: bytes | None = None
        self.refusal: Exception | None = None
        self.invited = 0
        self.tickets: list[Ticket | None] = []
        self.decodes: list[str] = []

    async def invite(self, ticket: Ticket | None = None, *, decodes: str = "") -> Invitation:
        self.tickets.append(ticket)
        self.decodes.append(decodes)
        if self.refusal is not None:
            raise self.refusal
        self.invited += 1
        return Invitation("ws://127.0.0.1:7880", f"token-{self.invited}")
