"""Only the mouth is touched, at its edge there is no seam, and it never snaps shut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from appliance.face.avatar import Avatar, load_avatar
from appliance.face.compositor import EASE, Compositor, _lerp, _weights
from tests.models import generate

LEFT, TOP, SIZE = generate.BOX


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return load_avatar(generate.HERE / "tiny.avatar")


def luma(picture: bytes) -> np.ndarray:
    return np.frombuffer(picture, np.uint8).reshape(120, 96)[:80].astype(int)


def test_idle_frames_are_the_loops(avatar: Avatar) -> None:
    compositor = Compositor(avatar)
    assert compositor.idle(2) == avatar.frames[2].tobytes()
    assert compositor.idle(6 * 7 + 2) == compositor.idle(2)


def test_the_crop_is_the_face_box(avatar: Avatar) -> None:
    crop = Compositor(avatar).crop(1, SIZE)
    whole = cv2.cvtColor(avatar.frames[1], cv2.COLOR_YUV2BGR_I420)
    assert np.array_equal(crop, whole[TOP : TOP + SIZE, LEFT : LEFT + SIZE])
    assert Compositor(avatar).crop(1, 192).shape == (192, 192, 3)


def test_outside_the_mouth_every_byte_is_the_idle_frames(avatar: Avatar) -> None:
    face = np.full((SIZE, SIZE, 3), (10, 200, 90), np.uint8)
    picture = np.frombuffer(Compositor(avatar).blend(3, face), np.uint8).reshape(120, 96)
    mask = np.zeros((80, 96), np.uint8)
    mask[TOP : TOP + SIZE, LEFT : LEFT + SIZE] = avatar.mask
    # One chroma sample covers four pixels: it may change where any of them may.
    chroma = mask.reshape(40, 2, 48, 2).max((1, 3)).reshape(20, 96)

    changed = picture != avatar.frames[3]
    assert not changed[:80][mask == 0].any()
    assert not changed[80:100][chroma == 0].any()
    assert not changed[100:][chroma == 0].any()
    assert changed[:80][mask > 128].mean() > 0.95


def test_inside_the_mouth_the_face_is_shown_in_its_own_colour(avatar: Avatar) -> None:
    face = np.full((SIZE, SIZE, 3), (10, 200, 90), np.uint8)
    picture = np.frombuffer(Compositor(avatar).blend(3, face), np.uint8).reshape(120, 96)
    shown = cv2.cvtColor(picture.copy(), cv2.COLOR_YUV2BGR_I420)[TOP + 46, LEFT + 32]
    assert np.abs(shown.astype(int) - (10, 200, 90)).max() <= 4


def test_a_face_that_is_the_frames_own_changes_next_to_nothing(avatar: Avatar) -> None:
    compositor = Compositor(avatar)
    picture = compositor.blend(4, compositor.crop(4, SIZE))
    assert np.abs(luma(picture) - luma(compositor.idle(4))).max() <= 2


def test_the_edge_has_no_seam(avatar: Avatar) -> None:
    """A face 40 levels brighter never makes neighbouring pixels differ by much more than they did."""
    compositor = Compositor(avatar)
    face = np.clip(compositor.crop(0, SIZE).astype(int) + 40, 0, 255).astype(np.uint8)
    before, after = luma(compositor.idle(0)), luma(compositor.blend(0, face))
    for axis in (0, 1):
        steps = np.diff(after, axis=axis) - np.diff(before, axis=axis)
        assert np.abs(steps).max() <= 10


def test_blending_rounds_to_the_nearest() -> None:
    """Every mask with every distance, against the division that it stands for."""
    old, new, mask = (axis.astype(np.uint8) for axis in np.mgrid[0:256:5, 0:256:3, 0:256:1])
    target = old.reshape(52, -1).copy()
    _lerp(target, new.reshape(52, -1), _weights(mask.reshape(52, -1)))
    exact = old + (new.astype(float) - old) * mask / 255
    assert np.array_equal(target, np.floor(exact + 0.5).astype(np.uint8).reshape(52, -1))


def test_the_mouths_part_of_a_face_is_enough(avatar: Avatar) -> None:
    compositor = Compositor(avatar)
    face = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    x, y, width, height = compositor.region(SIZE)
    assert 0 < width < SIZE
    mouth = np.ascontiguousarray(face[y : y + height, x : x + width])
    for strength in (0.4, 1.0):
        assert compositor.blend(3, mouth, strength) == compositor.blend(3, face, strength)
    assert compositor.region(2 * SIZE) == (0, 0, 2 * SIZE, 2 * SIZE), "what is resized is needed whole"


def test_strength_weakens_the_mouth(avatar: Avatar) -> None:
    compositor = Compositor(avatar)
    face = np.full((SIZE, SIZE, 3), 255, np.uint8)
    at = (TOP + 46, LEFT + 32)
    levels = [luma(compositor.blend(0, face, strength))[at] for strength in (0.0, 0.5, 1.0)]
    assert compositor.blend(0, face, 0.0) == compositor.idle(0)
    assert abs(levels[1] - (levels[0] + levels[2]) / 2) <= 2


def test_after_speech_the_mouth_eases_closed(avatar: Avatar) -> None:
    compositor = Compositor(avatar)
    face = np.full((SIZE, SIZE, 3), 255, np.uint8)
    at = (TOP + 46, LEFT + 32)
    last = compositor.blend(0, face)
    distances: list[int] = []
    for index in range(1, 6):
        # The idle frame of the same index is where the mouth is going.
        last = compositor.ease(index, last)
        distances.append(int(luma(last)[at] - luma(compositor.idle(index))[at]))

    assert distances[0] > distances[1] > distances[2] > distances[3] == distances[4] == 0
    assert len(EASE) == 3
    assert last == compositor.idle(5)


def test_in_silence_every_picture_is_the_idle_frame(avatar: Avatar) -> None:
    compositor = Compositor(avatar)
    last = compositor.idle(0)
    for index in range(1, 14):
        last = compositor.ease(index, last)
        assert index <= 3 or last == compositor.idle(index)


def test_speech_that_begins_again_eases_again(avatar: Avatar) -> None:
    compositor = Compositor(avatar)
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    last = compositor.idle(0)
    for index in range(1, 8):
        last = compositor.ease(index, last)
    spoken = compositor.blend(8, white)
    eased = compositor.ease(9, spoken)
    assert eased != compositor.idle(9)
