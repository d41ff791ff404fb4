"""The one bridge between asyncio and an engine's thread: requests of all sessions go in, items come out when made.

An engine is a plain blocking class: `load()`, `warm_up()`, one verb (a generator function: request -> items) and
`close()`. Its one thread steps the generators of all requests in turn, so a long request never holds up a short one.
A generator may yield None: nothing yet, step me again. An engine that batches also has `advance()`: one round of work
shared by every generator that has begun, called once before they are stepped. Closing a generator cancels its request.
One that has work which can wait also has `prepare()`: a step of it, done while there is nothing else to do, which gives
False when none is left.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NewType, Protocol, TypeVar, cast

from appliance.clock import Clock, monotonic
from appliance.errors import EngineError
from appliance.metrics import engine_call_seconds, engine_calls, engine_queue_depth

logger = logging.getLogger(__name__)

SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", int)

RequestT = TypeVar("RequestT")
ItemT = TypeVar("ItemT")
StreamRequestT_contra = TypeVar("StreamRequestT_contra", contravariant=True)
StreamItemT_co = TypeVar("StreamItemT_co", covariant=True)


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: object) -> bool:
    """Run `callback(*args)` soon on another thread's loop; False when that loop has closed, and nobody is there."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        return False
    return True


class Engine(Protocol):
    """What the bridge calls, always on the engine's own thread."""

    def load(self) -> None: ...
    def warm_up(self) -> None: ...
    def close(self) -> None: ...


class EngineState(StrEnum):
    WAITING = "waiting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Call:
    """Whose request this is, and until when its answer is worth anything."""

    session: SessionId
    """The visitor's session."""
    turn: TurnId
    """The turn it belongs to; `Bridge.cancel` drops what belongs to an older one."""
    deadline_s: float = 30.0
    """Seconds from the call to its last item; after that it fails with deadline-exceeded."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one bridge."""

    waiting: int = 32
    """Requests not begun; one more is refused with `overloaded`."""
    active: int = 1
    """Requests stepped in the same round."""
    items: int = 64
    """Items made and not yet taken, per request; a request with more is not stepped until they are."""


class _Job(Generic[RequestT, ItemT]):
    """One request on its way: shared by the caller's loop and the engine's thread, guarded by the bridge's lock."""

    def __init__(self, request: RequestT, call: Call, started_s: float) -> None:
        self.request = request
        self.call = call
        self.started_s = started_s
        self.items: deque[ItemT] = deque()
        self.generator: Iterator[ItemT | None] | None = None
        self.error: EngineError | None = None
        self.finished = False
        self.dropped = False
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """Nobody waits for it, or it has its answer."""
        return self.dropped or self.finished

    def notify(self) -> None:
        """Wake the caller, from any thread."""
        if not call_on(self._loop, self._changed.set):
            self.dropped = True

    async def changed(self, timeout_s: float) -> bool:
        """Wait for `notify`; False when `timeout_s` passed first."""
        try:
            async with asyncio.timeout(max(timeout_s, 0.0)):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def close_generator(self) -> None:
        """Cancel what it has begun; an engine that fails to release it must not take the others down."""
        generator, self.generator = self.generator, None
        close = getattr(generator, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception:
            logger.exception("engine could not release a request", extra={"turn": self.call.turn})


class Streams(Protocol[StreamRequestT_contra, StreamItemT_co]):
    """What a plugin needs of a bridge."""

    def stream(self, request: StreamRequestT_contra, call: Call) -> AsyncIterator[StreamItemT_co]: ...
    def cancel(self, session: SessionId, *, before: TurnId) -> None: ...


class Bridge(Generic[RequestT, ItemT]):
    """Owns one engine and its thread; callable from any event loop."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        verb: Callable[[RequestT], Iterator[ItemT | None]],
        *,
        limits: Limits | None = None,
        error: type[EngineError] = EngineError,
        clock: Clock = monotonic,
    ) -> None:
        """
        Args:
            name: the thread's name and the metrics' label: ears, mind, voice or face.
            verb: the engine's generator method.
            error: what an exception of the engine is wrapped in.
        """
        self.name = name
        self.state = EngineState.WAITING
        self.failure: EngineError | None = None
        self.load_s = 0.0
        self.engine = engine
        self._verb = verb
        self._limits = limits or Limits()
        self._error = error
        self._clock = clock
        self._advance = cast("Callable[[], None] | None", getattr(engine, "advance", None))
        self._prepare = cast("Callable[[], bool] | None", getattr(engine, "prepare", None))
        self._prepared = threading.Event()
        self._lock = threading.Condition()
        self._waiting: deque[_Job[RequestT, ItemT]] = deque()
        self._active: list[_Job[RequestT, ItemT]] = []
        self._open: set[_Job[RequestT, ItemT]] = set()
        self._closing = False
        self._loaded = False
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)

    # ---- the caller's side

    def start(self) -> None:
        """Start the thread, which loads the model and warms it up; `ready` waits for that."""
        self.state = EngineState.LOADING
        self._thread.start()

    async def ready(self, timeout_s: float = 120.0) -> None:
        """Wait until the engine is loaded and warm.

        Raises:
            EngineError: it could not be loaded, or not within `timeout_s`.
        """
        loaded = asyncio.Event()
        waiter = (asyncio.get_running_loop(), loaded)
        with self._lock:
            if self._loaded:
                loaded.set()
            self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await loaded.wait()
        except TimeoutError as error:
            raise self._error(
                f"the {self.name} engine did not load in {timeout_s:.0f} s", code="deadline-exceeded"
            ) from error
        finally:
            with self._lock:
                self._waiters.remove(waiter)
        if self.failure is not None:
            raise self.failure

    async def prepared(self, timeout_s: float = 60.0) -> None:
        """Wait, after `ready`, until the work that can wait is done as well: for who measures."""
        if self._prepare is not None:
            await asyncio.to_thread(self._prepared.wait, timeout_s)

    async def stream(self, request: RequestT, call: Call) -> AsyncIterator[ItemT]:
        """Run one request and yield its items as they are made; closing the iterator cancels the request.

        Raises:
            EngineError: codes overloaded, deadline-exceeded, cancelled (an older turn), out-of-memory,
                inference-failed, closed.
        """
        job = self._submit(request, call)
        try:
            while (item := await self._next(job)) is not None:
                yield item
        finally:
            with self._lock:
                job.dropped = True
                self._open.discard(job)
                self._lock.notify()
            engine_call_seconds.labels(self.name).observe(self._clock() - job.started_s)

    def cancel(self, session: SessionId, *, before: TurnId) -> None:
        """Drop every request of `session` whose turn is older than `before`; its caller gets the code cancelled."""
        with self._lock:
            for job in self._open:
                if job.call.session == session and job.call.turn < before:
                    self._finish(job, self._error("the turn is over", code="cancelled", hint=""))
            self._lock.notify()

    async def close(self, timeout_s: float = 5.0) -> bool:
        """Stop the thread and close the engine; False when it did not end in `timeout_s` (it is then left behind)."""
        with self._lock:
            self._closing = True
            self._lock.notify()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, timeout_s)
        if self._thread.is_alive():
            logger.error("engine thread did not end in time", extra={"engine": self.name})
            return False
        return True

    def _submit(self, request: RequestT, call: Call) -> _Job[RequestT, ItemT]:
        job: _Job[RequestT, ItemT] = _Job(request, call, self._clock())
        with self._lock:
            if self._closing or self.state in (EngineState.CLOSED, EngineState.FAILED):
                raise self.failure or self._error(f"the {self.name} engine is closed", code="closed")
            if len(self._waiting) >= self._limits.waiting:  # what was cancelled while it waited takes no place
                self._waiting = deque(waiting for waiting in self._waiting if not waiting.over)
            if len(self._waiting) >= self._limits.waiting:
                engine_calls.labels(self.name, "overloaded").inc()
                raise self._error(
                    f"the {self.name} engine has {len(self._waiting)} requests waiting",
                    code="overloaded",
                    hint="fewer visitors at once, or a larger machine",
                )
            self._waiting.append(job)
            self._open.add(job)
            engine_queue_depth.labels(self.name).set(len(self._waiting))
            self._lock.notify()
        return job

    async def _next(self, job: _Job[RequestT, ItemT]) -> ItemT | None:
        while True:
            with self._lock:
                if job.items:
                    if len(job.items) == self._limits.items:
                        self._lock.notify()
                    return job.items.popleft()
                if job.error is not None:
                    raise job.error
                if job.finished:
                    return None
            left_s = job.started_s + job.call.deadline_s - self._clock()
            if not await job.changed(left_s):
                engine_calls.labels(self.name, "deadline-exceeded").inc()
                raise self._error(
                    f"the {self.name} engine did not answer in {job.call.deadline_s:.1f} s", code="deadline-exceeded"
                )

    # ---- the engine's thread

    def _run(self) -> None:
        if not self._load():
            self._refuse_waiting()
            return
        while self._admit():
            try:
                if self._advance is not None:
                    self._advance()
            except Exception as error:  # the round is shared: everyone in it learns of the failure
                logger.exception("engine round failed", extra={"engine": self.name})
                self._fail_all(error)
                continue
            for job in list(self._active):
                self._step(job)
        self._end()

    def _load(self) -> bool:
        started_s = self._clock()
        try:
            self.engine.load()
            self.engine.warm_up()
        except Exception as error:
            logger.exception("engine failed to load", extra={"engine": self.name})
            self.failure = self._wrap(error)
            self._set_loaded(EngineState.FAILED)
            return False
        self.load_s = self._clock() - started_s
        self._set_loaded(EngineState.READY)
        logger.info("engine ready", extra={"engine": self.name, "seconds": round(self.load_s, 2)})
        return True

    def _refuse_waiting(self) -> None:
        with self._lock:
            jobs = list(self._waiting)
            self._waiting.clear()
        for job in jobs:
            self._finish(job, self.failure)

    def _set_loaded(self, state: EngineState) -> None:
        with self._lock:
            self.state = state
            self._loaded = True
            for loop, loaded in self._waiters:
                call_on(loop, loaded.set)

    def _admit(self) -> bool:
        """Wait for work and begin what fits; False when the bridge is closing."""
        while True:
            with self._lock:
                over = [job for job in self._active if job.over]
                self._active = [job for job in self._active if not job.over]
                while self._waiting and len(self._active) < self._limits.active:
                    job = self._waiting.popleft()
                    if not job.over:
                        self._active.append(job)
                engine_queue_depth.labels(self.name).set(len(self._waiting))
                if self._closing:
                    self._active += over
                    return False
                if not over:
                    if any(len(job.items) < self._limits.items for job in self._active):
                        break
                    if self._prepare is None:
                        self._lock.wait()
                        continue
            # Not under the lock, on which every session's loop would wait.
            if not over:
                self._use_spare_time()
            for job in over:
                job.close_generator()
        for job in self._active:
            if job.generator is None and not job.over:
                job.generator = self._verb(job.request)
        return True

    def _use_spare_time(self) -> None:
        assert self._prepare is not None
        try:
            left = self._prepare()
        except Exception:  # whoever needs it first is told
            logger.exception("engine could not prepare", extra={"engine": self.name})
            left = False
        if not left:
            self._prepare = None
            self._prepared.set()

    def _step(self, job: _Job[RequestT, ItemT]) -> None:
        if job.over or job.generator is None or len(job.items) >= self._limits.items:
            return
        if self._clock() > job.started_s + job.call.deadline_s:
            self._finish(job, self._error(f"the {self.name} engine ran out of time", code="deadline-exceeded"))
            return
        try:
            item = next(job.generator)
        except StopIteration:
            job.generator = None
            self._finish(job, None)
            return
        except EngineError as error:  # the engine said so itself: whoever asked is told
            job.generator = None
            self._finish(job, error)
            return
        except Exception as error:
            logger.exception("engine call failed", extra={"engine": self.name, "turn": job.call.turn})
            job.generator = None
            self._finish(job, self._wrap(error))
            return
        if item is not None:
            with self._lock:
                if not job.finished:
                    job.items.append(item)
            job.notify()

    def _finish(self, job: _Job[RequestT, ItemT], error: EngineError | None) -> None:
        with self._lock:
            if job.finished:
                if error is not None and job.items:  # made in time, taken too late: of a turn that is over
                    job.items.clear()
                    job.error = error
                    job.notify()
                return
            job.finished = True
            job.error = error
            if error is not None:
                job.items.clear()
        engine_calls.labels(self.name, error.code if error else "ok").inc()
        job.notify()

    def _fail_all(self, error: Exception) -> None:
        for job in list(self._active):
            self._finish(job, self._wrap(error))

    def _end(self) -> None:
        with self._lock:
            jobs = [*self._waiting, *self._active]
            self._waiting.clear()
        for job in jobs:
            job.close_generator()
            self._finish(job, self._error(f"the {self.name} engine is closed", code="closed", hint=""))
        self._active = []
        try:
            self.engine.close()
        except Exception:
            logger.exception("engine failed to close", extra={"engine": self.name})
        self.state = EngineState.CLOSED

    def _wrap(self, error: Exception) -> EngineError:
        if isinstance(error, EngineError):
            return error
        if isinstance(error, MemoryError):
            wrapped = self._error(f"the {self.name} engine ran out of memory", code="out-of-memory")
        else:
            wrapped = self._error(f"the {self.name} engine failed: {type(error).__name__}", code="inference-failed")
        wrapped.__cause__ = error
        return wrapped
