"""Whisper's features and mel frames in, the eight mouth parameters out: the net of `face.listener`, and how it is made.

It reads a stretch of any length at once, a mouth at every mel frame, from 0.2 s around it: who speaks, and through what
noise, matters little to Whisper's encoder, and when the lips part is seen in the mel frames.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from appliance.face import listener, onnx_file
from appliance.face.denoise import denoised
from appliance.face.mel import FLOOR, HOP, MELS_PER_S, N_MELS, RATE_HZ, mel_spectrogram
from appliance.face.stretches import AFTER, BEFORE
from appliance.face.training.audio_net import aperture, difference, sum_of_levels, warped
from appliance.face.training.export import hold, save, traced
from appliance.face.training.fit import fit
from appliance.face.training.noise import clips
from appliance.face.training.speech import Speech
from appliance.face.visemes import CLOSED, PARAMETERS, tracks

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

BATCH, SPAN = 32, 120
"""Stretches of speech in a step, and mel frames in each."""
NOISES = 160
"""Clips of 5 s without speech."""
_EDGE = 20
"""Mel frames at both ends of a stretch that are not judged: they lack what is around them."""
_WIDTH, _FEATURES = 192, 384
_QUIET_S = 0.5
"""Silence around a sentence; half of it is judged, for lips that part too late."""
_TOLERANCE = 1e-3


class ListeningNet(nn.Module):
    """Mel frames (B, 80, T) in [-4, 4] and features (B, 384, T) -> mouths (B, T, 8) before they are squashed."""

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()

        def bands(ins: int, outs: int) -> nn.Sequential:
            convolution = nn.Conv2d(ins, outs, (5, 3), (2, 1), (2, 1), bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outs), nn.ReLU())

        def block(dilation: int) -> nn.Sequential:
            convolution = nn.Conv1d(_WIDTH, _WIDTH, 3, dilation=dilation, padding=dilation)
            return nn.Sequential(nn.BatchNorm1d(_WIDTH), nn.ReLU(), nn.Dropout(0.1), convolution)

        self.bands = nn.Sequential(
            bands(1, 24), bands(24, 32), nn.Flatten(1, 2), nn.Conv1d(32 * N_MELS // 4, _WIDTH, 1)
        )
        self.heard = nn.Sequential(
            *(nn.Dropout(0.2), nn.Conv1d(_FEATURES, _WIDTH, 3, padding=1)),
            *(nn.ReLU(), nn.Dropout(0.3), nn.Conv1d(_WIDTH, _WIDTH, 1)),
        )
        self.blocks = nn.ModuleList(block(dilation) for dilation in (1, 2, 4, 1, 2, 4))
        self.head = nn.Sequential(
            *(nn.BatchNorm1d(_WIDTH), nn.ReLU(), nn.Dropout(0.1), nn.Conv1d(_WIDTH, 128, 1)),
            *(nn.ReLU(), nn.Conv1d(128, len(PARAMETERS), 1)),
        )

    def forward(self, mel: Tensor, heard: Tensor) -> Tensor:
        """Read a stretch of speech."""
        x = self.bands(mel[:, None] * 0.25) + self.heard(heard)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x).transpose(1, 2)


class Written(nn.Module):
    """The net as it is written: its mouths are in [0, 1]."""

    def __init__(self, net: ListeningNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, mel: Tensor, heard: Tensor) -> Tensor:
        return torch.sigmoid(self.net(mel, heard))


# ---- what it learns from


def build(speeches: Iterable[Speech], whisper: Path, seed: int, out: Path) -> Path:
    """Have every sentence heard three times: as it is, in noise such as rooms have, and in white noise; then noise
    alone, in which the mouth is closed."""
    features, pick, noises = listener.WhisperFeatures(whisper), np.random.default_rng(seed), list(clips(seed, NOISES))
    mels: list[Halves] = []
    heard: list[Halves] = []
    mouths: list[Halves] = []
    for number, speech in enumerate(speeches):
        quiet = np.zeros(round(_QUIET_S * RATE_HZ), np.float32)
        pcm = np.concatenate([quiet, speech.pcm, quiet])
        for kind in ("clean", "noise", "white"):
            sound = _in_noise(pcm, kind, noises, pick)
            mel, rows = _as_in_use(features, sound)
            mels.append(mel)
            heard.append(rows)
        times_s = np.arange(mels[-1].shape[1]) / MELS_PER_S - _QUIET_S
        mouths += [tracks(speech.phones, times_s).astype(np.float16)] * 3
        if number % 100 == 0:
            logger.info("speech heard", extra={"sentences": number})
    for noise in noises:
        mel, rows = _as_in_use(features, noise)
        mels.append(mel)
        heard.append(rows)
        mouths.append(np.zeros((mels[-1].shape[1], len(PARAMETERS)), np.float16))
    columns, rows = np.cumsum([mel.shape[1] for mel in mels]), np.cumsum([len(row) for row in heard])
    np.savez(
        out,
        mel=np.concatenate(mels, 1).T,
        heard=np.concatenate(heard),
        mouths=np.concatenate(mouths),
        columns=np.array([0, *columns]),
        rows=np.array([0, *rows]),
    )
    return out


def _in_noise(pcm: Floats, kind: str, noises: list[Floats], pick: np.random.Generator) -> Floats:
    """Louder or quieter; but for clean speech coloured, and 12 to 35 dB above some noise."""
    sound = pcm * np.float32(10 ** (pick.uniform(-15, 3) / 20))
    below_db = pick.uniform(25, 60)
    if kind != "clean":
        sound, below_db = _coloured(sound, pick), pick.uniform(12, 35)
    count = -(-len(sound) // len(noises[0]))
    noise = np.concatenate([noises[at] for at in pick.integers(len(noises), size=count)])[: len(sound)]
    if kind == "white":
        noise = pick.normal(size=len(sound)).astype(np.float32)
    sound = sound + noise / max(float(noise.std()), 1e-9) * sound.std() * 10 ** (-below_db / 20)
    return (sound / max(1.0, float(np.abs(sound).max()))).astype(np.float32)


def _coloured(pcm: Floats, pick: np.random.Generator) -> Floats:
    """Through a microphone that lifts and lowers parts of the spectrum by 6 dB at most."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(pcm), 1 / RATE_HZ), 60) / 1000)
    decibels = np.interp(octaves, np.linspace(-4, 3, 6), pick.uniform(-6, 6, 6))
    return np.fft.irfft(np.fft.rfft(pcm) * 10 ** (decibels / 20), len(pcm)).astype(np.float32)


def _as_in_use(features: listener.WhisperFeatures, pcm: Floats) -> tuple[Halves, Halves]:
    """Mel frames (80, T) and features (rows, 384), a second at a time with no more around it than a request brings."""
    per_row, mels, heard = RATE_HZ // listener.ROWS_PER_S, list[Floats](), list[Floats]()
    padded = np.pad(pcm, (BEFORE, AFTER + RATE_HZ))
    for at in range(0, len(pcm) + 1, RATE_HZ):
        clear = denoised(padded[at : at + BEFORE + RATE_HZ + AFTER])
        mels.append(mel_spectrogram(clear)[:, BEFORE // HOP :][:, :MELS_PER_S])
        heard.append(features.hear(clear)[BEFORE // per_row :][: listener.ROWS_PER_S])
    mel, rows = np.concatenate(mels, 1)[:, : 1 + len(pcm) // HOP], np.concatenate(heard)[: len(pcm) // per_row]
    return mel.astype(np.float16), rows.astype(np.float16)


class Corpus:
    """Stretches of what `build` wrote, their mel frames varied anew."""

    def __init__(self, path: Path, seed: int) -> None:
        data = np.load(path)
        self._mel, self._mouths = (torch.from_numpy(data[name]) for name in ("mel", "mouths"))
        self._heard: Halves = data["heard"]
        self._columns, self._rows = data["columns"], data["rows"]
        lengths = np.diff(self._columns)
        self._share = lengths / lengths.sum()
        self._pick = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give (BATCH, 80, SPAN) mels, (BATCH, 384, SPAN) features and (BATCH, SPAN, 8) mouths."""
        chosen = self._pick.choice(len(self._share), BATCH, p=self._share)
        mels, heard, mouths = zip(*(self._stretch(int(number)) for number in chosen), strict=True)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(BATCH, *shape, generator=self._generator)

        mel = warped(torch.stack(mels).transpose(1, 2), uniform(0.88, 1.14))
        slope = torch.linspace(-1, 1, N_MELS)[None, :, None]
        mel = mel + uniform(-1.1, 0.5, 1, 1) + uniform(-0.65, 0.65, 1, 1) * slope
        # More noise of any colour, 12 dB below the loudest or less, down to none, and never as steady as its mean.
        noise = mel.amax((1, 2), True) - uniform(1.0, 9.0, 1, 1) + uniform(-1.5, 1.5, 1, 1) * slope
        mel = sum_of_levels(mel, noise + 0.4 * torch.randn(mel.shape, generator=self._generator))
        # And a band of up to ten that is not heard.
        bands, low = torch.arange(N_MELS)[None, :, None], uniform(-N_MELS, N_MELS, 1, 1)
        mel = torch.where((bands >= low) & (bands < low + uniform(0, 10, 1, 1)), FLOOR, mel)
        return mel.clamp(-4, 4), torch.stack(heard).transpose(1, 2), torch.stack(mouths)

    def _stretch(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        start, stop = self._columns[number : number + 2]
        length = stop - start
        anywhere = self._pick.integers(-SPAN // 2, length - SPAN // 2)  # beginnings and ends as often as the rest
        first = int(np.clip(anywhere, 0, max(0, length - SPAN)))
        columns = slice(start + first, min(start + first + SPAN, stop))
        missing = SPAN - (columns.stop - columns.start)
        mel = nn.functional.pad(self._mel[columns].float(), (0, 0, 0, missing), value=FLOOR)
        mouths = nn.functional.pad(self._mouths[columns].float(), (0, 0, 0, missing))
        rows = self._heard[self._rows[number] : self._rows[number + 1]]
        return mel, torch.from_numpy(listener.stretched(rows, SPAN, first)), mouths


# ---- how it learns


def loss_of(logits: Tensor, wanted: Tensor) -> Tensor:
    """How far mouths, (n, 8), are from those wanted, and once more whether they are closed."""
    apart, should = aperture(torch.sigmoid(logits)), aperture(wanted)
    closed = nn.functional.binary_cross_entropy_with_logits(30 * (CLOSED - apart), (should < CLOSED).float())
    return difference(logits, wanted) + 0.3 * closed


def train(
    net: ListeningNet, corpus_path: Path, *, minutes: float, seed: int, checkpoint: Path
) -> list[tuple[int, float]]:
    """Train for so many minutes and return the curve of (step, loss)."""
    torch.manual_seed(seed)
    corpus, judged = Corpus(corpus_path, seed), slice(_EDGE, -_EDGE)

    def loss() -> Tensor:
        mel, heard, wanted = corpus.batch()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(mel, heard)
        return loss_of(logits.float()[:, judged].flatten(0, 1), wanted[:, judged].flatten(0, 1))

    return fit(net, loss, minutes=minutes, checkpoint=checkpoint)


def export(net: ListeningNet, whisper: Path, out: Path, *, notes: dict[str, str]) -> Path:
    """Write and check it; notes are added to the metadata.

    Raises:
        RuntimeError: ONNX Runtime and torch differ by more than _TOLERANCE.
    """
    written = Written(net).eval()
    inputs = {listener.MEL: torch.rand(1, N_MELS, 147) * 8 - 4, listener.HEARD: torch.randn(1, _FEATURES, 147)}
    axes = {listener.MEL: {2: "frames"}, listener.HEARD: {2: "frames"}, listener.MOUTHS: {1: "frames"}}
    about = {
        "name": "listener",
        "version": "1",
        "mouth_parameters": " ".join(PARAMETERS),
        listener.HEADS: listener.heads(whisper),
        "licence": "Apache-2.0",
    }
    save(traced(written, inputs, listener.MOUTHS, axes, out), about | notes, out)
    with torch.no_grad():
        wanted = written(*inputs.values()).numpy()
    feeds = {name: values.numpy() for name, values in inputs.items()}
    (made,) = onnx_file.session(out, out.name, threads=1).run(None, feeds)
    hold(np.asarray(made), wanted, out, _TOLERANCE)
    return out
