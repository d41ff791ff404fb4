"""A net and its loss in, a trained net out: AdamW for so many minutes, a falling rate, an average of the weights."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

_WARM_STEPS = 200
_SAVED_EVERY = 250


def fit(
    net: nn.Module, loss_of_a_batch: Callable[[], Tensor], *, minutes: float, checkpoint: Path, rate: float = 2e-3
) -> list[tuple[int, float]]:
    """Train for so many minutes and return the curve of (step, loss); the checkpoint is written as it goes on."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.02)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    begun, step, curve, recent = time.monotonic(), 0, list[tuple[int, float]](), 0.0
    while (share := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / _WARM_STEPS) * (0.02 + 0.98 * (1 - share) ** 1.5)
        loss = loss_of_a_batch()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update_parameters(net)
        recent += (loss.item() - recent) / min(step + 1, _WARM_STEPS)
        step += 1
        if step % _SAVED_EVERY == 0:
            curve.append((step, recent))
            torch.save(average.module.state_dict(), checkpoint)
            told = {"step": step, "done": round(share, 3), "loss": round(recent, 4)}
            logger.info("%s", type(net).__name__, extra=told)
    torch.save(average.module.state_dict(), checkpoint)
    net.load_state_dict(average.module.state_dict())
    return [*curve, (step, recent)]
