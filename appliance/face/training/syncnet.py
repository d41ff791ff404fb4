"""Pictures of a speaking face and its sound in, how far SyncNet finds them apart out: LSE-D and LSE-C.

The net is Chung and Zisserman's ("Out of time", 2016), its weights are the owner's to bring: no file of them may be
passed on here. Crop, features and distances are those of joonson/syncnet_python, by which papers are compared.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from appliance.errors import AvatarError

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

SHA256 = "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442"
"""Of syncnet_v2.model, the one file of weights that published figures are made with."""
FPS, RATE_HZ = 25, 16_000
"""Pictures and samples a second that it knows."""
_SIDE_PX = 224
_WIDER = 0.4
"""The crop leaves so much of half the face's box free at its sides, and twice as much below."""
_GREY = 110
"""What lies outside the picture."""
_PICTURES, _COLUMNS = 5, 20
"""What one look takes in: 0.2 s of pictures, and of sound."""
_SHIFT = 15
"""Pictures by which sound is laid earlier and later at most."""
_BATCH = 8
_N_FFT, _WINDOW, _HOP, _BANDS, _KEPT, _LIFTER = 512, 400, 160, 26, 13, 22


@dataclass(frozen=True, slots=True)
class Sync:
    """What SyncNet says of one utterance."""

    distance: float
    """LSE-D: the mean distance of lips and sound where they fit best; about 7 in films of people, less is better."""
    confidence: float
    """LSE-C: by how much that is less than the median over all shifts; about 7 in films of people, more is better."""
    offset_frames: int
    """By how many pictures the sound has to be laid later to fit best; as published, films of people have -1 to 1."""


class SyncNet(nn.Module):
    """Both halves: what sees the lips, and what hears. Parts have the names and places of the published weights."""

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_layer2d(1, 64, 3, 1),
            nn.Identity(),
            *_layer2d(64, 192, 3, 1),
            nn.MaxPool2d(3, (1, 2)),
            *_layer2d(192, 384, 3, 1),
            *_layer2d(384, 256, 3, 1),
            *_layer2d(256, 256, 3, 1),
            nn.MaxPool2d(3, 2),
            *_layer2d(256, 512, (5, 4), 0),
        )
        self.netcnnlip = nn.Sequential(
            *_layer3d(3, 96, (5, 7, 7), 0, 2),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(96, 256, (1, 5, 5), 1, 2),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_layer3d(256, 256, (1, 3, 3), 1),
            *_layer3d(256, 256, (1, 3, 3), 1),
            *_layer3d(256, 256, (1, 3, 3), 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(256, 512, (1, 6, 6), 0),
        )
        self.netfcaud, self.netfclip = _head(), _head()

    def hear(self, sound: Tensor) -> Tensor:
        """(n, 1, 13, 20) cepstra -> (n, 1024)."""
        return self.netfcaud(self.netcnnaud(sound).flatten(1))

    def see(self, lips: Tensor) -> Tensor:
        """(n, 3, 5, 224, 224) pictures, BGR of 0 to 255 -> (n, 1024)."""
        return self.netfclip(self.netcnnlip(lips).flatten(1))


def _layer2d(ins: int, outs: int, kernel: int | tuple[int, int], padding: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(ins, outs, kernel, padding=padding), nn.BatchNorm2d(outs), nn.ReLU()


def _layer3d(ins: int, outs: int, kernel: tuple[int, int, int], padding: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv3d(ins, outs, kernel, (1, stride, stride), (0, padding, padding))
    return convolution, nn.BatchNorm3d(outs), nn.ReLU()


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


def load(path: Path, *, sha256: str = SHA256) -> SyncNet:
    """Open the published weights.

    Raises:
        AvatarError: codes not-readable, and wrong-weights where it is another file.
    """
    hint = "--syncnet takes syncnet_v2.model, as its authors publish it"
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise AvatarError(
                f"{path} is not SyncNet's published file: its SHA-256 is {found}", code="wrong-weights", hint=hint
            )
        net = SyncNet()
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise AvatarError(f"{path} cannot be read as SyncNet's weights", code="not-readable", hint=hint) from error
    return net.eval()


def face(picture: Pixels, box: tuple[int, int, int]) -> Pixels:
    """Cut what SyncNet looks at out of a picture: (224, 224, 3) BGR.

    Args:
        picture: (h, w, 3) BGR.
        box: left, top and side of the face, forehead to chin.
    """
    left, top, side = box
    half = side / 2
    margin = int(half * (1 + 2 * _WIDER))
    wide = cv2.copyMakeBorder(picture, *[margin] * 4, cv2.BORDER_CONSTANT, value=[_GREY] * 3)
    x, y = left + half + margin, top + half + margin
    rows = slice(int(y - half), int(y + half * (1 + 2 * _WIDER)))
    columns = slice(int(x - half * (1 + _WIDER)), int(x + half * (1 + _WIDER)))
    return cv2.resize(wide[rows, columns], (_SIDE_PX, _SIDE_PX))


def measured(net: SyncNet, faces: Pixels, pcm: NDArray[np.int16]) -> Sync | None:
    """Lay the sound over the pictures; None of less than 0.6 s, in which nothing can be told.

    Args:
        faces: (pictures, 224, 224, 3), as `face` cuts them, 25 a second.
        pcm: (n,) int16, 16 kHz.
    """
    count = min(len(faces), len(pcm) * FPS // RATE_HZ) - _PICTURES
    if count < 2 * _PICTURES:
        return None
    sound = torch.from_numpy(cepstra(pcm).T)
    per = RATE_HZ // _HOP // FPS
    seen: list[Tensor] = []
    heard: list[Tensor] = []
    with torch.no_grad():
        for first in range(0, count, _BATCH):
            places = range(first, min(first + _BATCH, count))
            lips = np.stack([faces[at : at + _PICTURES].transpose(3, 0, 1, 2) for at in places])
            seen.append(net.see(torch.from_numpy(lips).float()))
            heard.append(net.hear(torch.stack([sound[None, :, at * per : at * per + _COLUMNS] for at in places])))
    return apart(torch.cat(seen).numpy(), torch.cat(heard).numpy())


def apart(seen: Floats, heard: Floats) -> Sync:
    """What the distances between (n, k) features of lips and (n, k) of sound say; before and after those are 0."""
    padded = np.pad(heard, ((_SHIFT, _SHIFT), (0, 0)))
    # torch's pairwise_distance, by which the published figures are made, adds 1e-6 to each difference.
    distances = [
        float(np.linalg.norm(seen - padded[at : at + len(seen)] + 1e-6, axis=1).mean()) for at in range(2 * _SHIFT + 1)
    ]
    best = int(np.argmin(distances))
    return Sync(distances[best], float(np.median(distances)) - distances[best], _SHIFT - best)


def cepstra(pcm: NDArray[np.int16]) -> Floats:
    """Mel-frequency cepstra of speech, (1 + n / 160, 13), a row each 10 ms: those of python_speech_features 0.6.

    Args:
        pcm: (n,) int16, 16 kHz.
    """
    signal = pcm.astype(np.float64)
    signal[1:] -= 0.97 * pcm[:-1]
    count = 1 + max(0, -(-(len(signal) - _WINDOW) // _HOP))
    signal = np.pad(signal, (0, (count - 1) * _HOP + _WINDOW - len(signal)))
    windows = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[::_HOP][:count]
    powers = np.abs(np.fft.rfft(windows, _N_FFT, axis=1)) ** 2 / _N_FFT
    tiny = np.finfo(float).eps
    levels = np.log(np.maximum(powers @ _bands().T, tiny))
    rows = np.arange(_KEPT)[:, None]
    cosines = np.cos(np.pi * rows * (2 * np.arange(_BANDS) + 1) / (2 * _BANDS)) * np.sqrt(2 / _BANDS)
    cosines[0] /= np.sqrt(2)
    found = levels @ cosines.T * (1 + _LIFTER / 2 * np.sin(np.pi * np.arange(_KEPT) / _LIFTER))
    found[:, 0] = np.log(np.maximum(powers.sum(1), tiny))
    return found.astype(np.float32)


def _bands() -> NDArray[np.float64]:
    """(26, 257) triangles, as wide on the mel scale, from 0 to 8 kHz."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE_HZ / 2 / 700), _BANDS + 2) / 2595) - 1)
    bins = np.floor((_N_FFT + 1) * edges / RATE_HZ)
    places = np.arange(_N_FFT // 2 + 1)[None]
    low, middle, high = (bins[at : at + _BANDS, None] for at in range(3))
    rising, falling = (places - low) / (middle - low), (high - places) / (high - middle)
    inside = (places >= low) & (places < high)
    return np.where(inside, np.where(places < middle, rising, falling), 0.0)
