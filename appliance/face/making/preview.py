"""A finished pack in, how well its net draws and a film of it speaking out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.config import FaceConfig
from appliance.face.avatar import Avatar, load_avatar
from appliance.face.compositor import Compositor
from appliance.face.loop_net import LoopNet
from appliance.face.making.pack import FPS, encode
from appliance.face.making.person import Held
from appliance.face.net import FaceNet
from appliance.face.renderer import FaceRenderer, RenderRequest
from appliance.face.visemes import aperture, tracks
from appliance.phoneme import SILENCE, Phoneme

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_WORDS = "_ h ə l oʊ _ aɪ k æ n t ɔ k w ɪ θ j u ə b aʊ t f aɪ v s m ɔ l m u n z _"
"""The preview says, without a voice: Hello. I can talk with you about five small moons."""
_PHONE_S, _PAUSE_S = 0.09, 0.5
_AT_ONCE = 8
_PERFECT_DB = 99.0
_MOUTH = (slice(96, 176), slice(40, 152))
"""Rows and columns of the box in which a mouth is measured."""


def spoken() -> Floats:
    """(n, 8): the mouths of the preview, one a frame."""
    at_s, phones = 0.0, list[Phoneme]()
    for symbol in _WORDS.split():
        until_s = at_s + (_PAUSE_S if symbol == SILENCE else _PHONE_S * len(symbol))
        phones.append(Phoneme(symbol, at_s, until_s))
        at_s = until_s
    return tracks(phones, np.arange(round(at_s * FPS)) / FPS)


def preview(pack: Path, out: Path) -> None:
    """Write a silent film, H.264, of the avatar speaking and then resting for the rest of its loop."""
    renderer = FaceRenderer(Path(), pack, FaceConfig())
    renderer.load()
    mouths = spoken()
    request = RenderRequest(tuple(range(len(mouths))), mouths)
    pictures = [_bgr(frame.picture, renderer.avatar) for frame in renderer.pictures(request)]
    resting = range(len(mouths), renderer.avatar.n_frames)
    pictures += [_bgr(renderer.avatar.frames[index].tobytes(), renderer.avatar) for index in resting]
    renderer.close()
    out.write_bytes(encode(pictures).data)


def _bgr(picture: bytes, avatar: Avatar) -> Pixels:
    planes = np.frombuffer(picture, np.uint8).reshape(avatar.height * 3 // 2, avatar.width)
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)


def measure(pack: Path, held: Held, behind: NDArray[np.bool_] | None) -> dict[str, float | None]:
    """How near the net comes to what it should draw, of mouths that it did not learn from.

    Args:
        behind: (h, w): where nothing should ever move.
    Returns:
        mouth_psnr_db: of the net's mouth against the one wanted; copied_psnr_db: of the face at rest against the same;
        aperture_correlation: of lips read off the pixels with what was asked for; background_psnr_db: of what is
        behind the person over the loop, against the first frame; None where the camera itself moves.
    """
    avatar = load_avatar(pack, ai_label=False)
    assert avatar.net is not None, "a pack made of a person has its own net"
    assert avatar.ruler is not None, "and a ruler"
    net, compositor = FaceNet(avatar.net), Compositor(avatar)
    assert net.mouth is not None, "which can be told its mouths"
    rests = np.stack([compositor.crop(int(frame), net.size) for frame in held.frames])
    loop = LoopNet(net, rests.__getitem__, len(rests), (0, 0, net.size, net.size), cache_mib=256)
    pieces = [range(at, min(at + _AT_ONCE, len(rests))) for at in range(0, len(rests), _AT_ONCE)]
    drawn = np.concatenate([loop.render(held.mouths[piece], np.array(piece)) for piece in pieces])
    read = avatar.ruler.read(drawn, rests)
    rows, columns = _MOUTH
    low = slice(rows.start - net.size // 2, rows.stop - net.size // 2)
    wanted = held.pictures[:, low, columns]
    still = avatar.frames[:, : avatar.height][:, behind] if behind is not None and behind.any() else None
    return {
        "mouth_psnr_db": _psnr(drawn[:, rows, columns], wanted),
        "copied_psnr_db": _psnr(rests[:, rows, columns], wanted),
        "aperture_correlation": round(float(np.corrcoef(read, aperture(held.mouths))[0, 1]), 3),
        "background_psnr_db": _psnr(still, still[:1]) if still is not None else None,
    }


def _psnr(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    error = float(((one.astype(np.float64) - other.astype(np.float64)) ** 2).mean())
    return min(_PERFECT_DB, round(10 * float(np.log10(255**2 / max(error, 1e-9))), 2))
