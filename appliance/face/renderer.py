"""Mel windows of all sessions in, finished pictures out: the face's engine, which runs the net on batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.config import FaceConfig
from appliance.errors import AvatarError
from appliance.face.avatar import Avatar, load_avatar, portrait
from appliance.face.compositor import Compositor
from appliance.face.mel import FLOOR, N_MELS, WINDOW, presence
from appliance.face.net import FaceNet

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """A stretch of one visitor's speech."""

    indices: tuple[int, ...]
    """The running frame index of each window; the avatar's loop is walked with it."""
    windows: Floats
    """(n, 80, 16) mel windows in [-4, 4], one a frame."""


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """One finished picture."""

    index: int
    """The running frame index that was asked for."""
    picture: bytes
    """I420, height * 3 / 2 * width bytes."""


@dataclass(slots=True)
class _Job:
    """What a request still needs of the net."""

    request: RenderRequest
    """What was asked."""
    strength: Floats
    """(n,) how much of the mouth is shown; 0 needs no net."""
    arrived: int
    """Order among requests."""
    taken: int = 0
    """Frames handed to the net or passed over, from the front."""
    done: list[RenderedFrame] = field(default_factory=list[RenderedFrame])
    """Finished and not yet given back."""
    error: AvatarError | None = None
    """Why its batch failed."""


class FaceRenderer:
    """The engine of the face. `advance` runs one batch for all requests; frames that are due first go first."""

    def __init__(self, net_path: Path, avatar_path: Path, config: FaceConfig) -> None:
        """Note the files; `load` opens them."""
        self._paths = net_path, avatar_path
        self._config = config
        self._net: FaceNet | None = None
        self._avatar: Avatar | None = None
        self._compositor: Compositor | None = None
        self._jobs: list[_Job] = []
        self._arrivals = 0

    @property
    def avatar(self) -> Avatar:
        """The loaded avatar, for each session's own compositor."""
        assert self._avatar is not None, "load() comes first"
        return self._avatar

    @property
    def window_offset_s(self) -> float:
        """What the net wants its windows to start at, seconds from the frame's time."""
        assert self._net is not None, "load() comes first"
        return self._net.window_offset_s

    @cached_property
    def portrait(self) -> bytes:
        """The face at rest, PNG, for whoever shows it before the video comes."""
        return portrait(self.avatar)

    def load(self) -> None:
        """Open net and avatar.

        Raises:
            AvatarError: a file is missing, corrupt or of another kind.
        """
        net_path, avatar_path = self._paths
        self._net = FaceNet(net_path, threads=self._config.threads)
        self._avatar = load_avatar(avatar_path)
        if self._avatar.card.fps != self._config.fps:
            message = f"the avatar has {self._avatar.card.fps} frames a second, not {self._config.fps}"
            raise AvatarError(message, code="incompatible", hint="set fps in [face] to the avatar's")
        self._compositor = Compositor(self._avatar)

    def warm_up(self) -> None:
        """Run every batch size once, so that the first visitor does not wait for allocations."""
        for count in _sizes(self._config.batch_max):
            self._draw([(0, np.full((N_MELS, WINDOW), FLOOR, np.float32))] * count)

    def close(self) -> None:
        """Let go of the models."""
        self._net = self._avatar = self._compositor = None
        self._jobs.clear()

    def render(self, request: RenderRequest) -> Iterator[RenderedFrame | None]:
        """Give the request's pictures in order; None while the next one waits for `advance`.

        Raises:
            AvatarError: the windows do not fit their indices, or the net failed.
        """
        if request.windows.shape != (len(request.indices), N_MELS, WINDOW):
            message = f"{len(request.indices)} frames were asked for with windows {request.windows.shape}"
            raise AvatarError(message, code="avatar-input")
        if not np.isfinite(request.windows).all():
            raise AvatarError("the windows hold values that are not finite", code="avatar-input")
        self._arrivals += 1
        job = _Job(request, presence(request.windows), self._arrivals)
        self._jobs.append(job)
        try:
            given = 0
            while given < len(request.indices):
                if job.error is not None:
                    raise job.error
                self._pass_over_silence(job)
                if job.done:
                    given += 1
                    yield job.done.pop(0)
                else:
                    yield None
        finally:
            if job in self._jobs:
                self._jobs.remove(job)

    def advance(self) -> None:
        """Run the net once, for the frames of all requests that come first in their speech."""
        for job in self._jobs:
            self._pass_over_silence(job)
        ahead = [
            (place - job.taken, job.arrived, place, job)
            for job in self._jobs
            if len(job.done) < self._config.batch_max  # nobody takes them: the others go on
            for place in self._next_sounding(job)
        ]
        if not ahead:
            return
        ahead.sort(key=lambda item: item[:3])
        count = max(size for size in _sizes(self._config.batch_max) if size <= len(ahead))
        chosen = [(place, job) for _, _, place, job in ahead[:count]]
        try:
            faces = self._draw([(job.request.indices[place], job.request.windows[place]) for place, job in chosen])
        except AvatarError as error:
            for _, job in chosen:
                job.error = error
            return
        for (place, job), face in zip(chosen, faces, strict=True):
            self._finish(job, place, face)

    def _next_sounding(self, job: _Job) -> range:
        """The places of the job's next frames up to a silent one, which `_pass_over_silence` takes first."""
        stop = job.taken
        while stop < len(job.strength) and stop - job.taken < self._config.batch_max and job.strength[stop] > 0:
            stop += 1
        return range(job.taken, stop)

    def _pass_over_silence(self, job: _Job) -> None:
        compositor = self._compositor
        assert compositor is not None, "load() comes first"
        # One at a time: idle pictures are free, and a long pause should not fill the memory.
        if not job.done and job.taken < len(job.strength) and job.strength[job.taken] <= 0:
            index = job.request.indices[job.taken]
            job.taken += 1
            job.done.append(RenderedFrame(index, compositor.idle(index)))

    def _draw(self, frames: list[tuple[int, Floats]]) -> NDArray[np.uint8]:
        """Run the net on (index, window) pairs: (B, S, S, 3) uint8 BGR."""
        net, compositor = self._net, self._compositor
        assert net is not None, "load() comes first"
        assert compositor is not None, "load() comes first"
        crops = np.stack([compositor.crop(index, net.size) for index, _ in frames])
        reference = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32) * np.float32(1 / 255)
        target = reference.copy()
        target[:, :, net.size // 2 :] = 0
        mels = np.stack([window for _, window in frames])[:, None]
        pictures = net.render(mels, np.concatenate([target, reference], 1))
        rounded = np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(rounded.transpose(0, 2, 3, 1))

    def _finish(self, job: _Job, place: int, face: NDArray[np.uint8]) -> None:
        compositor = self._compositor
        assert compositor is not None, "load() comes first"
        index = job.request.indices[place]
        job.taken = place + 1
        job.done.append(RenderedFrame(index, compositor.blend(index, face, float(job.strength[place]))))


def _sizes(most: int) -> list[int]:
    """Batch sizes that are used: powers of two, so that the runtime sees few shapes."""
    return [size for size in (1, 2, 4, 8) if size <= most] or [1]
