"""The bridge: real threads, engines that do exactly what a test tells them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from appliance.clock import VirtualClock
from appliance.context import Engines, TurnCounter
from appliance.engine import Bridge, Call, EngineState, Limits, SessionId, TurnId, call_on
from appliance.errors import EngineError, STTError

ANN, BOB = SessionId("ann"), SessionId("bob")
WAIT_S = 5.0


def call(session: SessionId = ANN, turn: int = 1, deadline_s: float = 30.0) -> Call:
    return Call(session, TurnId(turn), deadline_s)


class Counting:
    """Yields 0, 1, … up to the request; a gate holds back each item when it is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.threads: set[str] = set()
        self.stepped: list[str] = []
        self.released: list[str] = []
        self.loaded = self.warm = self.closed = False

    def load(self) -> None:
        self.loaded = True
        self.threads.add(threading.current_thread().name)

    def warm_up(self) -> None:
        self.warm = True

    def close(self) -> None:
        self.closed = True
        self.threads.add(threading.current_thread().name)

    def count(self, request: tuple[str, int]) -> Iterator[int | None]:
        name, n = request
        try:
            for i in range(n):
                assert self.gate.wait(WAIT_S)
                self.threads.add(threading.current_thread().name)
                self.stepped.append(name)
                yield i
        finally:
            self.released.append(name)


@asynccontextmanager
async def bridged(
    engine: Counting, limits: Limits | None = None, verb: Callable[..., Iterator[object]] | None = None
) -> AsyncIterator[Bridge[object, object]]:
    bridge: Bridge[object, object] = Bridge("ears", engine, verb or engine.count, limits=limits, error=STTError)
    bridge.start()
    try:
        await bridge.ready(WAIT_S)
        yield bridge
    finally:
        engine.gate.set()
        assert await bridge.close(WAIT_S)


async def take(stream: AsyncIterator[object]) -> list[object]:
    return [item async for item in stream]


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.001)


async def test_items_come_in_order_and_all_work_is_on_the_engines_own_thread() -> None:
    engine = Counting()
    async with bridged(engine) as bridge:
        assert bridge.state is EngineState.READY
        assert engine.loaded
        assert engine.warm
        assert await take(bridge.stream(("a", 5), call())) == [0, 1, 2, 3, 4]
    assert engine.closed
    assert engine.threads == {"engine-ears"}
    assert bridge.state is EngineState.CLOSED


async def test_requests_of_several_sessions_are_stepped_in_turn() -> None:
    engine = Counting()
    engine.gate.clear()
    async with bridged(engine, Limits(active=2)) as bridge:
        first = asyncio.create_task(take(bridge.stream(("long", 40), call(ANN))))
        second = asyncio.create_task(take(bridge.stream(("short", 3), call(BOB))))
        await eventually(lambda: len(bridge._active) + len(bridge._waiting) == 2)
        engine.gate.set()
        assert await second == [0, 1, 2]
        assert await first == list(range(40))
    begun = engine.stepped.index("short")
    between = engine.stepped[begun : begun + 5]
    assert between == ["short", "long", "short", "long", "short"]


async def test_one_more_than_fits_waits_and_is_served() -> None:
    engine = Counting()
    async with bridged(engine, Limits(active=1)) as bridge:
        results = await asyncio.gather(*(take(bridge.stream((str(i), 2), call())) for i in range(5)))
    assert results == [[0, 1]] * 5


async def test_one_more_than_may_wait_is_refused() -> None:
    engine = Counting()
    engine.gate.clear()
    async with bridged(engine, Limits(waiting=1, active=1)) as bridge:
        active = asyncio.create_task(take(bridge.stream(("active", 1), call())))
        await eventually(lambda: len(bridge._active) == 1)
        waiting = asyncio.create_task(take(bridge.stream(("waiting", 1), call())))
        await eventually(lambda: len(bridge._waiting) == 1)
        with pytest.raises(STTError) as refused:
            await take(bridge.stream(("refused", 1), call()))
        assert refused.value.code == "overloaded"
        assert refused.value.hint
        engine.gate.set()
        assert await active == [0]
        assert await waiting == [0]
    assert "refused" not in engine.stepped


async def test_what_was_cancelled_while_it_waited_takes_no_place() -> None:
    engine = Counting()
    engine.gate.clear()
    async with bridged(engine, Limits(waiting=1, active=1)) as bridge:
        active = asyncio.create_task(take(bridge.stream(("active", 1), call(ANN))))
        await eventually(lambda: len(bridge._active) == 1)
        stale = asyncio.create_task(take(bridge.stream(("stale", 1), call(BOB, turn=1))))
        await eventually(lambda: len(bridge._waiting) == 1)
        bridge.cancel(BOB, before=TurnId(2))
        fresh = asyncio.create_task(take(bridge.stream(("fresh", 1), call(BOB, turn=2))))
        with pytest.raises(STTError, match="cancelled"):
            await stale
        engine.gate.set()
        assert await active == [0]
        assert await fresh == [0]
    assert "stale" not in engine.stepped


async def test_cancel_drops_older_turns_of_that_session_only() -> None:
    engine = Counting()
    async with bridged(engine, Limits(active=3, items=1)) as bridge:
        streams = {
            "old": bridge.stream(("old", 1000), call(ANN, turn=1)),
            "now": bridge.stream(("now", 3), call(ANN, turn=2)),
            "other": bridge.stream(("other", 3), call(BOB, turn=1)),
        }
        for stream in streams.values():
            assert await anext(stream) == 0
        bridge.cancel(ANN, before=TurnId(2))
        with pytest.raises(STTError) as cancelled:
            await take(streams["old"])
        assert cancelled.value.code == "cancelled"
        assert await take(streams["now"]) == [1, 2]
        assert await take(streams["other"]) == [1, 2]
    assert sorted(engine.released) == ["now", "old", "other"]


async def test_items_of_a_cancelled_turn_are_not_handed_out_any_more() -> None:
    engine = Counting()
    async with bridged(engine, Limits(items=8)) as bridge:
        stream = bridge.stream(("old", 1000), call(turn=1))
        assert await anext(stream) == 0
        await eventually(lambda: len(engine.stepped) == 9)  # eight more are ready
        bridge.cancel(ANN, before=TurnId(2))
        with pytest.raises(STTError, match="cancelled"):
            await anext(stream)


async def test_what_an_older_turn_has_made_and_nobody_took_is_dropped_too() -> None:
    engine = Counting()
    async with bridged(engine) as bridge:
        stream = bridge.stream(("old", 3), call(turn=1))
        assert await anext(stream) == 0
        await eventually(lambda: not bridge._active)
        bridge.cancel(ANN, before=TurnId(2))
        with pytest.raises(STTError, match="cancelled"):
            await anext(stream)
    assert bridge._open == set()


async def test_what_is_taken_and_finished_is_no_failure() -> None:
    engine = Counting()
    async with bridged(engine) as bridge:
        stream = bridge.stream(("old", 1), call(turn=1))
        assert await anext(stream) == 0
        await eventually(lambda: not bridge._active)
        bridge.cancel(ANN, before=TurnId(2))
        assert await take(stream) == []


async def test_closing_the_iterator_cancels_the_request() -> None:
    engine = Counting()
    async with bridged(engine, Limits(items=2)) as bridge:
        stream = bridge.stream(("left", 1000), call())
        assert await anext(stream) == 0
        await stream.aclose()
        await eventually(lambda: engine.released == ["left"])
        assert len(engine.stepped) < 10


async def test_cancelling_the_callers_task_cancels_the_request() -> None:
    engine = Counting()
    engine.gate.clear()
    async with bridged(engine) as bridge:
        task = asyncio.create_task(take(bridge.stream(("left", 3), call())))
        await eventually(lambda: len(bridge._active) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        engine.gate.set()
        await eventually(lambda: engine.released == ["left"])
        assert await take(bridge.stream(("next", 1), call())) == [0]


async def test_a_deadline_ends_a_request_that_hangs() -> None:
    engine = Counting()
    engine.gate.clear()
    async with bridged(engine) as bridge:
        with pytest.raises(STTError) as late:
            await take(bridge.stream(("hangs", 1), call(deadline_s=0.05)))
        assert late.value.code == "deadline-exceeded"
        engine.gate.set()
        await eventually(lambda: engine.released == ["hangs"])
        assert await take(bridge.stream(("next", 1), call())) == [0]


async def test_the_engine_gives_up_a_request_whose_deadline_has_passed() -> None:
    engine, clock = Counting(), VirtualClock()
    bridge: Bridge[object, object] = Bridge("ears", engine, engine.count, limits=Limits(items=1), clock=clock)
    bridge.start()
    stream = bridge.stream(("slow", 1000), call(deadline_s=10.0))
    assert await anext(stream) == 0
    clock.advance(10.5)
    with pytest.raises(EngineError) as late:
        await take(stream)
    assert late.value.code == "deadline-exceeded"
    await eventually(lambda: engine.released == ["slow"])
    assert await bridge.close(WAIT_S)


async def test_items_not_taken_hold_the_engine_back() -> None:
    engine = Counting()
    async with bridged(engine, Limits(items=3, active=2)) as bridge:
        stream = bridge.stream(("slow", 50), call())
        assert await anext(stream) == 0
        await eventually(lambda: len(engine.stepped) == 4)  # one taken, three made and waiting
        await take(bridge.stream(("other", 0), call(BOB)))
        assert engine.stepped.count("slow") == 4
        assert await take(stream) == list(range(1, 50))


async def test_none_means_step_me_again() -> None:
    engine = Counting()

    def patient(_: object) -> Iterator[int | None]:
        yield None
        yield None
        yield 7

    async with bridged(engine, verb=patient) as bridge:
        assert await take(bridge.stream("x", call())) == [7]


class Batching(Counting):
    """Adds up a round's work for all that have begun."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[int] = []
        self.waiting: dict[int, int | None] = {}
        self.fail_with: Exception | None = None

    def advance(self) -> None:
        if self.fail_with is not None and self.waiting:
            error, self.fail_with = self.fail_with, None
            raise error
        if self.waiting:
            self.rounds.append(len(self.waiting))
        for key in self.waiting:
            self.waiting[key] = key * 10

    def multiply(self, request: int) -> Iterator[int | None]:
        self.waiting[request] = None
        try:
            yield None
            while (result := self.waiting[request]) is None:
                yield None
            yield result
        finally:
            del self.waiting[request]


async def test_one_round_of_a_batching_engine_serves_everyone_who_has_begun() -> None:
    engine = Batching()
    async with bridged(engine, Limits(active=8), verb=engine.multiply) as bridge:
        results = await asyncio.gather(*(take(bridge.stream(i, call())) for i in range(1, 7)))
    assert results == [[10], [20], [30], [40], [50], [60]]
    assert engine.waiting == {}
    assert max(engine.rounds) > 1


async def test_a_round_that_fails_fails_everyone_in_it_and_no_one_after() -> None:
    engine = Batching()
    async with bridged(engine, Limits(active=8), verb=engine.multiply) as bridge:
        engine.fail_with = MemoryError()
        with pytest.raises(STTError) as failed:
            await take(bridge.stream(1, call()))
        assert failed.value.code == "out-of-memory"
        assert await take(bridge.stream(2, call())) == [20]
    assert engine.waiting == {}


class Preparing(Counting):
    """Has three steps of work that can wait."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.prepared = 0
        self._fails = fails

    def prepare(self) -> bool:
        self.prepared += 1
        if self._fails:
            raise ValueError("no memory for that")
        return self.prepared < 4


@pytest.mark.parametrize("fails", [False, True])
async def test_what_can_wait_is_done_in_spare_time_until_none_is_left(fails: bool) -> None:
    engine = Preparing(fails)
    async with bridged(engine) as bridge:
        await bridge.prepared(WAIT_S)
        assert await take(bridge.stream(("ann", 2), call())) == [0, 1]
        assert engine.prepared == (1 if fails else 4)


async def test_who_asks_does_not_wait_for_all_that_can_wait() -> None:
    engine = Preparing()
    asked = threading.Event()

    def prepare() -> bool:
        engine.prepared += 1
        asked.wait(5)
        return True

    engine.prepare = prepare  # type: ignore[method-assign]
    async with bridged(engine) as bridge:
        stream = asyncio.create_task(take(bridge.stream(("ann", 2), call())))
        await asyncio.sleep(0.05)
        before = engine.prepared
        asked.set()
        assert await stream == [0, 1]
        assert before == 1


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (ValueError("shape"), "inference-failed"),
        (MemoryError(), "out-of-memory"),
        (STTError("no words", code="no-words"), "no-words"),
    ],
)
async def test_an_engines_exception_reaches_its_caller_only(raised: Exception, code: str) -> None:
    engine = Counting()

    def verb(request: object) -> Iterator[int | None]:
        yield 1
        if request == "bad":
            raise raised

    async with bridged(engine, verb=verb) as bridge:
        with pytest.raises(STTError) as failed:
            await take(bridge.stream("bad", call()))
        assert failed.value.code == code
        assert failed.value is raised or failed.value.__cause__ is raised
        assert await take(bridge.stream("good", call())) == [1]


async def test_a_request_that_cannot_be_released_does_not_take_the_others_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Counting()

    def verb(request: object) -> Iterator[int | None]:
        try:
            while True:
                yield 1
        finally:
            if request == "bad":
                raise ValueError("release")

    async with bridged(engine, Limits(items=1, active=2), verb=verb) as bridge:
        bad, good = bridge.stream("bad", call(ANN)), bridge.stream("good", call(BOB))
        assert await anext(bad) == 1
        assert await anext(good) == 1
        bridge.cancel(ANN, before=TurnId(2))
        await eventually(lambda: "engine could not release a request" in caplog.text)
        for _ in range(3):
            assert await anext(good) == 1
        await good.aclose()
        await bad.aclose()


class Broken(Counting):
    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def load(self) -> None:
        self.reached.set()
        assert self.gate.wait(WAIT_S)
        raise OSError("no such file")


async def test_an_engine_that_cannot_be_loaded_fails_those_who_wait_and_those_who_come() -> None:
    engine = Broken()
    engine.gate.clear()
    bridge: Bridge[object, object] = Bridge("ears", engine, engine.count, error=STTError)
    bridge.start()
    early = asyncio.create_task(take(bridge.stream(("early", 1), call())))
    ready = asyncio.create_task(bridge.ready(WAIT_S))
    await eventually(lambda: len(bridge._waiting) == 1 and len(bridge._waiters) == 1)
    engine.gate.set()
    for task in (early, ready):
        with pytest.raises(STTError) as failed:
            await task
        assert isinstance(failed.value.__cause__, OSError)
    assert bridge.state is EngineState.FAILED
    with pytest.raises(STTError):
        await take(bridge.stream(("late", 1), call()))
    with pytest.raises(STTError):
        await bridge.ready(WAIT_S)
    assert await bridge.close(WAIT_S)


async def test_waiting_for_an_engine_that_loads_for_ever_ends() -> None:
    engine = Broken()
    engine.gate.clear()
    bridge: Bridge[object, object] = Bridge("ears", engine, engine.count, error=STTError)
    bridge.start()
    with pytest.raises(STTError) as late:
        await bridge.ready(0.02)
    assert late.value.code == "deadline-exceeded"
    assert bridge.state is EngineState.LOADING
    assert bridge._waiters == []
    engine.gate.set()
    assert await bridge.close(WAIT_S)


async def test_closing_ends_what_is_at_work_and_what_waits() -> None:
    engine = Counting()
    bridge: Bridge[object, object] = Bridge("ears", engine, engine.count, limits=Limits(active=1, items=1))
    bridge.start()
    active = bridge.stream(("active", 1000), call())
    assert await anext(active) == 0
    waiting = asyncio.create_task(take(bridge.stream(("waiting", 1), call())))
    await eventually(lambda: len(bridge._waiting) == 1)
    assert await bridge.close(WAIT_S)
    for rest in (take(active), waiting):
        with pytest.raises(EngineError) as closed:
            await rest
        assert closed.value.code == "closed"
    assert engine.released == ["active"]
    with pytest.raises(EngineError) as refused:
        await take(bridge.stream(("after", 1), call()))
    assert refused.value.code == "closed"


async def test_a_thread_that_hangs_is_told() -> None:
    engine = Counting()
    engine.gate.clear()
    bridge: Bridge[object, object] = Bridge("ears", engine, engine.count)
    bridge.start()
    hanging = asyncio.create_task(take(bridge.stream(("hangs", 1), call())))
    await eventually(lambda: len(bridge._active) == 1)
    assert not await bridge.close(0.02)
    engine.gate.set()
    await asyncio.gather(hanging, return_exceptions=True)
    assert await bridge.close(WAIT_S)


async def test_closing_a_bridge_that_was_never_started() -> None:
    engine = Counting()
    bridge: Bridge[object, object] = Bridge("ears", engine, engine.count)
    assert await bridge.close(WAIT_S)
    assert not engine.loaded


async def test_an_engine_that_fails_to_close_is_closed() -> None:
    class Stuck(Counting):
        def close(self) -> None:
            raise OSError("device")

    engine = Stuck()
    bridge: Bridge[object, object] = Bridge("ears", engine, engine.count)
    bridge.start()
    await bridge.ready(WAIT_S)
    assert await bridge.close(WAIT_S)
    assert bridge.state is EngineState.CLOSED


async def test_loops_of_several_threads_share_one_engine() -> None:
    engine = Counting()
    results: dict[int, list[object]] = {}

    def visitor(i: int, bridge: Bridge[object, object]) -> None:
        async def talk() -> None:
            for turn in range(5):
                results[i] = await take(bridge.stream((str(i), 10), call(SessionId(str(i)), turn)))

        asyncio.run(talk())

    async with bridged(engine, Limits(active=4)) as bridge:
        threads = [threading.Thread(target=visitor, args=(i, bridge)) for i in range(8)]
        for thread in threads:
            thread.start()
        await eventually(lambda: not any(thread.is_alive() for thread in threads))
    assert results == {i: list(range(10)) for i in range(8)}
    assert engine.threads == {"engine-ears"}


async def test_a_caller_whose_loop_has_closed_does_no_harm() -> None:
    engine = Counting()

    def leaves(bridge: Bridge[object, object]) -> None:
        loop = asyncio.new_event_loop()
        stream = bridge.stream(("gone", 1000), call())
        assert loop.run_until_complete(anext(stream)) == 0
        loop.close()
        kept.append(stream)

    kept: list[AsyncIterator[object]] = []
    async with bridged(engine, Limits(items=2)) as bridge:
        thread = threading.Thread(target=leaves, args=(bridge,))
        thread.start()
        await eventually(lambda: not thread.is_alive())
        bridge.cancel(ANN, before=TurnId(9))
        assert await take(bridge.stream(("next", 2), call(BOB))) == [0, 1]
        assert "gone" in engine.released
        await kept[0].aclose()


async def test_call_on_a_closed_loop_says_so() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert not call_on(loop, print)
    assert call_on(asyncio.get_running_loop(), lambda: None)


async def test_engines_are_built_once_and_closed_in_reverse() -> None:
    closed: list[str] = []

    class Named(Counting):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def close(self) -> None:
            closed.append(self.name)

    engines = Engines()

    def build(name: str) -> Bridge[object, object]:
        engine = Named(name)
        return Bridge(name, engine, engine.count)

    ears = engines.get("ears", lambda: build("ears"))
    mind = engines.get("mind", lambda: build("mind"))
    assert engines.get("ears", lambda: build("again")) is ears
    await engines.ready(WAIT_S)
    assert list(engines.bridges) == ["ears", "mind"]
    assert {bridge.state for bridge in (ears, mind)} == {EngineState.READY}
    await engines.close(WAIT_S)
    assert closed == ["mind", "ears"]


async def test_a_turn_cancels_in_every_engine() -> None:
    engines = Engines()
    made = [Counting(), Counting()]

    def build(i: int) -> Bridge[object, object]:
        return Bridge(str(i), made[i], made[i].count, limits=Limits(items=1))

    streams = [engines.get(str(i), lambda i=i: build(i)).stream(("x", 99), call(turn=1)) for i in range(2)]
    for stream in streams:
        assert await anext(stream) == 0
    turn = TurnCounter()
    assert (turn.current, turn.raise_(), turn.raise_()) == (0, 1, 2)
    engines.cancel(ANN, before=turn.current)
    for stream in streams:
        with pytest.raises(EngineError, match="cancelled"):
            await take(stream)
    await engines.close(WAIT_S)
