"""The box's own face, offline: a voice in, the pictures that belong to it out. What arrived is compared with these."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from livekit import rtc

from appliance.bundles.verify import files
from appliance.config import Config
from appliance.context import Context, Engines
from appliance.engine import SessionId
from appliance.evaluation.measures import Stretch
from appliance.evaluation.picture import cells_of
from appliance.evaluation.timeline import RATE_HZ, Heard, Pcm16, Seen
from appliance.personas.persona import load
from appliance.providers import ProviderFactory

_FACE_RATE_HZ = 24_000


class Reference:
    """The face of a configuration, loaded once; use it with `async with`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._engines = Engines()

    async def __aenter__(self) -> Self:
        """
        Raises:
            EngineError: the face could not be loaded.
        """
        config = self._config
        paths = dict(files(config.models.manifest))
        persona = load(config.session.persona)
        self._factory = ProviderFactory(Context(self._engines, paths, persona, SessionId("reference")))
        self._factory.create_avatar(config.face)
        await self._engines.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engines.close()

    async def render(self, heard: Sequence[Heard], answer: Stretch) -> list[Seen]:
        """The pictures of an answer as it was heard, each with the time at which its first sample was.

        Raises:
            EngineError: the face failed.
        """
        frames = [frame for frame in heard if answer.start_s - 0.02 <= frame.at_s <= answer.end_s]
        speech = _resampled(np.concatenate([frame.pcm for frame in frames]))
        fps = self._config.face.fps
        face = self._factory.create_avatar(self._config.face)
        try:
            face.push(0, speech, _FACE_RATE_HZ)
            face.flush(0)
            pictures: list[Seen] = []
            width, height = face.size
            for index in range(len(speech) * fps // _FACE_RATE_HZ):
                await face.wait(0, index)
                pictures.append(Seen(frames[0].at_s + index / fps, cells_of(face.frame((0, index)), width, height)))
                await asyncio.sleep(0)
            return pictures
        finally:
            await face.aclose()


def _resampled(pcm: Pcm16) -> Pcm16:
    resampler = rtc.AudioResampler(RATE_HZ, _FACE_RATE_HZ)
    pieces = [*resampler.push(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm))), *resampler.flush()]
    return np.concatenate([np.frombuffer(piece.data, np.int16) for piece in pieces])
