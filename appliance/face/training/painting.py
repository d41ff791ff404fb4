"""A half-trained generator in, the same with its painting head trained out: only the mouth, on features kept in memory.

The head sees little of what it needs to learn in a whole picture: teeth, tongue and the dark behind them are a few
hundred pixels. Alone, on the mouth's box, it takes some hundred steps of a tenth of the cost.
"""

from __future__ import annotations

import logging
import time

import torch
from torch import Tensor

from appliance.face.training.generator import BOX, Generator
from appliance.face.training.pictures import Studio

logger = logging.getLogger(__name__)

_KEPT = 60
"""Batches of features kept."""


def train_head(net: Generator, studio: Studio, *, minutes: float, rate: float = 4e-3) -> float:
    """Train net.head for so many minutes, on a fresh set of batches every minute or so; return the last loss."""
    net.eval()
    begun, recent, step = time.monotonic(), 0.0, 0
    optimizer = torch.optim.AdamW(net.head.parameters(), lr=rate)
    while (share := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * (0.05 + 0.95 * (1 - share))
        for _ in range(30):
            studio.draw()
        batches = [_features(net, studio) for _ in range(_KEPT)]
        for number in torch.randperm(4 * _KEPT).tolist():
            seen, warped, target = batches[number % _KEPT]
            colour, alpha = net.paint(seen.float())
            made = warped * (1 - alpha) + colour * alpha
            difference = (made - target).abs()
            loss = (difference * (1 + 15 * (warped - target).abs().mean(1, keepdim=True))).mean()
            for axis in (2, 3):
                loss = loss + 0.5 * (made.diff(dim=axis) - target.diff(dim=axis)).abs().mean()
            loss = loss + 0.2 * ((colour - target).abs() * (warped - target).abs().gt(0.06)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recent += (difference.mean().item() - recent) / min(step + 1, 100)
            step += 1
        logger.info("painting head", extra={"step": step, "done": round(share, 3), "loss": round(recent, 5)})
    return recent


def _features(net: Generator, studio: Studio) -> tuple[Tensor, Tensor, Tensor]:
    """What the head sees of one batch, the warp alone, and what should come out, all cut to the mouth's box."""
    face, params, _, target = studio.batch()
    seen: list[Tensor] = []
    hook = net.head.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        _, warped, _, _ = net(face.to(memory_format=torch.channels_last), params)
    hook.remove()
    cut = (slice(None), slice(None), *BOX)
    return seen[0].to(torch.bfloat16).clone(), warped.float()[cut].clone(), target[cut].clone()
