"""LiveKit's voice activity detector, run where it is asked: a window takes it 23 microseconds.

By default each window is handed to a thread and back: with ten visitors on two cores that took longer than the 32 ms
of the window.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, ParamSpec, Self, TypeVar, cast

from livekit.agents import inference, vad

_MIN_SILENCE_S = 0.25

P = ParamSpec("P")
T = TypeVar("T")


def voice_activity() -> inference.VAD:
    """A detector for one visit; silence of 0.25 s ends an utterance."""
    return _of(inference.VAD)


def interrupting_voice_activity() -> inference.VAD:
    """The same for a session that is interrupted by it: a window, 32 ms, earlier.

    LiveKit looks at how long somebody has spoken when a window has been looked at, and tells only then that speech has
    begun in it; so what begins is an interruption with the next window. Here it is told again at once.
    """
    return _of(_Interrupting)


def _of(kind: type[inference.VAD]) -> inference.VAD:
    return kind(min_silence_duration=_MIN_SILENCE_S, executor=_HERE)


class _Interrupting(inference.VAD):
    def stream(self) -> vad.VADStream:
        return cast("vad.VADStream", _ToldAtOnce(super().stream()))


class _ToldAtOnce:
    """A detector's stream, in which the beginning of speech is followed by a look at it."""

    def __init__(self, stream: vad.VADStream) -> None:
        self._stream = stream
        self._look: vad.VADEvent | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> vad.VADEvent:
        event, self._look = self._look, None
        if event is None:
            event = await anext(self._stream)
        if event.type is vad.VADEventType.START_OF_SPEECH:
            look = vad.VADEventType.INFERENCE_DONE
            self._look = replace(event, type=look, frames=[], raw_accumulated_speech=event.speech_duration)
        return event


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
