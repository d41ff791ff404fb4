"""Writes stand-ins for other people's face nets: their published shapes, depth and skip connections, random weights.

Each draws the face that it is shown, and where there is sound its features disturb the lower half.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SKIN_RGB = (0.85, 0.66, 0.55)
Shape = list[int | str]
_DECODED = {1: 4, 2: 4, 4: 4, 8: 3, 16: 2}
"""How many times as many channels the decoder has as the encoder, by the encoder's in widths."""


class Graph:
    """Nodes and weights, one after the other."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)

    def weight(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def conv(self, x: str, channels: tuple[int, int], *, kernel: int = 3, stride: int | tuple[int, int] = 1,
             pad: int = 1, up: bool = False, residual: bool = False) -> str:  # fmt: skip
        """A convolution with its normalisation folded in, as exporters write it, and ReLU."""
        of, to = channels
        shape = (of, to, kernel, kernel) if up else (to, of, kernel, kernel)
        scale = np.sqrt(2 / (of * kernel * kernel))
        values = self._random.standard_normal(shape, np.float32) * np.float32(scale)
        strides = list(stride) if isinstance(stride, tuple) else [stride, stride]
        extra: dict[str, object] = {"output_padding": [1, 1]} if up and strides[0] > 1 else {}
        names = (x, self.weight(values), self.weight(np.zeros(to, np.float32)))
        y = self.add("ConvTranspose" if up else "Conv", *names, kernel_shape=[kernel, kernel], strides=strides,
                     pads=[pad] * 4, **extra)  # fmt: skip
        return self.add("Relu", self.add("Add", y, x) if residual else y)

    def ints(self, *values: int) -> str:
        return self.weight(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.weight(np.array(value, np.float32))

    def save(self, path: Path, inputs: dict[str, Shape], output: str, shape: Shape, *, opset: int = 13) -> Path:
        said = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in inputs.items()]
        out = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "stranger", said, [out], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.save(model, path)
        return path


def wav2lip(
    path: Path,
    *,
    size: int = 96,
    width: int = 16,
    draws: Literal["0..1", "0..255", "-1..1", "nan", "flat", "deaf"] = "0..1",
    rgb: bool = False,
    lower_half: bool = False,
    batch: str | int = "batch",
) -> Path:
    """Wav2Lip: its layers at 96 and width 16, 36 million weights; deeper where the picture is larger.

    Source of the shapes: Rudrabha/Wav2Lip models/wav2lip.py. One that was trained on RGB draws skin half.
    """
    g = Graph()
    top = 32 * width
    skips = [g.conv("imgs", (6, width), kernel=7, pad=3)]
    sides, channels = [size], [width]
    while sides[-1] % 2 == 0 and sides[-1] > 4:
        of, to = channels[-1], min(2 * channels[-1], top)
        x = g.conv(skips[-1], (of, to), stride=2)
        for _ in range(1 if to == top else 2):
            x = g.conv(x, (to, to), residual=True)
        skips.append(x)
        sides.append(sides[-1] // 2)
        channels.append(to)
    x = g.conv(skips[-1], (channels[-1], top), kernel=sides[-1], pad=0)
    skips.append(g.conv(x, (top, top), kernel=1, pad=0))
    sides.append(1)
    channels.append(top)

    sound, of = "mels", 1
    for to, stride in ((2, 1), (4, (3, 1)), (8, 3), (16, (3, 2))):
        sound = g.conv(sound, (of, to * width), stride=stride)
        of = to * width
        for _ in range(1 if to == 16 else 2):
            sound = g.conv(sound, (of, of), residual=True)
    sound = g.conv(sound, (of, top), pad=0)
    x, of = g.conv(sound, (top, top), kernel=1, pad=0), top

    for step, (skip, side, has) in enumerate(zip(skips[::-1], sides[::-1], channels[::-1], strict=True)):
        to = _DECODED.get(has // width, 1) * has if step else top
        if step == 1:
            x = g.conv(x, (of, to), kernel=side, pad=0, up=True)
        elif step:
            x = g.conv(x, (of, to), stride=2, up=True)
        for _ in range(min(step, 2)):
            x = g.conv(x, (to, to), residual=True)
        x, of = g.add("Concat", x, skip, axis=1), to + has
    x = g.conv(x, (of, 2 * width))
    features = g.add("Conv", x, g.weight(np.random.default_rng(1).standard_normal((3, 2 * width, 1, 1), np.float32)))
    loud = g.number(0) if draws == "deaf" else _loudness(g, "mels")
    picture = _drawn(g, g.add("Slice", "imgs", g.ints(3), g.ints(6), g.ints(1)), features, loud, size)
    picture = _in_range(g, _tinted(g, picture) if rgb else picture, draws)
    if lower_half:
        picture = g.add("Slice", picture, g.ints(size // 2), g.ints(size), g.ints(2))
    rows = size // 2 if lower_half else size
    return g.save(path, {"mels": [batch, 1, 80, 16], "imgs": [batch, 6, size, size]}, picture, [batch, 3, rows, size])


def ultralight(path: Path, *, rows: int = 16, width: int = 8) -> Path:
    """Ultralight Digital Human with HuBERT's features, exported as its unet.py does: opset 11, one picture at a time.

    Source of the shapes: anliyuan/Ultralight-Digital-Human unet.py.
    """
    g = Graph()
    skips, of = [g.conv("input", (6, width))], width
    for _ in range(4):
        skips.append(g.conv(g.conv(skips[-1], (of, 2 * of), stride=2), (2 * of, 2 * of), residual=True))
        of *= 2
    sound = g.conv("audio", (rows, 4 * width))
    sound = g.conv(sound, (4 * width, 8 * width), stride=2)
    sound = g.conv(sound, (8 * width, of), stride=2, pad=3)
    x = g.conv(g.add("Concat", skips.pop(), sound, axis=1), (2 * of, of))
    for skip in skips[::-1]:
        scales = g.weight(np.array([1, 1, 2, 2], np.float32))
        empty = g.weight(np.empty(0, np.float32))
        x = g.add("Resize", x, empty, scales, mode="linear", coordinate_transformation_mode="align_corners")
        x = g.conv(g.add("Concat", x, skip, axis=1), (of + of // 2, of // 2))
        of //= 2
    features = g.add("Conv", x, g.weight(np.random.default_rng(1).standard_normal((3, width, 1, 1), np.float32)))
    loud = g.add("ReduceMean", "audio", axes=[1, 2, 3], keepdims=1)
    loud = g.add("Clip", g.add("Mul", loud, g.number(8)), g.number(0), g.number(1))
    picture = _drawn(g, g.add("Slice", "input", g.ints(0), g.ints(3), g.ints(1)), features, loud, 160)
    shapes: dict[str, Shape] = {"input": [1, 6, 160, 160], "audio": [1, rows, 32, 32]}
    return g.save(path, shapes, picture, [1, 3, 160, 160], opset=11)


def encoder(path: Path, *, values: int = 1024) -> Path:
    """In HuBERT's place: a row of features every 320 samples, of 400 samples each."""
    g = Graph()
    waveform = g.add("Unsqueeze", "input", axes=[1])
    kernel = np.random.default_rng(2).standard_normal((values, 1, 400), np.float32) * np.float32(0.05)
    rows = g.add("Relu", g.add("Conv", waveform, g.weight(kernel), strides=[320]))
    features = g.add("Transpose", rows, perm=[0, 2, 1])
    return g.save(path, {"input": [1, "samples"]}, features, [1, "rows", values], opset=11)


def _tinted(g: Graph, picture: str) -> str:
    skin = g.weight(np.array(SKIN_RGB, np.float32).reshape(1, 3, 1, 1))
    return g.add("Mul", g.add("Add", picture, skin), g.number(0.5))


def _in_range(g: Graph, picture: str, draws: str) -> str:
    if draws == "0..255":
        return g.add("Mul", picture, g.number(255))
    if draws == "-1..1":
        return g.add("Sub", g.add("Mul", picture, g.number(2)), g.number(1))
    if draws == "flat":
        return g.add("Mul", picture, g.number(0))
    return g.add("Log", g.add("Sub", picture, g.number(2))) if draws == "nan" else picture


def _loudness(g: Graph, mels: str) -> str:
    level = g.add("ReduceMean", mels, axes=[1, 2, 3], keepdims=1)
    raised = g.add("Add", g.add("Mul", level, g.number(0.25)), g.number(1))
    return g.add("Clip", raised, g.number(0), g.number(1))


def _drawn(g: Graph, reference: str, features: str, loud: str, size: int) -> str:
    """The reference, its lower half disturbed by the features as far as it is loud."""
    lower = np.zeros((1, 1, size, size), np.float32)
    lower[:, :, size // 2 :] = 0.25
    disturbed = g.add("Mul", g.add("Mul", g.add("Sin", features), loud), g.weight(lower))
    return g.add("Clip", g.add("Add", reference, disturbed), g.number(0), g.number(1))
