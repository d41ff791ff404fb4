"""Pictures of one person in, the face net made hers out: a short training that goes on where the net's own ended.

What the normalisations learned from many people is left as it is; one person's pictures would only blur it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import shape_inference
from onnx.utils import Extractor
from torch import Tensor

from appliance.errors import AvatarError
from appliance.face.making.lessons import Lessons
from appliance.face.net import FaceNet
from appliance.face.training import weights
from appliance.face.training.generator import SIZE, Generator
from appliance.face.training.loss import difference, mouth_focus

logger = logging.getLogger(__name__)

Progress = Callable[[float], None]
"""Called with the share of the training that is done."""

BATCH = 8
SEED = 7
_RATE = 1.2e-3
_TOLERANCE = 1e-3
"""Most that the written net may differ from the trained one, of 1."""


def tune(net_path: Path, lessons: Lessons, *, minutes: float, threads: int, progress: Progress) -> bytes:
    """Train for so many minutes; the content of the person's own ONNX file.

    Raises:
        AvatarError: the net cannot be trained on, or what was written does not compute what was trained.
    """
    torch.manual_seed(SEED)
    torch.set_num_threads(threads)
    model, generator = weights.read(net_path)
    _train(generator, lessons, minutes, progress)
    content = weights.write(model, generator)
    _check(content, generator, lessons)
    return content


def _batch(lessons: Lessons, at: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(B, 6, 192, 192) faces, (B, 8) mouths, (B, 6) places and (B, 3, 96, 192) targets."""
    references = lessons.references[lessons.poses[at]]
    masked = references.copy()
    masked[:, SIZE // 2 :] = 0
    face = torch.from_numpy(np.concatenate([masked, references], 3)).permute(0, 3, 1, 2).float() / 255
    target = torch.from_numpy(lessons.pictures[at]).permute(0, 3, 1, 2).float() / 255
    return face, torch.from_numpy(lessons.mouths[at]), torch.from_numpy(lessons.places[lessons.poses[at]]), target


def _train(net: Generator, lessons: Lessons, minutes: float, progress: Progress) -> None:
    focus, pick = mouth_focus(), np.random.default_rng(SEED)
    net.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=0.005)
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98))
    begun, step, recent = time.monotonic(), 0, 0.0
    while (share := (time.monotonic() - begun) / (60 * minutes)) < 1:
        progress(share)
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1, (step + 1) / 20) * (0.02 + 0.98 * (1 - share) ** 1.3)
        face, mouths, place, target = _batch(lessons, pick.integers(len(lessons.poses), size=BATCH))
        face = face.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = net(face, mouths)
        loss = difference(made[:3], target, face[:, 3:, SIZE // 2 :], focus)
        loss = loss + 0.1 * ((made[3] - place) / net.spread).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(net)
        recent += (loss.item() - recent) / min(step + 1, 100)
        step += 1
        if step % 50 == 0:
            logger.info("face tuned", extra={"step": step, "done": round(share, 3), "loss": round(recent, 4)})
    net.load_state_dict(average.module.state_dict())


def _check(content: bytes, generator: Generator, lessons: Lessons) -> None:
    """Hold the drawing half of the written net to the trained one."""
    net = FaceNet(content)
    assert net.mouth is not None, "a net with a drawing half of ours is told its mouths"
    drawing = Extractor(shape_inference.infer_shapes(net.model)).extract_model(
        [net.face, net.mouth], [net.model.graph.output[0].name]
    )
    face, mouths, _, _ = _batch(lessons, np.arange(min(4, len(lessons.poses))))
    with torch.no_grad():
        wanted = generator(face, mouths)[0].clamp(0, 1).numpy()
    (picture,) = net.open(drawing).run(None, {net.face: face.numpy(), net.mouth: mouths.numpy()})
    drawn = np.asarray(picture)[:, :, SIZE // 2 :]
    differs = float(np.abs(drawn - wanted).max())
    logger.info("face written", extra={"difference": differs})
    if differs > _TOLERANCE:
        raise AvatarError(f"the written net differs from the trained one by {differs}", code="inference-failed")
