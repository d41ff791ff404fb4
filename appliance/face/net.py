"""Mel windows and face crops in, talking faces out: an ONNX file with Wav2Lip's contract under ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from appliance.errors import AvatarError
from appliance.face.graph import opset, supported
from appliance.face.mel import N_MELS, WINDOW
from appliance.face.visemes import PARAMETERS

Floats = NDArray[np.float32]

CUDA = "CUDAExecutionProvider"
BROKEN = "run `appliance models verify`, or fetch the face net again"
"""What to do about a net that does not work."""


class FaceNet:
    """A talking-face net; one owner thread.

    mel (B, 1, 80, 16) in [-4, 4] and face (B, 6, S, S) in [0, 1], BGR, the first three channels the target pose with
    its lower half blacked out, the last three the reference, give the picture (B, 3, S, S) in [0, 1], BGR.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Open a net.

        Args:
            path: the .onnx file, without external data.
            threads: CPU threads of one run.
        Raises:
            AvatarError: the file is missing, is not ONNX, keeps weights elsewhere, or has other inputs.
        """
        self.model = _model(path)
        """The graph with its weights."""
        self._name, self._threads = path.name, threads
        self.mel, self.face, self.size = _inputs(self.model, path)
        self.metadata: dict[str, str] = {item.key: item.value for item in self.model.metadata_props}
        self.mouth = _mouth(self.model, self.metadata, path)
        """The tensor of mouth parameters, (B, 8), that it makes of the sound and draws; None for a net without."""
        self.window_offset_s = _offset(self.metadata, path)
        """Where the window of frame i starts, seconds from i / fps; 0 for nets that do not say, as in Wav2Lip."""

    @cached_property
    def _session(self) -> ort.InferenceSession:
        return self.open(self.model)

    def open(self, model: Any) -> ort.InferenceSession:
        """Make a graph, the net's own or a part of it, ready to run.

        Raises:
            AvatarError: the runtime does not take it.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        # A spinning thread takes a core from the other engines between two frames.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = chosen_providers(ort.get_available_providers())
        try:
            return ort.InferenceSession(model.SerializeToString(), options, providers=providers)
        except Exception as error:
            raise AvatarError(f"{self._name} cannot be opened", code="incompatible", hint=BROKEN) from error

    def render(self, mel: Floats, face: Floats) -> Floats:
        """Draw a batch: (B, 3, S, S) float32 in [0, 1].

        Raises:
            AvatarError: wrong shapes or values that are not finite; code inference-failed where the runtime failed.
        """
        batch = len(mel)
        if mel.shape != (batch, 1, N_MELS, WINDOW) or face.shape != (batch, 6, self.size, self.size):
            wanted = f"(B, 1, {N_MELS}, {WINDOW}) and (B, 6, {self.size}, {self.size})"
            raise AvatarError(f"the face net takes {wanted}, not {mel.shape} and {face.shape}", code="avatar-input")
        if not (np.isfinite(mel).all() and np.isfinite(face).all()):
            raise AvatarError("the face net was given values that are not finite", code="avatar-input")
        feeds = {self.mel: mel.astype(np.float32, copy=False), self.face: face.astype(np.float32, copy=False)}
        try:
            picture: Floats = np.asarray(self._session.run(None, feeds)[0])
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
        if picture.shape != (batch, 3, self.size, self.size) or not np.isfinite(picture).all():
            raise AvatarError("the face net gave no picture", code="inference-failed", hint=BROKEN)
        return picture


def chosen_providers(available: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Where a net runs, with the runtime's options, best first: on a GPU where onnxruntime was built for one.

    Batches come in few sizes, so that its convolutions are looked up, not tried out anew for each.
    """
    wanted = {CUDA: {"cudnn_conv_algo_search": "HEURISTIC"}, "CPUExecutionProvider": {}}
    return [(name, settings) for name, settings in wanted.items() if name in available]


def _model(path: Path) -> Any:
    if not path.is_file():
        raise AvatarError(f"there is no face net at {path}", code="not-found", hint=BROKEN)
    try:
        model: Any = onnx.load(path, load_external_data=False)
        elsewhere = any(weight.data_location == onnx.TensorProto.EXTERNAL for weight in model.graph.initializer)
        if not elsewhere:
            onnx.checker.check_model(model)
    except Exception as error:
        raise AvatarError(f"{path.name} is not an ONNX model", code="incompatible", hint=BROKEN) from error
    if elsewhere:
        raise AvatarError(f"{path.name} keeps its weights in other files", code="incompatible", hint="export one file")
    if not supported(model):
        raise AvatarError(
            f"{path.name} is of opset {opset(model)}", code="incompatible", hint="export it with 11 or later"
        )
    return model


def _inputs(model: Any, path: Path) -> tuple[str, str, int]:
    """Find the two inputs by their shapes, whatever they are called, and the picture's size."""
    weights = {weight.name for weight in model.graph.initializer}
    shapes: dict[str, list[Any]] = {
        item.name: [dim.dim_param or dim.dim_value for dim in item.type.tensor_type.shape.dim]
        for item in model.graph.input
        if item.name not in weights
    }
    mel = [name for name, shape in shapes.items() if shape[1:] == [1, N_MELS, WINDOW]]
    face = [name for name, shape in shapes.items() if len(shape) == 4 and shape[1] == 6 and shape[2] == shape[3]]
    sizes = [shapes[name][2] for name in face]
    if len(shapes) != 2 or len(mel) != 1 or len(face) != 1 or not isinstance(sizes[0], int):
        raise AvatarError(
            f"{path.name} does not take mel (B, 1, {N_MELS}, {WINDOW}) and face (B, 6, S, S) but {shapes}",
            code="incompatible",
            hint="use a net with Wav2Lip's inputs",
        )
    return mel[0], face[0], sizes[0]


def _mouth(model: Any, metadata: dict[str, str], path: Path) -> str | None:
    """The tensor that the metadata names, if it holds our parameters in our order."""
    if tuple(metadata.get("mouth_parameters", "").split()) != PARAMETERS:
        return None
    name = metadata.get("mouth_tensor", "")
    if not any(name in node.output for node in model.graph.node):
        raise AvatarError(f"{path.name} has no tensor {name!r}", code="incompatible", hint=BROKEN)
    return name


def _offset(metadata: dict[str, str], path: Path) -> float:
    text = metadata.get("window_offset_s", "0")
    try:
        offset = float(text)
    except ValueError:
        offset = float("nan")
    if not -1.0 <= offset <= 1.0:
        raise AvatarError(f"{path.name} says window_offset_s = {text!r}", code="incompatible", hint=BROKEN)
    return offset
