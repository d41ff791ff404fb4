"""A face net's graph in, what it takes out: which input is the sound, which the face, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from onnx import TensorProto

from appliance.errors import AvatarError
from appliance.face.encoder import N_FEATURES
from appliance.face.mel import N_MELS, WINDOW
from appliance.face.onnx_file import inputs

_MEL = (1, N_MELS, WINDOW)
_FEATURES = (16 * N_FEATURES, 32 * N_FEATURES)
"""What an Ultralight Digital Human net reads of HuBERT: 8 pictures' rows in its first form, 16 in its second."""
_WENET = (128 * 16 * 32, 256 * 16 * 32)
"""The same of WeNet's encoder, which reads no waveform but a filter bank and caches of its own."""
_SIZES = range(32, 1025)


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs of a face net, whatever they are called."""

    sound: str
    """The input that takes the sound."""
    window: tuple[int, ...]
    """Its shape for one picture: (1, 80, 16) is mel; else speech features, 16 or 32 rows of 1024."""
    face: str
    """The input that takes the face, (B, 6, size, size)."""
    size: int
    """Side of the face and of the picture, pixels."""

    @property
    def hears_features(self) -> bool:
        """Whether it reads an encoder's features, and not mel."""
        return self.window != _MEL


def signature(model: Any, name: str) -> Signature:
    """Find the two inputs of a face net by their shapes.

    Raises:
        AvatarError: code incompatible, it takes something else.
    Source: Rudrabha/Wav2Lip models/wav2lip.py; anliyuan/Ultralight-Digital-Human unet.py and inference.py.
    """
    shapes = inputs(model)
    floats = {item.name for item in model.graph.input if item.type.tensor_type.elem_type == TensorProto.FLOAT}
    faces = [key for key, shape in shapes.items() if len(shape) == 4 and shape[1] == 6]
    sounds = [key for key, shape in shapes.items() if key not in faces and _is_sound(shape)]
    if any(prod(_rest(shapes[key])) in _WENET for key in shapes if len(shapes[key]) == 4 and key not in faces):
        raise AvatarError(
            f"{name} reads WeNet's features, which no waveform encoder gives",
            code="incompatible",
            hint="train it with HuBERT's features (`--asr hubert`)",
        )
    if len(shapes) != 2 or len(faces) != 1 or len(sounds) != 1 or not floats.issuperset(shapes):
        raise _other(name, shapes)
    height, width = shapes[faces[0]][2:]
    if not isinstance(height, int) or height != width or height % 2 or height not in _SIZES:
        raise _other(name, shapes)
    return Signature(sounds[0], tuple(_rest(shapes[sounds[0]])), faces[0], height)


def _is_sound(shape: list[int | str]) -> bool:
    rest = _rest(shape)
    return tuple(rest) == _MEL or (len(rest) == 3 and prod(rest) in _FEATURES)


def _rest(shape: list[int | str]) -> list[int]:
    """A shape without its batch; 0 where a size is left open."""
    return [size if isinstance(size, int) else 0 for size in shape[1:]]


def _other(name: str, shapes: dict[str, list[int | str]]) -> AvatarError:
    return AvatarError(
        f"{name} does not take float32 mel (B, 1, {N_MELS}, {WINDOW}) and face (B, 6, S, S) but {shapes}",
        code="incompatible",
        hint="use a net with the inputs of Wav2Lip or of Ultralight Digital Human, exported at a fixed picture size",
    )
