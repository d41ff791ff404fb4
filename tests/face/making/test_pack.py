"""A pack made of a photo keeps its net and its consent, and says on every frame when there is none."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from appliance.config import FaceConfig
from appliance.errors import AvatarError
from appliance.face.avatar import load_avatar, pack_files, read_card
from appliance.face.consent import TESTS_ONLY, Consent, words
from appliance.face.making.pack import Content, Words, feathered, write
from appliance.face.renderer import FaceRenderer
from appliance.face.ruler import N_WEIGHTS, Ruler
from tests.models import generate

TODAY = datetime.date.today()
DAY = datetime.timedelta(days=1)


def _consent(until: datetime.date = TODAY) -> Consent:
    return Consent('Ada "the first" Lovelace', "the museum's lobby", datetime.date(2026, 1, 2), until)


def _made(path: Path, words: Words, *, net: bytes | None = None) -> Path:
    pictures = [np.full((80, 96, 3), 120, np.uint8)] * 3
    return write(Content(pictures, [generate.BOX], Ruler(np.zeros(N_WEIGHTS, np.float32)), net), words, path)


def _top(path: Path) -> np.ndarray:
    return load_avatar(path, ai_label=False).frames[:, :14]


def test_a_drawing_says_nothing(tmp_path: Path) -> None:
    made = _made(tmp_path / "a.avatar", Words("a", "net.onnx"))
    card = read_card(made)
    assert (card.photo, card.consent) == (False, None)
    assert np.ptp(_top(made)) < 4


def test_a_photo_without_consent_says_so_in_every_frame(tmp_path: Path) -> None:
    made = _made(tmp_path / "a.avatar", Words("a", "net.onnx", photo=True))
    top = _top(made)
    assert (np.ptp(top, axis=(1, 2)) > 100).all()
    frames = load_avatar(made, ai_label=False).frames
    assert np.ptp(frames[:, 14:80]) < 4, "only the line of words"
    assert (frames[:, 80:].reshape(3, 2, 40, 48)[:, :, :7] == 128).all(), "in grey"
    assert np.ptp(load_avatar(made).frames[:, 14:80]) > 100, "and that it is generated, unless it should not"


def test_consent_is_kept_and_ends(tmp_path: Path) -> None:
    made = _made(tmp_path / "a.avatar", Words("a", "net.onnx", photo=True, consent=_consent()))
    assert read_card(made).consent == _consent()
    assert np.ptp(_top(made)) < 4
    ended = _made(tmp_path / "b.avatar", Words("b", "net.onnx", photo=True, consent=_consent(TODAY - DAY)))
    assert np.ptp(_top(ended)) > 100


def test_what_is_said() -> None:
    assert words(None, TODAY) == TESTS_ONLY
    assert words(_consent(), TODAY) == ""
    assert words(_consent(datetime.date(2026, 3, 1)), datetime.date(2026, 3, 2)) == "consent ended on 2026-03-01"


@pytest.mark.parametrize(
    "record",
    [
        'by = "A"',
        'by = "A"\npurpose = ""\ngiven = 2026-01-01\nuntil = 2027-01-01',
        'by = "A"\npurpose = "B"\ngiven = 2026-01-01\nuntil = "soon"',
        'by = "A"\npurpose = "B"\ngiven = 2026-01-01\nuntil = 2025-01-01',
        'by = "A"\npurpose = "B"\ngiven = 2026-01-01\nuntil = 2027-01-01\nfee = 3',
    ],
)
def test_a_record_that_says_too_little_is_refused(tmp_path: Path, record: str) -> None:
    files = generate.avatar_files(photo=True)
    files["card.toml"] += f"\n[consent]\n{record}\n".encode()
    with pytest.raises(AvatarError) as caught:
        read_card(generate.pack(files, tmp_path / "x.avatar"))
    assert caught.value.code == "incompatible"


def test_a_packs_own_net_draws_it(tmp_path: Path) -> None:
    net = generate.grey_mouth(tmp_path / "own.onnx", metadata={"window_offset_s": "-0.04"}).read_bytes()
    made = _made(tmp_path / "a.avatar", Words("a", "net.onnx"), net=net)
    assert load_avatar(made).net == net
    assert pack_files(made)["net.onnx"] == net
    renderer = FaceRenderer(tmp_path / "no default net.onnx", made, FaceConfig())
    renderer.load()
    assert renderer.window_offset_s == -0.04
    renderer.close()


def test_a_changed_net_is_refused(tmp_path: Path) -> None:
    made = _made(tmp_path / "a.avatar", Words("a", "net.onnx"), net=b"net")
    changed = pack_files(made) | {"net.onnx": b"other"}
    with pytest.raises(AvatarError) as caught:
        load_avatar(generate.pack(changed, tmp_path / "b.avatar"))
    assert caught.value.code == "checksum-mismatch"


def test_a_net_that_is_none_is_told_as_the_avatars(tmp_path: Path) -> None:
    made = _made(tmp_path / "a.avatar", Words("a", "net.onnx"), net=b"net")
    with pytest.raises(AvatarError, match="the avatar's own net") as caught:
        FaceRenderer(tmp_path / "x.onnx", made, FaceConfig()).load()
    assert caught.value.code == "incompatible"


def test_a_box_for_each_picture_is_kept(tmp_path: Path) -> None:
    left, top, side = generate.BOX
    boxes = [(left, top, side), (left + 2, top, side), (left, top - 2, side)]
    content = Content([np.full((80, 96, 3), 120, np.uint8)] * 3, boxes, Ruler(np.zeros(N_WEIGHTS, np.float32)))
    assert load_avatar(write(content, Words("a", "net.onnx"), tmp_path / "a.avatar")).boxes.tolist() == [
        list(box) for box in boxes
    ]


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    one, other = (_made(tmp_path / name, Words("a", "net.onnx")) for name in ("a.avatar", "b.avatar"))
    assert one.read_bytes() == other.read_bytes()


def test_the_mask_covers_mouth_and_chin_and_fades() -> None:
    mask = feathered(192)
    assert mask[:96].max() == 0, "nothing above the middle is moved"
    assert mask[130, 96] == 255
    assert mask[:, 0].max() == 0
    assert mask[-1].max() == 0
    assert np.abs(np.diff(mask.astype(int), axis=1)).max() < 40
