"""Writes a voice of a few kilobytes: two frames of a 210 Hz tone a phoneme, in the form of Piper's own models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE_HZ = 22_050
HOP = 256
FRAMES = 2
"""Of every phoneme id."""


def write_voice(folder: Path, *, timed: bool = True) -> Path:
    """Write voice.onnx and voice.onnx.json; without `timed` the model has no durations to show."""
    file = folder / "voice.onnx"
    onnx.save(_model(timed), str(file))
    settings = {
        "audio": {"sample_rate": RATE_HZ},
        "espeak": {"voice": "en-us"},
        "num_symbols": 256,
        "num_speakers": 1,
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": HOP,
    }
    file.with_name("voice.onnx.json").write_text(json.dumps(settings), encoding="utf-8")
    return file


def _model(timed: bool) -> onnx.ModelProto:
    constants = {
        "zero_f": np.float32(0.0),
        "frames": np.float32(FRAMES - 0.5 if timed else FRAMES),
        "zero": np.int64(0),
        "one": np.int64(1),
        "hop": np.int64(HOP),
        "step": np.float32(0.06),
        "level": np.float32(0.3),
        "shape": np.array([1, 1, 1, -1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ids", "zero_f"], ["nothing"]),
        helper.make_node("Add", ["nothing", "frames"], ["w"]),
        helper.make_node("Ceil" if timed else "Identity", ["w"], ["w_ceil"]),
        helper.make_node("ReduceSum", ["w_ceil"], ["n_frames"], keepdims=0),
        helper.make_node("Cast", ["n_frames"], ["n_frames_int"], to=TensorProto.INT64),
        helper.make_node("Mul", ["n_frames_int", "hop"], ["n"]),
        helper.make_node("Range", ["zero", "n", "one"], ["index"]),
        helper.make_node("Cast", ["index"], ["index_f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["index_f", "step"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["tone"]),
        helper.make_node("Mul", ["tone", "level"], ["quiet"]),
        helper.make_node("Reshape", ["quiet", "shape"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "voice", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
