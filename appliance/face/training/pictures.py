"""Drawn people in, a trained drawing half of the net out: it learns to put any mouth into a face."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from appliance.face.training.generator import Generator
from appliance.face.training.look import HOUSE, random_look, random_pose
from appliance.face.training.loss import difference, mouth_focus
from appliance.face.training.rig import REST, Portrait, mouth_place
from appliance.face.training.scene import scene
from appliance.face.training.view import FACE
from appliance.face.visemes import TABLE

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]

MOUTHS = 14
"""Mouths drawn for one person in one pose, beside the one at rest."""
POOL = 500
"""Sittings kept in memory, 1.7 MB each."""
HOUSE_SHARE = 0.3
BATCH = 12


@dataclass(frozen=True, slots=True)
class Sitting:
    """One person in one pose with many mouths."""

    pictures: NDArray[np.uint8]
    """(1 + MOUTHS, 192, 192, 3) BGR; the first is at rest."""
    params: Floats
    """(1 + MOUTHS, 8)."""
    place: Floats
    """(6,): where the mouth is, see `rig.mouth_place`."""


class Studio:
    """Draws people and keeps the last of them, so that drawing costs little beside training."""

    def __init__(self, seed: int, spoken: Floats) -> None:
        """Begin with no one; spoken is (n, 8) mouths as speech makes them."""
        self._pick = random.Random(seed)
        self._spoken = spoken
        self._house = scene(HOUSE, FACE)
        self._person = seed * 1_000_000
        self.pool: list[Sitting] = []
        self._drawn = 0

    def draw(self) -> None:
        """Draw one sitting more; the oldest leaves a full pool."""
        pick = self._pick
        self._person += 1
        house = pick.random() < HOUSE_SHARE
        look = HOUSE if house else random_look(self._person)
        background = self._house if look.lobby else scene(look, FACE)
        pose = random_pose(pick)
        portrait = Portrait(look, pose, view=FACE, background=background)
        params = np.stack([REST, *[self._mouth() for _ in range(MOUTHS)]])
        sitting = Sitting(np.stack([portrait.draw(row) for row in params]), params, mouth_place(look, pose))
        if len(self.pool) < POOL:
            self.pool.append(sitting)
        else:
            self.pool[self._drawn % POOL] = sitting
        self._drawn += 1

    def _mouth(self) -> Floats:
        """A mouth from speech, or a phoneme's pure one, weakened and mixed."""
        pick = self._pick
        if pick.random() < 0.65:
            params = self._spoken[pick.randrange(len(self._spoken))].astype(np.float32)
        else:
            first, second = (TABLE[pick.choice(list(TABLE))][0] for _ in range(2))
            params: Floats = first + (second - first) * np.float32(pick.choice([0.0, 0.0, pick.random()]))
            params = params * np.float32(pick.choice([1.0, pick.uniform(0.3, 1.0)]))
        noise = np.array([pick.gauss(0, 0.03) for _ in range(8)], np.float32)
        return np.clip(params + noise, 0, 1)

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give (B, 6, 192, 192) faces, (B, 8) parameters, (B, 6) places and (B, 3, 96, 192) targets."""
        faces, params, targets = list[NDArray[np.uint8]](), list[Floats](), list[NDArray[np.uint8]]()
        places: list[Floats] = []
        for _ in range(BATCH):
            sitting = self.pool[self._pick.randrange(len(self.pool))]
            number = self._pick.randrange(0 if self._pick.random() < 0.1 else 1, 1 + MOUTHS)
            reference = 0 if self._pick.random() < 0.7 else self._pick.randrange(1 + MOUTHS)
            masked = sitting.pictures[number].copy()
            targets.append(masked[96:].copy())
            masked[96:] = 0
            faces.append(np.concatenate([masked, sitting.pictures[reference]], 2))
            params.append(sitting.params[number])
            places.append(sitting.place)
        gain = torch.empty(BATCH, 3, 1, 1).uniform_(0.88, 1.10)
        face = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).float() / 255 * gain.repeat(1, 2, 1, 1)
        target = torch.from_numpy(np.stack(targets)).permute(0, 3, 1, 2).float() / 255 * gain
        mirror = torch.rand(BATCH) < 0.3
        face[mirror], target[mirror] = face[mirror].flip(3), target[mirror].flip(3)
        place = torch.from_numpy(np.stack(places))
        place[mirror, 0] = 191 - place[mirror, 0]
        place[mirror, 2] *= -1
        return face.clamp(0, 1), torch.from_numpy(np.stack(params)), place, target.clamp(0, 1)


def train(
    net: Generator, studio: Studio, *, minutes: float, checkpoint: Path, rate: float = 1.6e-3
) -> list[tuple[int, float]]:
    """Train for so many minutes, keep an average of the weights, return the curve of (step, loss)."""
    focus = mouth_focus()
    for _ in range(40 - len(studio.pool)):
        studio.draw()
    net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.005)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    begun, step, curve, recent = time.monotonic(), 0, list[tuple[int, float]](), 0.0
    while (share := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 100) * (0.02 + 0.98 * (1 - share) ** 1.3)
        if step % 3 == 0:
            studio.draw()
        face, params, place, target = studio.batch()
        face = face.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = net(face, params)
        loss = difference(made[:3], target, face[:, 3:, 96:], focus)
        loss = loss + 0.1 * ((made[3] - place) / net.spread).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(net)
        recent += (loss.item() - recent) / min(step + 1, 100)
        step += 1
        if step % 50 == 0:
            curve.append((step, recent))
            torch.save(average.module.state_dict(), checkpoint)
            logger.info("generator", extra={"step": step, "done": round(share, 3), "loss": round(recent, 4)})
    torch.save(average.module.state_dict(), checkpoint)
    net.load_state_dict(average.module.state_dict())
    return [*curve, (step, recent)]
