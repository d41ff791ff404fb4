"""A stranger's face net in, how it is to be run and what it does out: it is shown a face, in silence and at a vowel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from appliance.clock import Clock, monotonic
from appliance.errors import AvatarError
from appliance.face import onnx_file
from appliance.face.adapter import Adapter, Colours, Range
from appliance.face.avatar import Avatar
from appliance.face.compositor import Compositor
from appliance.face.loop_net import face_input
from appliance.face.mel import RATE_HZ, mel_windows
from appliance.face.net import FaceNet
from appliance.face.signature import signature
from appliance.face.stretches import AFTER, BEFORE

Floats = NDArray[np.float32]

_VOWEL_HZ = ((120, 0.3), (240, 0.3), (720, 0.25), (1200, 0.15), (2520, 0.05))
"""An /a/: the voice and the formants, with their amplitudes."""
_LIKE = 0.1
"""A picture is a face's if it differs from it by no more, on average, of its range."""
_CLEARLY = 0.7
"""Another way of showing the face is right where it leaves no more of the difference than this."""
_SEEN = 1 / 255
"""Less than this is no difference that is shown."""
_RUNS = 5


@dataclass(frozen=True, slots=True)
class Probed:
    """What a net turned out to be."""

    adapter: Adapter
    """How it is to be run."""
    size: int
    """Side of its picture, pixels."""
    colours_told: bool
    """Whether its pictures, or who installs it, told the order of colours; else it is Wav2Lip's."""
    lowest: float
    """Least value of its pictures."""
    highest: float
    """Greatest value of its pictures."""
    likeness: float
    """How much its picture differs from the face that it was shown, on average, as a share of the range."""
    moved: float
    """How much a vowel changes its picture, at most, as a share of the range."""
    ms_per_frame: float
    """What one picture takes, whole, on one thread."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the net makes of one way of showing it the face."""

    adapter: Adapter
    values: Floats
    """(2, 3, rows, S) as they come out, in silence and at the vowel; only the colours' order is ours."""
    unlike: float
    """Mean difference from the face, as a share of the range."""


class Prober:
    """Shows one net the face of one avatar."""

    def __init__(self, path: Path, avatar: Avatar, *, encoder: Path | None = None, clock: Clock = monotonic) -> None:
        """
        Args:
            path: the net's .onnx file.
            avatar: whose face it is shown.
            encoder: the .onnx file of its audio encoder, where it hears features.
        Raises:
            AvatarError: the files cannot be opened, or take what no adapter gives.
        """
        self._path, self._encoder, self._clock = path, encoder, clock
        given = signature(onnx_file.read(path), path.name)
        self._plain = Adapter(kind="ultralight" if given.hears_features else "wav2lip", together=False)
        net = FaceNet(path, adapter=self._plain, encoder=encoder)
        self._sounds = _sounds(net)
        self._size = net.size
        self._crop = Compositor(avatar.inset(net.rim)).crop(0, net.size)
        self._face = face_input(self._crop[None])

    def probe(self, colours: Colours | None = None) -> Probed:
        """Find out how the net is to be run.

        Args:
            colours: their order, where it is known.
        Raises:
            AvatarError: code incompatible, it gives nothing finite, no picture, or one that no sound changes.
        """
        shown = self._best(colours)
        self._check(shown)
        adapter = shown.adapter
        if self._draws_together(adapter):
            adapter = replace(adapter, together=True)
        low, span = _bounds(adapter.draws)
        return Probed(
            adapter=adapter,
            size=self._size,
            colours_told=colours is not None or adapter.colours != self._plain.colours,
            lowest=round(float(shown.values.min()), 3),
            highest=round(float(shown.values.max()), 3),
            likeness=round(shown.unlike, 4),
            moved=round(float(np.abs(np.diff((shown.values - low) / span, axis=0)).max()), 4),
            ms_per_frame=round(self._ms_per_frame(adapter), 2),
        )

    def _best(self, colours: Colours | None) -> _Shown:
        """As Wav2Lip and Ultralight Digital Human are shown faces, unless its pictures are clearly better otherwise."""
        orders: tuple[Colours, ...] = (colours,) if colours else get_args(Colours)
        usual = self._show(replace(self._plain, colours=orders[0]))
        ranges: tuple[Range, ...] = get_args(Range) if usual.unlike > _LIKE else ("0..1",)
        ways = [replace(self._plain, reads=reads, colours=order) for reads, order in product(ranges, orders)]
        best = min((self._show(way) for way in ways if way != self._plain), key=lambda way: way.unlike, default=usual)
        return best if best.unlike < min(_LIKE, _CLEARLY * usual.unlike) else usual

    def _show(self, adapter: Adapter) -> _Shown:
        values = self._run(FaceNet(self._path, adapter=adapter, encoder=self._encoder))
        rows = values.shape[2]
        draws = _range(values)
        low, span = _bounds(draws)
        truth = self._face[0, 3:, self._size - rows :]
        unlike = float(np.abs((values - low) / span - truth).mean())
        region = "face" if rows == self._size else "lower-half"
        return _Shown(replace(adapter, draws=draws, region=region), values, unlike)

    def _run(self, net: FaceNet) -> Floats:
        """The net's own values, (2, 3, rows, S), one run a sound."""
        session: Any = net.open(net.model)
        try:
            pictures = [
                np.asarray(session.run(None, {net.sound: sound[None], net.face: self._face})[0])
                for sound in self._sounds
            ]
        except Exception as error:
            message = f"{self._path.name} fails on a test picture"
            raise AvatarError(message, code="incompatible", hint="try it in ONNX Runtime") from error
        shapes = {picture.shape for picture in pictures}
        wanted = {(1, 3, rows, self._size) for rows in (self._size, self._size // 2)}
        if len(shapes) != 1 or not shapes <= wanted:
            message = f"{self._path.name} gives {shapes}, not a picture (1, 3, {self._size}, {self._size})"
            raise AvatarError(message, code="incompatible", hint="its first output must be the face or its lower half")
        values = np.concatenate(pictures).astype(np.float32)
        if not np.isfinite(values).all():
            message = f"{self._path.name} gives values that are not finite"
            raise AvatarError(message, code="incompatible", hint="export it again, in float32")
        return values

    def _check(self, shown: _Shown) -> None:
        low, span = _bounds(shown.adapter.draws)
        values = (shown.values - low) / span
        lowest, highest = float(shown.values.min()), float(shown.values.max())
        if values.min() < -0.5 or values.max() > 1.5:
            message = f"{self._path.name} gives values from {lowest:.3g} to {highest:.3g}, which is no picture"
            raise AvatarError(message, code="incompatible", hint="its output must be in [0, 1], [0, 255] or [-1, 1]")
        if values.std() < _SEEN:
            message = f"{self._path.name} gives the same for every pixel"
            raise AvatarError(message, code="incompatible", hint="export it again, with its weights")
        if np.abs(values[1] - values[0]).max() < _SEEN:
            message = f"{self._path.name} draws the same face in silence and at a vowel"
            raise AvatarError(message, code="incompatible", hint="is it a net that moves lips?")

    def _draws_together(self, adapter: Adapter) -> bool:
        """Whether it draws two pictures in one run as it does one after the other; many are exported for one."""
        single = FaceNet(self._path, adapter=adapter, encoder=self._encoder)
        faces = np.concatenate([self._face, self._face[:, :, :, ::-1]])
        wanted = [single.render(self._sounds[at : at + 1], faces[at : at + 1]) for at in range(2)]
        try:
            both = FaceNet(self._path, adapter=replace(adapter, together=True), encoder=self._encoder)
            drawn = both.render(self._sounds, faces)
        except AvatarError:
            return False
        return float(np.abs(drawn - np.concatenate(wanted)).max()) < _SEEN

    def _ms_per_frame(self, adapter: Adapter) -> float:
        net = FaceNet(self._path, adapter=adapter, encoder=self._encoder)
        took_s: list[float] = []
        for _ in range(_RUNS + 1):  # the first one warms it up
            started_s = self._clock()
            net.render(self._sounds[1:], self._face)
            took_s.append(self._clock() - started_s)
        return median(took_s[1:]) * 1000


def _range(values: Floats) -> Range:
    """Which of the three ranges in use the values are meant in."""
    if values.max() > 2:
        return "0..255"
    return "-1..1" if values.min() < -0.1 else "0..1"


def _bounds(values: Range) -> tuple[float, float]:
    """The lowest value and the span."""
    low, high = (float(end) for end in values.split(".."))
    return low, high - low


def _sounds(net: FaceNet) -> Floats:
    """What the net hears of silence and of a vowel, (2, ...)."""
    times_s = np.arange(BEFORE + AFTER) / RATE_HZ
    vowel = sum(share * np.sin(2 * np.pi * hz * times_s) for hz, share in _VOWEL_HZ)
    stretches = np.stack([np.zeros_like(times_s), vowel]).astype(np.float32)
    if net.encoder is not None:
        n_rows = int(np.prod(net.window)) // 1024
        features = [net.encoder.windows(stretch[None], np.zeros(1), n_rows)[0] for stretch in stretches]
        return np.stack(features).reshape(2, *net.window)
    middle = len(stretches[0]) * 25 // RATE_HZ // 2
    return cast("Floats", np.stack([mel_windows(stretch)[middle] for stretch in stretches])[:, None])
