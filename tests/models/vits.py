"""Writes a voice of a few kilobytes in the form of Piper's: text encoder with noise, flow, decoder; it makes noise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

from tests.models.voice import HOP, RATE_HZ

CHANNELS = 8
FRAMES = 3
"""Of every phoneme id."""
SEED = 7


def write_vits(folder: Path) -> Path:
    """Write vits.onnx and its settings."""
    file = folder / "vits.onnx"
    onnx.save(vits_model(), str(file))
    settings = {
        "audio": {"sample_rate": RATE_HZ},
        "espeak": {"voice": "en-us"},
        "num_symbols": 256,
        "num_speakers": 1,
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": HOP,
    }
    file.with_name("vits.onnx.json").write_text(json.dumps(settings), encoding="utf-8")
    return file


def vits_model() -> onnx.ModelProto:
    """ids, lengths, scales -> (1, 1, 256 x frames)."""
    stored: dict[str, np.ndarray] = {
        "half": np.float32(FRAMES - 0.5), "no": np.float32(0), "zero": np.int64(0), "one": np.int64(1),
        "row": np.array([1, 1, -1], np.int64), "first": np.array([0], np.int64), "step": np.float32(0.05),
        "fan": np.linspace(0.2, 1.7, CHANNELS, dtype=np.float32).reshape(1, CHANNELS, 1), "yes": np.float32(1),
    }  # fmt: skip
    weights = _Weights(stored)
    nodes = [
        helper.make_node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ids", "no"], ["nothing"]),
        helper.make_node("Add", ["nothing", "half"], ["w"]),
        helper.make_node("Ceil", ["w"], ["w_ceil"]),
        helper.make_node("ReduceSum", ["w_ceil"], ["n"], keepdims=0),
        helper.make_node("Cast", ["n"], ["n_int"], to=TensorProto.INT64),
        helper.make_node("Range", ["zero", "n_int", "one"], ["index"]),
        helper.make_node("Cast", ["index"], ["index_f"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["index_f", "row"], ["times"]),
        helper.make_node("Mul", ["times", "no"], ["none"]),
        helper.make_node("Add", ["none", "yes"], ["mask"]),
        helper.make_node("Mul", ["times", "step"], ["phase"]),
        helper.make_node("Mul", ["phase", "fan"], ["phases"]),
        helper.make_node("Sin", ["phases"], ["mean"]),
        helper.make_node("RandomNormalLike", ["mean"], ["noise"], dtype=TensorProto.FLOAT, seed=float(SEED)),
        helper.make_node("Gather", ["scales", "first"], ["noise_scale"]),
        helper.make_node("Mul", ["noise", "noise_scale"], ["scaled"]),
        helper.make_node("Add", ["mean", "scaled"], ["prior"]),
        helper.make_node("Mul", ["prior", "mask"], ["masked"]),
        weights.conv("masked", "moved", 5),
        helper.make_node("Tanh", ["moved"], ["bent"]),
        helper.make_node("Sub", ["prior", "bent"], ["z"]),
        helper.make_node("Mul", ["z", "mask"], ["latent"]),
        weights.conv("latent", "pre", 7),
        helper.make_node("LeakyRelu", ["pre"], ["pre_relu"], alpha=0.1),
        weights.up("pre_relu", "up1", 8),
        weights.conv("up1", "res", 7, dilation=3),
        helper.make_node("Add", ["up1", "res"], ["sum"]),
        weights.up("sum", "up2", 32),
        weights.conv("up2", "post", 7, channels=1),
        helper.make_node("Tanh", ["post"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "samples"])]
    arrays = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "vits", inputs, outputs, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


class _Weights:
    """Random ones, put where the graph's stored tensors are."""

    def __init__(self, stored: dict[str, np.ndarray]) -> None:
        self._stored = stored
        self._random = np.random.default_rng(1)

    def conv(self, source: str, made: str, size: int, *, dilation: int = 1, channels: int = CHANNELS) -> onnx.NodeProto:
        self._stored[f"{made}.weight"] = self._random.normal(0, 0.2, (channels, CHANNELS, size)).astype(np.float32)
        self._stored[f"{made}.bias"] = self._random.normal(0, 0.1, channels).astype(np.float32)
        pads = [dilation * (size - 1) // 2] * 2
        names = [source, f"{made}.weight", f"{made}.bias"]
        return helper.make_node("Conv", names, [made], kernel_shape=[size], dilations=[dilation], pads=pads)

    def up(self, source: str, made: str, by: int) -> onnx.NodeProto:
        self._stored[f"{made}.weight"] = self._random.normal(0, 0.2, (CHANNELS, CHANNELS, 2 * by)).astype(np.float32)
        pads = [by // 2, by // 2]
        names = [source, f"{made}.weight"]
        return helper.make_node("ConvTranspose", names, [made], kernel_shape=[2 * by], strides=[by], pads=pads)
