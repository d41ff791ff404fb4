"""Make the tiny model files that real loaders open in tests: `python -m tests.models.generate`.

grey_mouth.onnx keeps Wav2Lip's contract at 64 pixels: the lower half turns grey with the loudness of the mel window.
tiny.avatar is an 96x80 pack of six frames with a 64-pixel face box.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from appliance.face.visemes import PARAMETERS

HERE = Path(__file__).parent
SIZE = 64
WIDTH, HEIGHT, FRAMES, FPS = 96, 80, 6, 25
BOX = (16, 8, SIZE)


def grey_mouth(path: Path, *, metadata: dict[str, str] | None = None, size: int = SIZE, mouths: bool = False) -> Path:
    """Write the net: below the middle, out = reference + (0.5 - reference) * clip(mean(mel) / 8 + 0.5, 0, 1).

    With mouths that share is what its first mouth parameter tells.
    """
    constants = {
        "zero": np.array([0], np.int64),
        "three": np.array([3], np.int64),
        "six": np.array([6], np.int64),
        "half": np.array([size // 2], np.int64),
        "end": np.array([size], np.int64),
        "channel": np.array([1], np.int64),
        "row": np.array([2], np.int64),
        "eighth": np.array(0.125, np.float32),
        "middle": np.array(0.5, np.float32),
        "low": np.array(0.0, np.float32),
        "high": np.array(1.0, np.float32),
    }
    if mouths:
        constants |= {
            "eight": np.full((1, 8), 1.0, np.float32),
            "flat": np.array([-1, 1], np.int64),
            "square": np.array([-1, 1, 1, 1], np.int64),
            "one": np.array([1], np.int64),
        }
    nodes = [
        helper.make_node("ReduceMean", ["mel"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["mean", "eighth"], ["scaled"]),
        helper.make_node("Add", ["scaled", "middle"], ["raised"]),
        *(_through_mouths() if mouths else [helper.make_node("Clip", ["raised", "low", "high"], ["loud"])]),
        helper.make_node("Slice", ["face", "zero", "three", "channel"], ["target"]),
        helper.make_node("Slice", ["target", "zero", "half", "row"], ["upper"]),
        helper.make_node("Slice", ["face", "three", "six", "channel"], ["reference"]),
        helper.make_node("Slice", ["reference", "half", "end", "row"], ["lower"]),
        helper.make_node("Sub", ["middle", "lower"], ["towards"]),
        helper.make_node("Mul", ["towards", "loud"], ["change"]),
        helper.make_node("Add", ["lower", "change"], ["mouth"]),
        helper.make_node("Concat", ["upper", "mouth"], ["picture"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "grey_mouth",
        [
            helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["batch", 1, 80, 16]),
            helper.make_tensor_value_info("face", TensorProto.FLOAT, ["batch", 6, size, size]),
        ],
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", 3, size, size])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    told = {"mouth_tensor": "parameters", "mouth_parameters": " ".join(PARAMETERS)} if mouths else {}
    if metadata or told:
        helper.set_model_props(model, told | (metadata or {}))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _through_mouths() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Clip", ["raised", "low", "high"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "flat"], ["level"]),
        helper.make_node("Mul", ["level", "eight"], ["parameters"]),
        helper.make_node("Slice", ["parameters", "zero", "one", "channel"], ["jaw"]),
        helper.make_node("Reshape", ["jaw", "square"], ["loud"]),
    ]


def frames() -> list[np.ndarray]:
    """Six BGR pictures in which nothing is still and nothing is flat."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pictures: list[np.ndarray] = []
    for number in range(FRAMES):
        waves = [128 + 90 * np.sin((x + 3 * number) / 9 + k) * np.cos(y / (7 + k)) for k in range(3)]
        pictures.append(np.stack(waves, 2).astype(np.uint8))
    return pictures


def film(pictures: list[np.ndarray]) -> bytes:
    """Encode pictures as an avatar keeps them: H.264, 4:2:0."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "yuv420p"
        stream.thread_count = 1
        stream.options = {"crf": "10"}
        for number, picture in enumerate(pictures):
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target.getvalue()


def mask() -> np.ndarray:
    """A soft spot in the lower half of the box, zero at its edges."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    distance = np.hypot((x - 32) / 22, (y - 46) / 13)
    return np.clip(255 * 2 * (1 - distance), 0, 255).astype(np.uint8)


def avatar_files(ruler: bytes | None = None, **card: object) -> dict[str, bytes]:
    """The four files of the tiny pack, and a ruler where one is given; card overrides what card.toml says."""
    files = {
        "frames.mp4": film(frames()),
        "boxes.json": json.dumps([list(BOX)]).encode(),
        "mask.png": cv2.imencode(".png", mask())[1].tobytes(),
    }
    if ruler is not None:
        files["ruler.npy"] = ruler
    values: dict[str, object] = {
        "format": 1,
        "name": "tiny",
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "frames": FRAMES,
        "licence": "Apache-2.0",
        "author": "tests",
        "net": "grey_mouth.onnx",
        "ai_label": "A test picture.",
        **card,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    hashes = [f'"{name}" = "{hashlib.sha256(data).hexdigest()}"' for name, data in files.items()]
    return {"card.toml": "\n".join([*lines, "", "[files]", *hashes]).encode(), **files}


def pack(files: dict[str, bytes], path: Path) -> Path:
    """Write the files as one `.avatar`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return path


if __name__ == "__main__":
    grey_mouth(HERE / "grey_mouth.onnx", metadata={"window_offset_s": "-0.08"})
    pack(avatar_files(), HERE / "tiny.avatar")
