"""The LiveKit worker: takes the jobs of rooms that were admitted, and has their visits run."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from livekit.agents import AgentServer, JobContext, JobExecutorType, JobRequest

from appliance.admission import Admission, RoomName
from appliance.clock import Clock, monotonic
from appliance.engine import call_on
from appliance.errors import RoomError
from appliance.memory import give_back
from appliance.rooms import Rooms
from appliance.sfu import Sfu
from appliance.visits import Serve, Visits

logger = logging.getLogger(__name__)

AGENT_NAME = "appliance"
"""Jobs are dispatched to this name only; a worker without one would join every room."""

_RESTART_PAUSE_S = 1.0
_VISIT_CLOSE_S = 4.0
_FOREVER = 1_000_000
_LOAD_MAX = 0.99
# Settings of hosted agents and of development mode, which would redirect the worker or send data away.
_UNWANTED = (
    "LIVEKIT_AGENT_DEPLOYMENT",
    "LIVEKIT_AGENT_NAME",
    "LIVEKIT_AGENT_NAME_OVERRIDE",
    "LIVEKIT_DEV_MODE",
    "LIVEKIT_OBSERVABILITY_URL",
    "LIVEKIT_WORKER_TOKEN",
)
_WRITTEN = ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_URL")


class Worker:
    """Registers with livekit-server, again after every loss; used from the daemon's loop."""

    def __init__(self, sfu: Sfu, rooms: Rooms, admission: Admission, serve: Serve, *, clock: Clock = monotonic) -> None:
        """
        Args:
            rooms: deletes a visit's room when it is over, so that nobody is left in it.
            serve: the visit itself.
        """
        self.registered = asyncio.Event()
        self._sfu = sfu
        self._rooms = rooms
        self._admission = admission
        self._clock = clock
        self._visits = Visits(serve, self._ended)
        self._jobs: dict[RoomName, asyncio.Future[str]] = {}
        self._deletions: set[asyncio.Task[None]] = set()
        self._server: AgentServer | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._closing = False

    async def start(self, timeout_s: float = 60.0) -> None:
        """Start the worker and wait until livekit-server knows it.

        Raises:
            RoomError: it was not registered within `timeout_s`.
        """
        self._supervisor = asyncio.create_task(self._supervise(), name="worker-supervisor")
        try:
            async with asyncio.timeout(timeout_s):
                await self.registered.wait()
        except TimeoutError as error:
            raise RoomError("livekit-server did not register the worker", code="not-registered") from error

    async def stop(self, timeout_s: float = 6.0) -> bool:
        """End all visits and the worker; False when a visit did not end in `timeout_s`."""
        self._closing = True
        self.registered.clear()
        until_s = self._clock() + timeout_s
        clean = await self._visits.stop(timeout_s)
        await asyncio.gather(*self._deletions)
        server, self._server = self._server, None
        if server is not None:
            try:
                async with asyncio.timeout(max(until_s - self._clock(), 1.0)):
                    await server.aclose()
            except TimeoutError:
                logger.error("the worker did not end in time")
                clean = False
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        return clean

    def sfu_died(self) -> None:
        """livekit-server is gone and with it every room: end the visits instead of waiting for them to notice."""
        self.registered.clear()
        self._visits.end()

    def reconcile(self) -> None:
        """Free the places of visits that do not run any more, however they ended."""
        for room in self._admission.visiting:
            if room not in self._visits:
                logger.warning("a visit ended without saying so")
                self._free(room)

    async def _supervise(self) -> None:
        with _environment():
            while not self._closing:
                server = self._server = self._build()
                try:
                    await server.run()
                except Exception:
                    logger.exception("worker failed and is started again")
                self.registered.clear()
                await asyncio.sleep(_RESTART_PAUSE_S)

    def _build(self) -> AgentServer:
        server = AgentServer(
            ws_url=self._sfu.url,
            api_key=self._sfu.key,
            api_secret=self._sfu.secret,
            job_executor_type=JobExecutorType.THREAD,
            load_fnc=self._load,
            # Admission decides. With a finite one the worker refuses a second visitor who comes in the same moment.
            load_threshold=math.inf,
            num_idle_processes=1,
            initialize_process_timeout=60.0,
            shutdown_process_timeout=_VISIT_CLOSE_S,
            session_end_timeout=_VISIT_CLOSE_S,
            drain_timeout=5,
            max_retry=_FOREVER,
            host="127.0.0.1",
            port=0,
            http_proxy=None,
        )
        server.rtc_session(self._on_job, agent_name=AGENT_NAME, on_request=self._on_request)
        server.on("worker_registered", self._on_registered)
        return server

    def _on_registered(self, *_: object) -> None:
        if not self._closing:
            self.registered.set()

    def _load(self) -> float:
        """Visitors over capacity, for the choice between several boxes; below 1 always.

        livekit-server weighs a worker by 1 minus this figure, and sends no job to the only worker if its weight is 0.
        It hears of the figure every 2.5 s: a place that somebody has just left would stay empty for as long. Admission
        decides who comes in.
        """
        return min(len(self._visits) / self._admission.capacity, _LOAD_MAX)

    async def _on_request(self, request: JobRequest) -> None:
        if not self._closing and self._admission.accept(RoomName(request.room.name), self._clock()):
            await request.accept(identity=f"agent-{request.id}")
        else:
            logger.warning("job refused: the room is not ours, or its visitor came too late")
            await request.reject(terminate=True)

    async def _on_job(self, context: JobContext) -> None:
        """In the job's thread: hand the room over, and wait until the visit is over."""
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        untyped: Any = context
        untyped._on_connect()  # LiveKit warns of a job that does not connect itself
        info = untyped._info  # it tells the avatar's token nowhere else
        if call_on(self._loop, self._begin, RoomName(context.job.room.name), info.url, info.token, over):
            context.shutdown(await over)

    def _begin(self, name: RoomName, url: str, token: str, over: asyncio.Future[str]) -> None:
        if self._closing or not self._admission.begin(name, self._clock()):
            call_on(over.get_loop(), over.set_result, "the place was lost")
            return
        self._jobs[name] = over
        self._visits.begin(name, url, token)

    def _ended(self, name: RoomName, reason: str) -> None:
        over = self._jobs.pop(name)
        call_on(over.get_loop(), over.set_result, reason)
        self._free(name)

    def _free(self, name: RoomName) -> None:
        self._admission.release(name, self._clock())
        if self._sfu.running and not self._closing:
            deletion = asyncio.create_task(self._clear(name), name="room-deletion")
            self._deletions.add(deletion)
            deletion.add_done_callback(self._deletions.discard)

    async def _clear(self, room: RoomName) -> None:
        await self._rooms.delete(room)
        give_back()


@contextmanager
def _environment() -> Generator[None]:
    """AgentServer reads LIVEKIT_* and writes the secret there: hide what is not ours, restore all of it at the end."""
    kept = {name: os.environ.get(name) for name in (*_UNWANTED, *_WRITTEN)}
    for name in kept:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
