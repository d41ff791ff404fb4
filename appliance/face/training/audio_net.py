"""Mel windows in, the eight mouth parameters out: the half of the net that listens, and how it is trained."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from piper import PiperVoice
from torch import Tensor, nn

from appliance.face.mel import FLOOR, MELS_PER_S, N_MELS, WINDOW, mel_spectrogram
from appliance.face.training.noise import clips
from appliance.face.training.speech import Speech, corpus
from appliance.face.visemes import PARAMETERS, tracks

logger = logging.getLogger(__name__)

CENTRE = 6.8
"""Where in its window the labelled moment lies, in mel frames: 6.4 is 80 ms, and cutting rounds down by 0.4."""
NOISES = 160
"""Clips of 5 s without speech."""
_WEIGHTS = torch.tensor([2.0, 1.0, 1.2, 0.8, 1.0, 0.5, 0.5, 2.0])


class AudioNet(nn.Module):
    """(B, 1, 80, 16) in [-4, 4] -> (B, 8) in [0, 1]."""

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()

        def block(ins: int, outs: int, kernel: tuple[int, int], stride: tuple[int, int]) -> nn.Sequential:
            pad = (kernel[0] // 2, kernel[1] // 2)
            return nn.Sequential(nn.Conv2d(ins, outs, kernel, stride, pad), nn.BatchNorm2d(outs), nn.ReLU())

        self.body = nn.Sequential(
            block(1, 32, (5, 3), (2, 1)),
            block(32, 48, (3, 3), (2, 1)),
            block(48, 64, (3, 3), (2, 1)),
            block(64, 96, (3, 3), (2, 2)),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(96 * 5 * 8, 112),
            nn.ReLU(),
            nn.Linear(112, len(PARAMETERS)),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Read the mouth from sound."""
        return torch.sigmoid(self.body(mel * 0.25))


def labelled(speech: Speech) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Give (80, T + 32) mels with silence around them and (T + 17, 8) parameters for the windows that start there."""
    quiet = np.zeros(16 * 200, np.float32)
    mel = mel_spectrogram(np.concatenate([quiet, speech.pcm, quiet]))
    starts = np.arange(mel.shape[1] - WINDOW + 1)
    params = tracks(speech.phones, (starts + CENTRE - 16) / MELS_PER_S)
    return mel.astype(np.float16), params.astype(np.float16)


def build_corpus(voice_path: Path, seed: int, counts: tuple[int, int], out: Path) -> Path:
    """Speak and label the corpus, counts = (Piper, espeak-ng) sentences; keep it in one .npz."""
    if out.exists():
        return out
    voice = PiperVoice.load(voice_path, include_alignments=True)
    mels: list[NDArray[np.float16]] = []
    params: list[NDArray[np.float16]] = []
    starts: list[NDArray[np.int64]] = []
    at = 0
    for number, speech in enumerate(corpus(voice, seed, *counts)):
        mel, param = labelled(speech)
        starts.append(at + np.arange(len(param)))
        mels.append(mel)
        params.append(np.pad(param, ((0, mel.shape[1] - len(param)), (0, 0))))
        at += mel.shape[1]
        if number % 100 == 0:
            logger.info("speech labelled", extra={"sentences": number, "minutes": round(at / MELS_PER_S / 60, 1)})
    noise = np.concatenate([mel_spectrogram(clip)[:, 2:-2] for clip in clips(seed, NOISES)], 1).astype(np.float16)
    np.savez(
        out, noise=noise, mel=np.concatenate(mels, 1), params=np.concatenate(params), starts=np.concatenate(starts)
    )
    return out


def augmented(mel: Tensor, target: Tensor, noise: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Vary loudness, tilt and formants, add noise, and turn some windows into noise alone with a closed mouth.

    Args:
        mel: (B, 80, 16) clean windows.
        target: (B, 8).
        noise: (B, 80, 16) windows of sounds that are not speech.
        generator: the source of randomness.
    Returns:
        The same shapes as mel and target.
    """
    batch = len(mel)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(batch, *shape, generator=generator)

    mel = _warped(mel, uniform(0.9, 1.12))
    slope = torch.linspace(-1, 1, N_MELS)[None, :, None]
    # 0.08 units are one decibel: -20 to +6 dB, tilt of up to 8 dB at each end.
    mel = mel + uniform(-1.6, 0.5, 1, 1) + uniform(-0.65, 0.65, 1, 1) * slope
    if torch.rand(1, generator=generator).item() < 0.3:
        mel = _echoed(mel, uniform(0.05, 0.35, 1, 1))
    silent = uniform(0, 1, 1, 1) < 0.16
    mel = torch.where(silent, torch.tensor(FLOOR - 2), mel)
    target = torch.where(silent[:, :, 0], torch.tensor(0.0), target)
    # Under speech noise stays at least 10 dB below its loudest band.
    below = uniform(0.8, 5, 1, 1) + (noise.amax((1, 2), True) - mel.amax((1, 2), True))
    noise = torch.where(silent, noise, noise - below)
    return _sum_of_levels(mel, noise).clamp(-4, 4), target


def _warped(mel: Tensor, factor: Tensor) -> Tensor:
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


def _sum_of_levels(first: Tensor, second: Tensor) -> Tensor:
    """Add two sounds given in mel units (powers add; 8 units are 100 dB)."""
    scale = 100 / 8 / 10 * 2.302585
    return torch.logaddexp(first * scale, second * scale) / scale


def aperture(params: Tensor) -> Tensor:
    """How far the lips are apart, 0 to about 1, as the drawing has it."""
    return (params[:, 0] + 0.15 * params[:, 3]) * (1 - params[:, 7]) * (1 - 0.4 * params[:, 4])


def train(
    net: AudioNet, corpus_path: Path, *, minutes: float, seed: int, checkpoint: Path, rate: float = 2e-3
) -> list[tuple[int, float]]:
    """Train for so many minutes, keep an average of the weights, return the curve of (step, loss)."""
    data = np.load(corpus_path)
    mels = torch.from_numpy(data["mel"].astype(np.float32)).T.contiguous()
    params = torch.from_numpy(data["params"].astype(np.float32))
    starts = torch.from_numpy(data["starts"])
    noises = torch.from_numpy(data["noise"].astype(np.float32)).T.contiguous()
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    begun, step, curve, recent = time.monotonic(), 0, list[tuple[int, float]](), 0.0
    while (share := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 200) * (0.02 + 0.98 * (1 - share) ** 1.5)
        pick = starts[torch.randint(len(starts), (128,), generator=generator)]
        window = mels[pick[:, None] + torch.arange(WINDOW)].transpose(1, 2)
        at = torch.randint(len(noises) - WINDOW, (128,), generator=generator)
        noise = noises[at[:, None] + torch.arange(WINDOW)].transpose(1, 2)
        window, target = augmented(window, params[pick], noise, generator)
        guess = net(window[:, None])
        loss = (nn.functional.smooth_l1_loss(guess, target, beta=0.1, reduction="none") * _WEIGHTS).mean()
        loss = loss + nn.functional.l1_loss(aperture(guess), aperture(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update_parameters(net)
        recent += (loss.item() - recent) / min(step + 1, 200)
        step += 1
        if step % 250 == 0:
            curve.append((step, recent))
            torch.save(average.module.state_dict(), checkpoint)
            logger.info("audio net", extra={"step": step, "done": round(share, 3), "loss": round(recent, 4)})
    torch.save(average.module.state_dict(), checkpoint)
    net.load_state_dict(average.module.state_dict())
    return [*curve, (step, recent)]
