"""The playout: one chunk a frame, whatever the pieces speech came in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.stage.playout import Finished, Playout

N = 960


def ramp(n: int, start: int = 0) -> np.ndarray:
    return (np.arange(start, start + n) % 30_000).astype(np.int16)


def drain(playout: Playout, ticks: int) -> list[np.ndarray]:
    return [chunk.pcm for _ in range(ticks) if (chunk := playout.take(face_ready=True)) is not None]


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=20))
def test_what_comes_in_pieces_goes_out_whole(sizes: list[int]) -> None:
    playout = Playout(chunk_samples=N)
    whole = ramp(sum(sizes))
    for start, size in zip(np.cumsum([0, *sizes[:-1]]), sizes, strict=True):
        playout.push(whole[start : start + size])
    playout.flush()
    heard = drain(playout, len(whole) // N + 2)
    assert all(len(chunk) == N for chunk in heard)
    joined = np.concatenate(heard) if heard else np.empty(0, np.int16)
    assert np.array_equal(joined[: len(whole)], whole)
    assert not joined[len(whole) :].any()


def test_a_gap_in_the_speech_is_silence_and_loses_nothing() -> None:
    playout = Playout(chunk_samples=N)
    playout.push(ramp(N + 100))
    first = playout.take(face_ready=True)
    assert first is not None and first.index == 0
    assert playout.take(face_ready=True) is None, "an unfinished chunk waits for the rest"
    playout.push(ramp(N - 100, start=N + 100))
    second = playout.take(face_ready=True)
    assert second is not None and second.index == 1
    assert np.array_equal(np.concatenate((first.pcm, second.pcm)), ramp(2 * N))


def test_only_the_start_waits_for_the_face_and_not_for_ever() -> None:
    playout = Playout(chunk_samples=N, face_waits=3)
    playout.push(ramp(3 * N))
    assert [playout.take(face_ready=False) for _ in range(3)] == [None, None, None]
    assert playout.take(face_ready=False) is not None
    assert playout.take(face_ready=False) is not None, "once it has begun the voice waits for nobody"


def test_clear_reports_what_was_handed_out() -> None:
    playout = Playout(chunk_samples=N)
    number = playout.push(ramp(10 * N))
    drain(playout, 4)
    assert playout.clear() == [Finished(number, 4 * N, interrupted=True)]
    assert not playout.pending
    assert playout.clear() == []


def test_finish_comes_after_the_last_chunk_and_once() -> None:
    playout = Playout(chunk_samples=N)
    number = playout.push(ramp(2 * N))
    drain(playout, 2)
    assert playout.finish() is None, "more may come until it is flushed"
    playout.flush()
    assert playout.finish() == Finished(number, 2 * N, interrupted=False)
    assert playout.finish() is None


def test_pause_holds_and_rewind_takes_back() -> None:
    playout = Playout(chunk_samples=N)
    playout.push(ramp(5 * N))
    drain(playout, 3)
    playout.paused = True
    assert playout.take(face_ready=True) is None
    playout.rewind(2)
    playout.paused = False
    chunk = playout.take(face_ready=True)
    assert chunk is not None and chunk.index == 1


@pytest.mark.parametrize("flushes", [1, 2])
def test_a_second_utterance_has_the_next_number(flushes: int) -> None:
    playout = Playout(chunk_samples=N)
    first = playout.push(ramp(N))
    for _ in range(flushes):
        playout.flush()
    assert playout.push(ramp(N)) == first + 1
