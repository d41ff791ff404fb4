"""What drives the mouths of all sessions in, finished pictures out: the face's engine, the net run in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import inf
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.clock import Clock, monotonic
from appliance.config import FaceConfig
from appliance.errors import AvatarError
from appliance.face.avatar import Avatar, load_avatar, portrait
from appliance.face.compositor import Compositor
from appliance.face.drive import Drive, FromPhonemes, FromSound, FromSpeech
from appliance.face.listener import Listener
from appliance.face.loop_net import LoopNet
from appliance.face.mel import presence
from appliance.face.net import FaceNet, open_net
from appliance.face.stretches import AFTER, BEFORE, loudness
from appliance.face.visemes import PARAMETERS, departure

Floats = NDArray[np.float32]

_PATIENCE = 1.5
"""A frame that is due waits for others in its batch if that takes no longer than so many times its own drawing."""
_FAR_BEHIND_S = 0.2
"""Later than this, as many as possible are drawn at once."""
_SILENT = 25
"""Most silent frames of a request that wait to be taken."""


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """A stretch of one visitor's speech."""

    indices: tuple[int, ...]
    """The running index of each row: as many frames' times lie between two as they differ by."""
    drive: Floats
    """A row a frame: (n, 80, 16) mel windows in [-4, 4], or stretches of sound, (n, 13280), where they are heard; or,
    where the net takes them, (n, 8) mouths in [0, 1]."""
    due_s: float = 0.0
    """When the first one is shown, on the monotonic clock; 0 where all are wanted as soon as can be."""
    frames: tuple[int, ...] = ()
    """The avatar's frame for each row; where none are told, its film is walked with the indices."""


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """One finished picture."""

    index: int
    """The running frame index that was asked for."""
    picture: bytes
    """I420, height * 3 / 2 * width bytes."""


@dataclass(slots=True, eq=False)
class _Job:
    """What a request still needs of the net."""

    request: RenderRequest
    """What was asked."""
    drive: Floats
    """What the net draws it from."""
    strength: Floats
    """(n,) how much of the mouth is shown; 0 needs no net."""
    frames: tuple[int, ...]
    """The avatar's frame for each."""
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

    def __init__(
        self,
        net_path: Path,
        avatar_path: Path,
        config: FaceConfig,
        *,
        listener: Listener | None = None,
        clock: Clock = monotonic,
    ) -> None:
        """Note the files; `load` opens them. Without a `listener` the net hears for itself."""
        self._paths = net_path, avatar_path
        self._listener = listener
        self._config = config
        self._clock = clock
        self._net: LoopNet | None = None
        self._window_offset_s = 0.0
        self._avatar: Avatar | None = None
        self._compositor: Compositor | None = None
        self._jobs: list[_Job] = []
        self._arrivals = 0
        self._sizes = batch_sizes(config.batch_max, cuda=False)
        self._cost_s: dict[int, float] = {}

    @property
    def avatar(self) -> Avatar:
        """The loaded avatar, for each session's own compositor."""
        assert self._avatar is not None, "load() comes first"
        return self._avatar

    @property
    def window_offset_s(self) -> float:
        """What the net wants its windows to start at, seconds from the frame's time."""
        assert self._net is not None, "load() comes first"
        return self._window_offset_s

    def drive(self, rate_hz: int, *, known: bool) -> Drive:
        """What makes the rows of an utterance's requests from its sound.

        Args:
            known: its phonemes are told with it.
        """
        assert self._net is not None, "load() comes first"
        if known and self._net.takes_mouths:
            return FromPhonemes(rate_hz, fps=self._config.fps)
        if self._net.takes_stretches:
            return FromSpeech(rate_hz, fps=self._config.fps)
        return FromSound(rate_hz, fps=self._config.fps, offset_s=self._window_offset_s)

    @cached_property
    def portrait(self) -> bytes:
        """The face at rest, PNG, for whoever shows it before the video comes."""
        return portrait(self.avatar)

    def load(self) -> None:
        """Open avatar and net, the avatar's own where it has one.

        Raises:
            AvatarError: a file is missing, corrupt or of another kind.
        """
        net_path, avatar_path = self._paths
        config = self._config
        self._avatar = load_avatar(avatar_path, name_plate=config.name_plate, ai_label=config.ai_label)
        own = self._avatar.net
        net = FaceNet(own, threads=self._config.threads) if own else open_net(net_path, threads=self._config.threads)
        self._window_offset_s = net.window_offset_s
        if self._avatar.card.fps != self._config.fps:
            message = f"the avatar has {self._avatar.card.fps} frames a second, not {self._config.fps}"
            raise AvatarError(message, code="incompatible", hint="set fps in [face] to the avatar's")
        cv2.setNumThreads(self._config.threads)
        self._compositor = Compositor(self._avatar.inset(net.rim))
        crop, box = partial(self._compositor.crop, size=net.size), self._compositor.region(net.size)
        self._net = LoopNet(
            net, crop, self._avatar.n_frames, box, cache_mib=self._config.cache_mib, listener=self._listener
        )
        self._sizes = batch_sizes(self._config.batch_max, cuda=self._net.cuda) if net.together else (1,)

    def warm_up(self) -> None:
        """Run every batch size, so that the first visitor does not wait for allocations, and note what it takes."""
        compositor = self._compositor
        assert compositor is not None, "load() comes first"
        assert self._net is not None, "load() comes first"
        silent = self._net.at_rest()
        for count in self._sizes:
            for _ in range(2):
                started_s = self._clock()
                for index, face in enumerate(self._draw([(index, silent) for index in range(count)])):
                    compositor.blend(index, face)
                self._cost_s[count] = self._clock() - started_s

    def prepare(self) -> bool:
        """Make what is kept of the next few frames of the film, so that drawing them is quick; False where all are."""
        assert self._net is not None, "load() comes first"
        return self._net.prepare()

    def close(self) -> None:
        """Let go of the models."""
        self._net = self._avatar = self._compositor = None
        self._jobs.clear()

    def render(self, request: RenderRequest) -> Rendering:
        """Give the request's pictures in order, as many as there are at a time; None while the next one waits.

        Raises:
            AvatarError: from the first step on: the windows do not fit their indices, or the net failed.
        """
        return Rendering(self, request)

    def pictures(self, request: RenderRequest) -> Iterator[RenderedFrame]:
        """Give the request's pictures in order, each drawn when it is asked for: where nobody else draws.

        Raises:
            AvatarError: as of `render`.
        """
        for frames in self.render(request):
            if frames is None:
                self.advance()
            else:
                yield from frames

    def advance(self) -> None:
        """Run the net once, for the frames of all requests that are shown first."""
        for job in self._jobs:
            self._pass_over_silence(job)
        ahead = sorted(
            (
                (self._due_s(job, place), job.arrived, place, job)
                for job in self._jobs
                if len(job.done) < self._sizes[-1]  # nobody takes them: the others go on
                for place in self._next_sounding(job)
            ),
            key=lambda item: item[:3],
        )
        if not ahead:
            return
        count = self._batch(ahead[0][0] - self._clock(), len(ahead))
        chosen = [(place, job) for _, _, place, job in ahead[:count]]
        try:
            faces = self._draw([(job.frames[place], job.drive[place]) for place, job in chosen])
        except AvatarError as error:
            for _, job in chosen:
                job.error = error
            return
        for (place, job), face in zip(chosen, faces, strict=True):
            self._finish(job, place, face)

    def _due_s(self, job: _Job, place: int) -> float:
        indices = job.request.indices
        return job.request.due_s + (indices[place] - indices[0]) / self._config.fps

    def _batch(self, slack_s: float, waiting: int) -> int:
        """How many frames to draw at once: small where the first one is due, else as many as are done before it is.

        Far behind, what counts is how many are drawn a second.
        """
        alone_s = self._cost_s.get(1, 0.0)
        limit_s = inf if slack_s < -_FAR_BEHIND_S else max(slack_s, _PATIENCE * alone_s)
        return max(
            size for size in self._sizes if size == 1 or (size <= waiting and self._cost_s.get(size, 0.0) <= limit_s)
        )

    def _next_sounding(self, job: _Job) -> range:
        """The places of the job's next frames up to a silent one, which `_pass_over_silence` takes first."""
        stop = job.taken
        while stop < len(job.strength) and stop - job.taken < self._sizes[-1] and job.strength[stop] > 0:
            stop += 1
        return range(job.taken, stop)

    def _pass_over_silence(self, job: _Job) -> None:
        compositor = self._compositor
        assert compositor is not None, "load() comes first"
        # A second's at most: idle pictures are next to free, and a long pause should not fill the memory.
        while len(job.done) < _SILENT and job.taken < len(job.strength) and job.strength[job.taken] <= 0:
            place = job.taken
            job.taken += 1
            job.done.append(RenderedFrame(job.request.indices[place], compositor.idle(job.frames[place])))

    def _draw(self, frames: list[tuple[int, Floats]]) -> NDArray[np.uint8]:
        """Run the net on (frame, row) pairs: (B, height, width, 3) uint8 BGR, what `blend` needs of its pictures."""
        net = self._net
        assert net is not None, "load() comes first"
        return net.render(np.stack([row for _, row in frames]), np.array([index for index, _ in frames]))

    def _finish(self, job: _Job, place: int, face: NDArray[np.uint8]) -> None:
        compositor = self._compositor
        assert compositor is not None, "load() comes first"
        picture = compositor.blend(job.frames[place], face, float(job.strength[place]))
        job.taken = place + 1
        job.done.append(RenderedFrame(job.request.indices[place], picture))

    def begin(self, request: RenderRequest) -> _Job:
        """Put a request among those that `advance` draws for; for `Rendering` alone."""
        net = self._net
        assert net is not None, "load() comes first"
        row = request.drive.shape[1:]
        told, cut = row == (len(PARAMETERS),), row == (BEFORE + AFTER,)
        unlike = request.frames and len(request.frames) != len(request.indices)
        if unlike or len(request.drive) != len(request.indices) or row not in net.rows:
            message = f"{len(request.indices)} frames were asked for with rows {request.drive.shape}"
            raise AvatarError(message, code="avatar-input")
        if not np.isfinite(request.drive).all():
            raise AvatarError("the rows hold values that are not finite", code="avatar-input")
        self._arrivals += 1
        frames = request.frames or request.indices
        if told:
            job = _Job(request, request.drive, departure(request.drive), frames, self._arrivals)
        else:
            strength = loudness(request.drive) if cut else presence(request.drive, offset_s=self._window_offset_s)
            heard = net.listen(request.drive, np.array(request.indices) / self._config.fps)
            job = _Job(request, heard, strength, frames, self._arrivals)
        self._jobs.append(job)
        return job

    def take(self, job: _Job) -> tuple[RenderedFrame, ...]:
        """What is finished of a request; for `Rendering` alone."""
        self._pass_over_silence(job)
        done = tuple(job.done)
        job.done.clear()
        return done

    def drop(self, job: _Job) -> None:
        """Nobody waits for it any more; for `Rendering` alone."""
        if job in self._jobs:
            self._jobs.remove(job)


class Rendering:
    """The pictures of one request. It takes part in `advance` from the start, before the first step."""

    def __init__(self, renderer: FaceRenderer, request: RenderRequest) -> None:
        self._renderer = renderer
        self._left = len(request.indices)
        self._error: AvatarError | None = None
        self._job: _Job | None = None
        try:
            self._job = renderer.begin(request)
        except AvatarError as error:  # told with the first step, where the bridge expects it
            self._error = error

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[RenderedFrame, ...] | None:
        """The pictures that are finished; None when there are none yet."""
        error = self._error or (self._job.error if self._job is not None else None)
        if error is not None:
            self.close()
            raise error
        if self._job is None or self._left == 0:
            self.close()
            raise StopIteration
        done = self._renderer.take(self._job)
        self._left -= len(done)
        return done or None

    def close(self) -> None:
        """Nothing more of it is drawn."""
        job, self._job, self._error = self._job, None, None
        if job is not None:
            self._renderer.drop(job)


def batch_sizes(most: int, *, cuda: bool) -> tuple[int, ...]:
    """Batch sizes that are used: powers of two, so that the runtime sees few shapes. A GPU's are not bound by `most`.

    On a CPU more frames at once take as much longer, and keep others waiting.
    """
    return (1, 2, 4, 8, 16, 32, 64) if cuda else tuple(size for size in (1, 2, 4, 8) if size <= most) or (1,)
