"""What was drawn and what should have been in, how far they are apart out: most of all in the mouth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from appliance.face.training.generator import BOX


def difference(made: tuple[Tensor, Tensor, Tensor], target: Tensor, reference: Tensor, focus: Tensor) -> Tensor:
    """Absolute difference, most of all in the mouth and where the target departs from the reference.

    Warp and colour are each held to the target as well: the share of a colour that is nowhere right would die out
    before it has learned anything.

    Args:
        made: the picture, the warp alone and the colour in BOX, as `Generator.forward` gives them.
        target, reference: (B, 3, 96, 192), the lower half as it should be, and as it came.
        focus: of `mouth_focus`.
    """
    drawn, warped, colour = (part.float() for part in made)
    weight = 1 + 10 * focus + 25 * (target - reference).abs().mean(1, keepdim=True)
    loss = (weight * (drawn - target).abs()).mean()
    for axis in (2, 3):
        near = focus.narrow(axis, 1, focus.shape[axis] - 1) * 6 + 1
        loss = loss + near.mul((drawn.diff(dim=axis) - target.diff(dim=axis)).abs()).mean()
    pooled = nn.functional.avg_pool2d(drawn, 8) - nn.functional.avg_pool2d(target, 8)
    loss = loss + pooled.abs().mean() + 0.12 * (weight * (warped - target).abs()).mean()
    box = (slice(None), slice(None), *BOX)
    return loss + 0.15 * ((weight[box] - 1) * (colour - target[box]).abs()).mean()


def mouth_focus() -> Tensor:
    """(1, 1, 96, 192): 1 in the middle of the mouth, falling off around it."""
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(192.0), indexing="ij")
    return torch.exp(-(((x - 96) / 36) ** 2) - ((y - 32) / 24) ** 2)[None, None]
