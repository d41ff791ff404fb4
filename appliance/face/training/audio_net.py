"""Mel windows in, the eight mouth parameters out: the half of the net that listens, and how it is trained.

It looks at its 16 mel frames through convolutions alone, without padding, so that a second of speech trains 64 windows
that overlap at hardly more than the cost of a few.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from appliance.face.mel import FLOOR, N_MELS, WINDOW
from appliance.face.training.fit import fit
from appliance.face.visemes import PARAMETERS

BATCH, SPAN = 48, 79
"""Stretches of speech in a step, and mel frames in each."""
_WIDTH = 256
_WEIGHTS = torch.tensor([2.0, 1.0, 1.2, 0.8, 1.0, 0.5, 0.5, 2.0])


class _Block(nn.Module):
    """Three mel frames to one; (B, width, T) -> (B, width, T - 2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU(), nn.Conv1d(width, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1:-1] + self.body(x)


class AudioNet(nn.Module):
    """(B, 1, 80, 16) in [-4, 4] -> (B, 8) in [0, 1]."""

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()

        def bands(ins: int, outs: int) -> nn.Sequential:
            convolution = nn.Conv2d(ins, outs, (5, 3), (2, 1), (2, 0), bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outs), nn.ReLU())

        self.bands = nn.Sequential(bands(1, 24), bands(24, 32))
        self.body = nn.Sequential(
            nn.Conv1d(32 * N_MELS // 4, _WIDTH, 2),
            *(_Block(_WIDTH) for _ in range(5)),
            nn.BatchNorm1d(_WIDTH),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Dropout(0.1), nn.Conv1d(_WIDTH, 128, 1), nn.ReLU(), nn.Conv1d(128, len(PARAMETERS), 1)
        )

    def logits(self, mel: Tensor) -> Tensor:
        """Read a stretch of speech, (B, 1, 80, T): (B, 8, T - 15), before they are squashed to [0, 1]."""
        return self.head(self.body(self.bands(mel * 0.25).flatten(1, 2)))

    def forward(self, mel: Tensor) -> Tensor:
        """Read the mouth from one window of sound."""
        return torch.sigmoid(self.logits(mel)[:, :, 0])


def augmented(mel: Tensor, noise: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Vary loudness, colour and formants, add noise, and turn some stretches into noise alone.

    Args:
        mel: (B, 80, T) clean speech.
        noise: (B, 80, T) sounds that are not speech.
        generator: the source of randomness.
    Returns:
        What is heard, (B, 80, T), and whether anybody speaks in it, (B,), 1 or 0.
    """
    batch = len(mel)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(batch, *shape, generator=generator)

    mel = warped(mel, uniform(0.86, 1.16))
    slope = torch.linspace(-1, 1, N_MELS)[None, :, None]
    ripple = nn.functional.interpolate(uniform(-0.4, 0.4, 1, 6), N_MELS, mode="linear").transpose(1, 2)
    # 0.08 units are one decibel: -20 to +6 dB, tilt of up to 8 dB at each end, and up to 5 dB here and there.
    mel = mel + uniform(-1.6, 0.5, 1, 1) + uniform(-0.65, 0.65, 1, 1) * slope + ripple
    if torch.rand(1, generator=generator).item() < 0.3:
        mel = _echoed(mel, uniform(0.05, 0.35, 1, 1))
    silent = uniform(0, 1, 1, 1) < 0.16
    mel = torch.where(silent, torch.tensor(FLOOR - 2), mel)
    # Under speech noise stays at least 10 dB below its loudest band.
    below = uniform(0.8, 5, 1, 1) + (noise.amax((1, 2), True) - mel.amax((1, 2), True))
    noise = torch.where(silent, noise, noise - below)
    return sum_of_levels(mel, noise).clamp(-4, 4), 1 - silent[:, 0, 0].float()


def warped(mel: Tensor, factor: Tensor) -> Tensor:
    """Stretch the frequency axis of each window by its factor, (B,), as another throat would."""
    at = (torch.arange(N_MELS)[None] * factor[:, None]).clamp(0, N_MELS - 1.001)
    low = at.long()
    share = (at - low)[:, :, None]
    index = low[:, :, None].expand(-1, -1, mel.shape[2])
    return mel.gather(1, index) * (1 - share) + mel.gather(1, index + 1) * share


def _echoed(mel: Tensor, fall: Tensor) -> Tensor:
    """Let every band fall no faster than a room would let it: fall is in units a mel frame."""
    columns = [mel[:, :, 0]]
    for column in range(1, mel.shape[2]):
        columns.append(torch.maximum(mel[:, :, column], columns[-1] - 0.25 - fall[:, :, 0]))
    return torch.stack(columns, 2)


def sum_of_levels(first: Tensor, second: Tensor) -> Tensor:
    """Add two sounds given in mel units (powers add; 8 units are 100 dB)."""
    scale = 100 / 8 / 10 * 2.302585
    return torch.logaddexp(first * scale, second * scale) / scale


def aperture(params: Tensor) -> Tensor:
    """How far the lips are apart, 0 to about 1, as the drawing has it."""
    return (params[:, 0] + 0.15 * params[:, 3]) * (1 - params[:, 7]) * (1 - 0.4 * params[:, 4])


class Corpus:
    """The stretches of speech that the net is trained on, each varied anew."""

    def __init__(self, path: Path, seed: int) -> None:
        """Read what `corpus.build` wrote."""
        data = np.load(path)
        self._mels = torch.from_numpy(data["mel"].astype(np.float32)).T.contiguous()
        self._noises = torch.from_numpy(data["noise"].astype(np.float32)).T.contiguous()
        self._params = torch.from_numpy(data["params"].astype(np.float32))
        self._starts = torch.from_numpy(data["starts"])
        self._labelled = torch.zeros(len(self._mels) + SPAN, dtype=torch.bool)
        self._labelled[self._starts] = True
        self._generator = torch.Generator().manual_seed(seed)

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give (BATCH, 80, SPAN) sound, (BATCH, SPAN - 15, 8) mouths, and which of them are labelled."""
        pick = self._starts[torch.randint(len(self._starts) - SPAN, (BATCH,), generator=self._generator)]
        places = pick[:, None] + torch.arange(SPAN)
        at = torch.randint(len(self._noises) - SPAN, (BATCH,), generator=self._generator)
        noise = self._noises[at[:, None] + torch.arange(SPAN)].transpose(1, 2)
        sound, speaking = augmented(self._mels[places].transpose(1, 2), noise, self._generator)
        places = places[:, : SPAN - WINDOW + 1]
        return sound, self._params[places] * speaking[:, None, None], self._labelled[places]


def difference(logits: Tensor, target: Tensor) -> Tensor:
    """How far (n, 8) mouths, before they are squashed, are from those wanted; most of all in how far they open."""
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * _WEIGHTS
    return each.mean() + nn.functional.l1_loss(aperture(torch.sigmoid(logits)), aperture(target))


def train(
    net: AudioNet, corpus_path: Path, *, minutes: float, seed: int, checkpoint: Path, rate: float = 2e-3
) -> list[tuple[int, float]]:
    """Train for so many minutes and return the curve of (step, loss)."""
    torch.manual_seed(seed)
    corpus = Corpus(corpus_path, seed)

    def loss() -> Tensor:
        sound, target, labelled = corpus.batch()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net.logits(sound[:, None]).transpose(1, 2)
        return difference(logits.float()[labelled], target[labelled])

    return fit(net, loss, minutes=minutes, checkpoint=checkpoint, rate=rate)
