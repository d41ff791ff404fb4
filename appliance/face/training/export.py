"""The two trained halves in, one ONNX file with its metadata out, held to what torch computes."""

from __future__ import annotations

import hashlib
import logging
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from appliance.face.net import FaceNet
from appliance.face.training.audio_net import AudioNet
from appliance.face.training.generator import Generator, TalkingFace
from appliance.face.training.speech import SENTENCES
from appliance.face.visemes import PARAMETERS

logger = logging.getLogger(__name__)

OPSET = 17
WINDOW_OFFSET_S = -0.08
VERSION = "2"
TOLERANCE = 5e-4


def export(audio: AudioNet, generator: Generator, out: Path, *, notes: dict[str, str]) -> Path:
    """Join, write and check; notes are added to the metadata.

    Raises:
        RuntimeError: ONNX Runtime and torch differ by more than TOLERANCE.
    """
    joined = TalkingFace(audio, generator).eval()
    mel, face = torch.rand(2, 1, 80, 16) * 8 - 4, torch.rand(2, 6, generator.size, generator.size)
    axes = {name: {0: "batch"} for name in ("mel", "face", "picture")}
    model = traced(joined, {"mel": mel, "face": face}, "picture", axes, out)
    about = {
        "name": "talking-face",
        "version": VERSION,
        "window_offset_s": str(WINDOW_OFFSET_S),
        "mel_range": "-4 4",
        "face_range": "0 1",
        "colour_order": "BGR",
        "mouth_tensor": [name for node in model.graph.node if node.name.startswith("/audio/") for name in node.output][
            -1
        ],
        "mouth_parameters": " ".join(PARAMETERS),
        "licence": "Apache-2.0",
        "sentences_sha256": hashlib.sha256(SENTENCES.read_bytes()).hexdigest(),
    }
    save(model, about | notes, out)
    with torch.no_grad():
        wanted = joined(mel, face).numpy()
    hold(FaceNet(out).render(mel.numpy(), face.numpy()), wanted, out, TOLERANCE)
    return out


def save(model: onnx.ModelProto, metadata: dict[str, str], out: Path) -> None:
    """Write a net with its metadata, checked."""
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, out)


def hold(made: NDArray[np.float32], wanted: NDArray[np.float32], out: Path, tolerance: float) -> None:
    """Hold what the written net computes to what the trained one does.

    Raises:
        RuntimeError: they differ by more than the tolerance.
    """
    difference = float(np.abs(made - wanted).max())
    if difference > tolerance:
        raise RuntimeError(f"the exported net differs from the trained one by {difference}")
    logger.info("net written", extra={"path": str(out), "difference": difference})


def traced(
    net: torch.nn.Module, inputs: dict[str, torch.Tensor], output: str, axes: dict[str, dict[int, str]], out: Path
) -> onnx.ModelProto:
    """Give the net's graph; `out` is written on the way.

    Args:
        inputs: examples, by name.
        axes: those that may have any length, by tensor.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            tuple(inputs.values()),
            str(out),
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes=axes,
            dynamo=False,
        )
    return onnx.load(out)


def draw_curve(curves: dict[str, list[tuple[int, float]]], out: Path) -> Path:
    """Draw the training losses, each over its own steps, as a small PNG."""
    height, width = 200, 340
    panels: list[NDArray[np.uint8]] = []
    for name, curve in curves.items():
        panel = np.full((height, width, 3), 255, np.uint8)
        steps, losses = np.array(curve, np.float64).reshape(-1, 2).T
        shown = np.log(losses)
        x = 30 + (steps - steps[0]) / max(1.0, float(np.ptp(steps))) * (width - 50)
        y = height - 30 - (shown - shown.min()) / max(1e-9, float(np.ptp(shown))) * (height - 70)
        cv2.rectangle(panel, (30, 36), (width - 18, height - 28), (210, 210, 210), 1)
        cv2.polylines(panel, [np.stack([x, y], 1).round().astype(np.int32)], False, (150, 80, 30), 2, cv2.LINE_AA)
        title = f"{name}: loss {losses[0]:.3f} to {losses[-1]:.3f} (log)"
        cv2.putText(panel, title, (30, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
        steps_text = f"{int(steps[-1])} steps"
        cv2.putText(
            panel, steps_text, (width - 110, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (90, 90, 90), 1, cv2.LINE_AA
        )
        panels.append(panel)
    cv2.imwrite(str(out), np.concatenate(panels, 1), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return out
