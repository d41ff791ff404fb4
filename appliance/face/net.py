"""Sound and faces in, talking faces out: an ONNX file with Wav2Lip's contract, or adapted to it, under ONNX Runtime."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from appliance.errors import AvatarError
from appliance.face import nets, onnx_file
from appliance.face.adapter import Adapter, adapt
from appliance.face.encoder import AudioEncoder
from appliance.face.onnx_file import BROKEN
from appliance.face.signature import signature
from appliance.face.visemes import PARAMETERS

Floats = NDArray[np.float32]


class FaceNet:
    """A talking-face net; one owner thread.

    sound, mel (B, 1, 80, 16) in [-4, 4] or an encoder's features, and face (B, 6, S, S) in [0, 1], BGR, the first three
    channels the target pose with its lower half blacked out, the last three the reference, give the picture
    (B, 3, S, S) in [0, 1], BGR.
    """

    def __init__(
        self, source: Path | bytes, *, threads: int = 1, adapter: Adapter | None = None, encoder: Path | None = None
    ) -> None:
        """Open a net.

        Args:
            source: the .onnx file, without external data, or the content of an avatar's own.
            threads: CPU threads of one run.
            adapter: how it differs from our contract; None where it keeps it.
            encoder: the .onnx file that makes the features which it hears; None for a net that hears mel.
        Raises:
            AvatarError: the file is missing, is not ONNX, keeps weights elsewhere, or has other inputs; code
                encoder-missing where it hears features.
        """
        self._name, self._threads = source.name if isinstance(source, Path) else "the avatar's own net", threads
        self.model = onnx_file.read(source, self._name)
        """The graph with its weights."""
        given = signature(self.model, self._name)
        self.rim = adapter.rim if adapter else 0.0
        """The share of a face's box, on each side, that is not given to the net."""
        own = adapt(self.model, given, adapter) if adapter else given
        self.sound, self.window, self.face, self.size = own.sound, own.window, own.face, own.size
        self.together = onnx_file.inputs(self.model)[own.face][0] != 1
        """Whether several pictures can be drawn in one run."""
        if given.hears_features and encoder is None:
            raise AvatarError(
                f"{self._name} hears HuBERT's features, and there is no encoder that makes them",
                code="encoder-missing",
                hint="give the encoder's ONNX file: `appliance models add … --audio-encoder FILE.onnx`",
            )
        self.encoder = AudioEncoder(encoder, threads=threads) if given.hears_features and encoder else None
        self.metadata: dict[str, str] = {item.key: item.value for item in self.model.metadata_props}
        self.mouth = _mouth(self.model, self.metadata, self._name)
        """The tensor of mouth parameters, (B, 8), that it makes of the sound and draws; None for a net without."""
        self.window_offset_s = _offset(self.metadata, self._name)
        """Where the window of frame i starts, seconds from i / fps; 0 for nets that do not say, as in Wav2Lip."""

    @cached_property
    def _session(self) -> ort.InferenceSession:
        return self.open(self.model)

    def open(self, model: Any) -> ort.InferenceSession:
        """Make a graph, the net's own or a part of it, ready to run.

        Raises:
            AvatarError: the runtime does not take it.
        """
        return onnx_file.session(model.SerializeToString(), self._name, threads=self._threads)

    def render(self, sound: Floats, face: Floats) -> Floats:
        """Draw a batch: (B, 3, S, S) float32 in [0, 1].

        Raises:
            AvatarError: wrong shapes or values that are not finite; code inference-failed where the runtime failed.
        """
        batch = len(sound)
        if sound.shape != (batch, *self.window) or face.shape != (batch, 6, self.size, self.size):
            wanted = f"{('B', *self.window)} and (B, 6, {self.size}, {self.size})"
            raise AvatarError(f"the face net takes {wanted}, not {sound.shape} and {face.shape}", code="avatar-input")
        if not (np.isfinite(sound).all() and np.isfinite(face).all()):
            raise AvatarError("the face net was given values that are not finite", code="avatar-input")
        feeds = {self.sound: sound.astype(np.float32, copy=False), self.face: face.astype(np.float32, copy=False)}
        try:
            picture: Floats = np.asarray(self._session.run(None, feeds)[0])
        except Exception as error:
            raise AvatarError("the face net failed", code="inference-failed", hint=BROKEN) from error
        if picture.shape != (batch, 3, self.size, self.size) or not np.isfinite(picture).all():
            raise AvatarError("the face net gave no picture", code="inference-failed", hint=BROKEN)
        return picture


def open_net(path: Path, *, threads: int = 1) -> FaceNet:
    """Open a net: a file with our contract, or the folder of an installed one, whose hashes are checked.

    Raises:
        AvatarError: as of `FaceNet` and `nets.verified`.
    """
    if not path.is_dir():
        return FaceNet(path, threads=threads)
    card = nets.verified(path)
    encoder = path / nets.ENCODER if card.encoder else None
    return FaceNet(path / nets.NET, threads=threads, adapter=card.adapter, encoder=encoder)


def _mouth(model: Any, metadata: dict[str, str], name: str) -> str | None:
    """The tensor that the metadata names, if it holds our parameters in our order."""
    if tuple(metadata.get("mouth_parameters", "").split()) != PARAMETERS:
        return None
    tensor = metadata.get("mouth_tensor", "")
    if not any(tensor in node.output for node in model.graph.node):
        raise AvatarError(f"{name} has no tensor {tensor!r}", code="incompatible", hint=BROKEN)
    return tensor


def _offset(metadata: dict[str, str], name: str) -> float:
    text = metadata.get("window_offset_s", "0")
    try:
        offset = float(text)
    except ValueError:
        offset = float("nan")
    if not -1.0 <= offset <= 1.0:
        raise AvatarError(f"{name} says window_offset_s = {text!r}", code="incompatible", hint=BROKEN)
    return offset
