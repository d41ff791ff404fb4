"""A pack is verified before anything in it is used, and every way to be wrong has its error."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.errors import AvatarError
from appliance.face.avatar import load_avatar, portrait
from appliance.face.life import Clip
from appliance.face.ruler import N_WEIGHTS
from tests.models import generate

TINY = generate.HERE / "tiny.avatar"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return generate.avatar_files()


def unpacked(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_a_pack_gives_its_frames() -> None:
    avatar = load_avatar(TINY)

    assert (avatar.width, avatar.height, avatar.n_frames) == (96, 80, 6)
    assert avatar.frames.shape == (6, 120, 96)
    assert avatar.boxes.tolist() == [[16, 8, 64]] * 6
    assert avatar.mask.shape == (64, 64)
    assert avatar.card.licence == "Apache-2.0"
    wanted = [int(picture.mean()) for picture in generate.frames()]
    assert np.abs(avatar.frames[:, :80].mean((1, 2)) - wanted).max() < 20


def test_folder_and_zip_are_the_same(files: dict[str, bytes], tmp_path: Path) -> None:
    folder = load_avatar(unpacked(files, tmp_path))
    packed = load_avatar(generate.pack(files, tmp_path / "x.avatar"))
    assert np.array_equal(folder.frames, packed.frames)


@pytest.mark.parametrize("name", ["frames.mp4", "boxes.json", "mask.png"])
def test_a_changed_file_is_refused_before_it_is_opened(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    changed = {**files, name: files[name][:-1] + bytes([files[name][-1] ^ 1])}
    with pytest.raises(AvatarError, match=name) as caught:
        load_avatar(unpacked(changed, tmp_path))
    assert caught.value.code == "checksum-mismatch"


@pytest.mark.parametrize("name", ["card.toml", "frames.mp4", "boxes.json", "mask.png"])
def test_a_missing_file_is_named(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    less = {key: data for key, data in files.items() if key != name}
    for path in (unpacked(less, tmp_path), generate.pack(less, tmp_path / "x.avatar")):
        with pytest.raises(AvatarError, match=name) as caught:
            load_avatar(path)
        assert caught.value.code == "not-found"


def test_no_pack_at_all(tmp_path: Path) -> None:
    with pytest.raises(AvatarError) as caught:
        load_avatar(tmp_path / "gone.avatar")
    assert caught.value.code == "not-found"


@pytest.mark.parametrize("keep", [0, 50, 2000])
def test_a_truncated_pack_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.avatar"
    path.write_bytes(TINY.read_bytes()[:keep])
    with pytest.raises(AvatarError) as caught:
        load_avatar(path)
    assert caught.value.code == "incompatible"


@pytest.mark.parametrize(
    "card",
    [
        {"format": 2},
        {"width": 95},
        {"width": 128},
        {"frames": 5},
        {"frames": 9},
        {"frames": 10_000_000},
        {"fps": 0},
        {"fps": "fast"},
        {"colour": "blue"},
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, card: dict[str, object]) -> None:
    with pytest.raises(AvatarError) as caught:
        load_avatar(unpacked(generate.avatar_files(**card), tmp_path))
    assert caught.value.code == "incompatible"


@pytest.mark.parametrize(
    "boxes", [b"[", b"[[1, 2]]", b"[[16, 8, 65]]", b"[[40, 8, 64]]", b"[[-2, 8, 64]]", b'{"a": 1}']
)
def test_boxes_that_do_not_fit_are_refused(files: dict[str, bytes], tmp_path: Path, boxes: bytes) -> None:
    with pytest.raises(AvatarError) as caught:
        load_avatar(unpacked(_rehashed({**files, "boxes.json": boxes}), tmp_path))
    assert caught.value.code == "incompatible"


@pytest.mark.parametrize("name", ["frames.mp4", "mask.png"])
def test_media_that_cannot_be_decoded_is_refused(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    with pytest.raises(AvatarError) as caught:
        load_avatar(unpacked(_rehashed({**files, name: b"not a picture"}), tmp_path))
    assert caught.value.code == "incompatible"


def test_each_frame_may_have_its_own_box(files: dict[str, bytes], tmp_path: Path) -> None:
    boxes = [[16 + 2 * (number % 3), 8, 64] for number in range(6)]
    avatar = load_avatar(unpacked(_rehashed({**files, "boxes.json": json.dumps(boxes).encode()}), tmp_path))
    assert avatar.boxes.tolist() == boxes


def _rehashed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same pack with a card that agrees with its files."""
    import hashlib

    card = files["card.toml"].decode().split("[files]")[0]
    hashes = [f'"{k}" = "{hashlib.sha256(v).hexdigest()}"' for k, v in files.items() if k != "card.toml"]
    return {**files, "card.toml": "\n".join([card, "[files]", *hashes]).encode()}


def test_a_ruler_is_read_where_there_is_one(tmp_path: Path) -> None:
    assert load_avatar(TINY).ruler is None
    weights = np.arange(N_WEIGHTS, dtype=np.float32)
    np.save(tmp_path / "ruler.npy", weights)
    content = (tmp_path / "ruler.npy").read_bytes()
    made = generate.avatar_files(ruler=content)
    avatar = load_avatar(unpacked(made, tmp_path))
    assert avatar.ruler is not None
    assert np.array_equal(avatar.ruler.weights, weights)


@pytest.mark.parametrize(
    "weights", [np.zeros(5, np.float32), np.zeros(N_WEIGHTS), np.full(N_WEIGHTS, np.nan, np.float32), np.array([None])]
)
def test_a_ruler_that_does_not_fit_is_refused(tmp_path: Path, weights: np.ndarray) -> None:
    np.save(tmp_path / "ruler.npy", weights, allow_pickle=True)
    made = generate.avatar_files(ruler=(tmp_path / "ruler.npy").read_bytes())
    with pytest.raises(AvatarError, match="ruler") as caught:
        load_avatar(unpacked(made, tmp_path))
    assert caught.value.code == "incompatible"


def test_the_portrait_is_the_first_frame() -> None:
    avatar = load_avatar(TINY)
    picture = cv2.imdecode(np.frombuffer(portrait(avatar), np.uint8), cv2.IMREAD_COLOR)
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)[: avatar.height].astype(int)
    assert np.abs(luma - avatar.frames[0][: avatar.height]).mean() < 3


CLIP = {"name": '"nod"', "kind": '"nod"', "first": "2", "frames": "4", "exits": "[0, 3]"}


def _with_clip(files: dict[str, bytes], clip: dict[str, str]) -> dict[str, bytes]:
    told = "".join(f"{key} = {value}\n" for key, value in clip.items())
    return {**files, "card.toml": files["card.toml"] + f"\n\n[[clips]]\n{told}".encode()}


def test_a_film_may_consist_of_clips(files: dict[str, bytes], tmp_path: Path) -> None:
    assert load_avatar(TINY).card.clips == ()
    avatar = load_avatar(unpacked(_with_clip(files, CLIP), tmp_path))
    assert avatar.card.clips == (Clip("nod", "nod", 2, 4, (0, 3)),)


@pytest.mark.parametrize(
    "clip",
    [
        {"first": "3"},
        {"first": "-1"},
        {"first": "1.0"},
        {"frames": "0"},
        {"exits": "[4]"},
        {"exits": "2"},
        {"name": "3"},
        {"speed": "2"},
    ],
)
def test_clips_that_do_not_fit_are_refused(files: dict[str, bytes], tmp_path: Path, clip: dict[str, str]) -> None:
    with pytest.raises(AvatarError) as caught:
        load_avatar(unpacked(_with_clip(files, CLIP | clip), tmp_path))
    assert caught.value.code == "incompatible"


def test_frames_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path))
    frames = load_avatar(TINY).frames
    assert not frames.flags.writeable
    assert not list(tmp_path.iterdir())


def test_a_folder_that_takes_no_frames_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "file"))
    with pytest.raises(AvatarError) as caught:
        load_avatar(TINY)
    assert caught.value.code == "no-room"
