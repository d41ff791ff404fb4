"""The daemon: settings go in; a box that serves visitors comes out. Its start order, readiness and stop order.

    persona -> model files verified -> engines loading, livekit-server -> engines warm -> worker registered -> ready

Stopping goes the other way round, under one deadline. It knows nothing of HTTP: whoever serves that asks `readiness`
and `invite`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from appliance import webrtc
from appliance.admission import Admission, RoomName, Ticket, Waiting
from appliance.capacity import Capacity, in_force, read
from appliance.clock import Clock, monotonic
from appliance.config import Config
from appliance.context import Engines
from appliance.engine import EngineState
from appliance.errors import AgentError, RoomError
from appliance.ladder import Ladder, Step
from appliance.metrics import tokens_issued
from appliance.personas.persona import Persona
from appliance.sfu import Sfu

if TYPE_CHECKING:  # seconds of imports, which must not hold up the first answer to /healthz
    from appliance.rooms import Invitation, Rooms
    from appliance.visits import Serve
    from appliance.worker import Worker

logger = logging.getLogger(__name__)

_MODELS, _SERVER, _AGENT = "models", "server", "agent"
_ENGINES_SHARE = 0.7
"""Part of the start that loading the engines takes, of 1; the other three stages share the rest."""
_SOON_S = 2


class NoPlace(RoomError):
    """No visitor can come in now; codes busy, queue-full and starting."""

    def __init__(self, message: str, *, code: str, retry_after_s: int, waiting: Waiting | None = None) -> None:
        """
        Args:
            waiting: where in the queue this visitor stands.
        """
        with_ticket = " with the ticket" if waiting is not None else ""
        super().__init__(message, code=code, hint=f"ask again in {retry_after_s} s{with_ticket}")
        self.retry_after_s = retry_after_s
        self.waiting = waiting


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the start."""

    name: str
    """models, server, agent, or an engine's name."""
    state: EngineState
    """Where it is."""
    seconds: float
    """How long it took, or has taken so far."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether visitors can come in, and if not, how far the start is."""

    ready: bool
    """A token can be had, unless the box is busy."""
    progress: float
    """Share of the start that is done, 0 to 1."""
    stages: tuple[Stage, ...]
    """Every step, in the order it begins."""
    failure: AgentError | None
    """Why the start failed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the daemon is composed of; tests put their own here."""

    persona: Callable[[str], Persona]
    """Loads a persona by its name or path."""
    files: Callable[[str], Mapping[str, Path]]
    """Verifies a manifest's files; blocking."""
    warm_up: Callable[[Config, Engines, Mapping[str, Path], Persona], None]
    """Starts the engines of all configured providers; blocking."""
    serve: Callable[[Config, Engines, Mapping[str, Path], Persona, Daemon], Serve]
    """Makes the function that serves one visit, which asks the daemon how many there are; blocking."""
    prepare: Callable[[Engines, Persona, Callable[[], bool]], Coroutine[None, None, None]] | None = None
    """Has ready beforehand what the persona is known to say, while the last argument says that nobody is there."""
    capacity: Callable[[Config], Capacity | None] = lambda _: None
    """What was measured of this machine; blocking."""


@dataclass(slots=True)
class _Step:
    state: EngineState = EngineState.WAITING
    began_s: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class _Steps:
    """The daemon's own stages; the engines keep theirs."""

    models: _Step = field(default_factory=_Step)
    server: _Step = field(default_factory=_Step)
    agent: _Step = field(default_factory=_Step)


class Daemon:
    """Owns everything that lives as long as the process; used from one event loop."""

    def __init__(self, config: Config, *, parts: Parts | None = None, clock: Clock = monotonic) -> None:
        self.config = config
        self.persona: Persona | None = None
        self.failure: AgentError | None = None
        self.engines = Engines()
        self.admission = self._admission(None)
        self.sfu = Sfu(config.sfu, on_exit=self._sfu_died, clock=clock)
        self._parts = parts or _real_parts()
        self._clock = clock
        self._steps = _Steps()
        self._engines_began_s: float | None = None
        self._worker: Worker | None = None
        self._rooms: Rooms | None = None
        self._janitor: asyncio.Task[None] | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._reserved = asyncio.Event()
        self._stopping = False

    async def start(self) -> None:
        """Start everything; `readiness` tells how far it is meanwhile.

        Raises:
            AgentError: what is wrong with the settings, the model files, an engine or livekit-server.
        """
        try:
            await self._start()
        except AgentError as error:
            self.failure = error
            raise

    async def _start(self) -> None:
        config, parts = self.config, self._parts
        self.persona = persona = parts.persona(config.session.persona)
        with self._step(self._steps.models):
            files = dict(await asyncio.to_thread(parts.files, config.models.manifest))
        self.admission = self._admission(await asyncio.to_thread(parts.capacity, config))
        self._engines_began_s = self._clock()
        with self._step(self._steps.server):
            await self.sfu.start()
        await asyncio.to_thread(parts.warm_up, config, self.engines, files, persona)
        await self.engines.ready()
        with self._step(self._steps.agent):
            serve = await asyncio.to_thread(parts.serve, config, self.engines, files, persona, self)
            await asyncio.to_thread(_import_livekit)
            self._worker, self._rooms = _join(self.sfu, self.admission, serve, self._clock)
            await self._worker.start()
        self._janitor = asyncio.create_task(self._clear_no_shows(), name="no-shows")
        if parts.prepare is not None:
            prepare = parts.prepare(self.engines, persona, lambda: bool(self.admission.taken(self._clock())))
            self._preparing = asyncio.create_task(prepare, name="prepare")
        logger.info("ready for visitors", extra={"visitors_max": self.admission.capacity})

    async def stop(self, deadline_s: float = 9.0) -> bool:
        """Stop everything, the last thing started first; False when something had to be left behind.

        Args:
            deadline_s: seconds for all of it.
        """
        self._stopping = True
        until_s = self._clock() + deadline_s
        tasks = [task for task in (self._janitor, self._preparing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        clean = True
        if self._worker is not None:
            clean = await self._worker.stop(deadline_s * 2 / 3)
        await self.sfu.stop(deadline_s / 6)
        try:
            async with asyncio.timeout(max(until_s - self._clock(), 0.1)):
                await self.engines.close(2.0)
        except TimeoutError:
            clean = False
        clean = clean and all(b.state in _ENDED for b in self.engines.bridges.values())
        logger.info("stopped", extra={"clean": clean})
        return clean

    @property
    def portrait(self) -> bytes | None:
        """The face at rest, PNG; None while it is not loaded, or where a provider has none."""
        face = self.engines.bridges.get("face")
        return getattr(face.engine, "portrait", None) if face and face.state is EngineState.READY else None

    @property
    def readiness(self) -> Readiness:
        """How far the start is, and whether visitors can come in."""
        stages = tuple(self._stages())
        engines = [stage for stage in stages if stage.name not in (_MODELS, _SERVER, _AGENT)]
        own = [stage for stage in stages if stage not in engines]
        done = _share(engines) if engines else float(self._steps.agent.state is EngineState.READY)
        progress = _ENGINES_SHARE * done + (1 - _ENGINES_SHARE) * _share(own)
        ready = not self._stopping and all(stage.state is EngineState.READY for stage in stages)
        return Readiness(ready, round(progress, 3), stages, self.failure)

    def step(self) -> Step:
        """What every session shows now; asked from any thread, as often as once a picture."""
        return self._ladder.step(self._clock())

    def awaited(self) -> bool:
        """Whether somebody waits for a place; asked from any thread."""
        return self.admission.waiting(self._clock()) > 0

    async def invite(self, ticket: Ticket | None = None, *, decodes: str = "") -> Invitation:
        """A room of one's own and the token to it, for one more visitor.

        Args:
            ticket: keeps the place in the queue that an earlier NoPlace told.
            decodes: video codecs that the visitor's client decodes, as `codec.known` gives them.
        Raises:
            NoPlace: codes busy, queue-full and starting.
            RoomError: livekit-server did not create the room.
        """
        if self._rooms is None or self._worker is None or not self.readiness.ready:
            tokens_issued.labels("starting").inc()
            raise NoPlace("the box is starting", code="starting", retry_after_s=_SOON_S)
        self._worker.reconcile()
        from appliance.rooms import random_name

        room, now_s = RoomName(random_name()), self._clock()
        if (waiting := self.admission.enter(room, now_s, ticket)) is not None:
            tokens_issued.labels("busy").inc()
            raise _refusal(waiting)
        self._reserved.set()
        session = self.config.session
        try:
            await self._rooms.create(room, empty_timeout_s=session.no_show_s)
        except BaseException:
            self.admission.release(room, self._clock())
            tokens_issued.labels("failed").inc()
            raise
        tokens_issued.labels("issued").inc()
        return self._rooms.invite(room, ttl_s=session.token_ttl_s, decodes=decodes)

    def _admission(self, measured: Capacity | None) -> Admission:
        session, fps = self.config.session, self.config.face.fps
        capacity = in_force(measured, session.visitors_max, fps)
        self._ladder = Ladder(capacity.rungs)
        return Admission(capacity.connected, session.no_show_s, ladder=self._ladder)

    def _stages(self) -> Generator[Stage]:
        yield self._stage(_MODELS, self._steps.models)
        for name, bridge in self.engines.bridges.items():
            loading = bridge.state is EngineState.LOADING and self._engines_began_s is not None
            seconds = self._clock() - (self._engines_began_s or 0.0) if loading else bridge.load_s
            yield Stage(name, bridge.state, round(seconds, 2))
        yield self._stage(_SERVER, self._steps.server)
        yield self._stage(_AGENT, self._steps.agent)

    def _stage(self, name: str, step: _Step) -> Stage:
        state = step.state
        if state is EngineState.READY and not self._connected(name):
            state = EngineState.LOADING
        loading = step.state is EngineState.LOADING
        return Stage(name, state, round(self._clock() - step.began_s if loading else step.seconds, 2))

    def _connected(self, name: str) -> bool:
        """livekit-server may die and the worker lose it: then both are on their way back."""
        if name == _SERVER:
            return self.sfu.running
        return name != _AGENT or (self._worker is not None and self._worker.registered.is_set())

    @contextmanager
    def _step(self, step: _Step) -> Generator[None]:
        step.state, step.began_s = EngineState.LOADING, self._clock()
        try:
            yield
        except BaseException:
            step.state = EngineState.FAILED
            raise
        finally:
            step.seconds = self._clock() - step.began_s
        step.state = EngineState.READY

    def _sfu_died(self) -> None:
        if self._worker is not None:
            self._worker.sfu_died()

    async def _clear_no_shows(self) -> None:
        """Delete the rooms whose visit did not begin in time, so that nobody waits in one without an agent."""
        assert self._rooms is not None
        while True:
            self._reserved.clear()
            wait_s = self.admission.next_expiry_s - self._clock()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s if wait_s < 1e6 else None):
                    await self._reserved.wait()
            for room in self.admission.expire(self._clock()):
                logger.info("a visitor did not come")
                await self._rooms.delete(room)


def _refusal(waiting: Waiting) -> NoPlace:
    if waiting.ticket is None:
        message = "so many are waiting that the queue is full"
        return NoPlace(message, code="queue-full", retry_after_s=waiting.retry_after_s)
    message = f"all places are taken: you are number {waiting.place} in the queue"
    return NoPlace(message, code="busy", retry_after_s=waiting.retry_after_s, waiting=waiting)


_ENDED = (EngineState.WAITING, EngineState.FAILED, EngineState.CLOSED)


def _share(stages: list[Stage]) -> float:
    return sum(stage.state is EngineState.READY for stage in stages) / len(stages) if stages else 0.0


def _import_livekit() -> None:
    webrtc.prepare()
    importlib.import_module("appliance.rooms")
    importlib.import_module("appliance.worker")


def _join(sfu: Sfu, admission: Admission, serve: Serve, clock: Clock) -> tuple[Worker, Rooms]:
    from appliance.rooms import Rooms
    from appliance.worker import AGENT_NAME, Worker

    rooms = Rooms(sfu, agent_name=AGENT_NAME)
    return Worker(sfu, rooms, admission, serve, clock=clock), rooms


def _real_parts() -> Parts:
    """The real ones; each is imported where it is first called, off the loop's thread if it takes long."""
    from appliance.bundles.verify import files
    from appliance.personas.persona import load

    return Parts(persona=load, files=files, warm_up=_warm_up, serve=_serve, prepare=_prepare, capacity=read)


def _warm_up(config: Config, engines: Engines, files: Mapping[str, Path], persona: Persona) -> None:
    from appliance.providers import warm_up

    warm_up(config, engines, files, persona)


async def _prepare(engines: Engines, persona: Persona, busy: Callable[[], bool]) -> None:
    from appliance.voice.plugin import prepare_speech

    await prepare_speech(engines, persona, busy)


def _serve(config: Config, engines: Engines, files: Mapping[str, Path], persona: Persona, crowd: Daemon) -> Serve:
    from appliance.session import Invited, Record, Visit, serve_visit

    def on_end(record: Record) -> None:
        logger.info(
            "visit ended",
            extra={"reason": record.reason, "seconds": round(record.seconds, 1), "turns": len(record.turns)},
        )

    visit = Visit(config, engines, files, persona, on_end, crowd)

    async def serve(invited: Invited) -> str:
        return await serve_visit(invited, visit)

    return serve
