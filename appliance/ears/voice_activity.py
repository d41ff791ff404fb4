"""LiveKit's voice activity detector, run where it is asked: a window takes it 23 microseconds.

By default each window is handed to a thread and back: with ten visitors on two cores that took longer than the 32 ms
of the window.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from livekit.agents import inference

_MIN_SILENCE_S = 0.25

P = ParamSpec("P")
T = TypeVar("T")


def voice_activity() -> inference.VAD:
    """A detector for one visit; silence of 0.25 s ends an utterance."""
    return inference.VAD(min_silence_duration=_MIN_SILENCE_S, executor=_HERE)


class _Here(Executor):
    """Runs what it is given at once, on the thread that asks."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - goes to who asked
            future.set_exception(error)
        return future


_HERE = _Here()
