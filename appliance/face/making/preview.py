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
from appliance.face.making.idle import pose_at
from appliance.face.making.lessons import spoken_mouths
from appliance.face.making.pack import FPS, LOOP, encode
from appliance.face.making.portrait import Portrait
from appliance.face.net import FaceNet
from appliance.face.renderer import FaceRenderer, RenderRequest
from appliance.face.visemes import aperture, tracks
from appliance.phoneme import SILENCE, Phoneme

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_WORDS = "_ h ə l oʊ _ aɪ k æ n t ɔ k w ɪ θ j u ə b aʊ t f aɪ v s m ɔ l m u n z _"
"""The preview says, without a voice: Hello. I can talk with you about five small moons."""
_PHONE_S, _PAUSE_S = 0.09, 0.5
_SEED = 11
"""Of mouths that the net did not learn from."""
_N_MEASURED = 40
_BEHIND = 0.02
"""Less person than this in a pixel is background."""
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


def measure(pack: Path, portrait: Portrait, matte: Floats) -> dict[str, float]:
    """How near the net comes to what it should draw, of mouths that it did not learn from.

    Returns:
        mouth_psnr_db: of the net's mouth against the portrait's; copied_psnr_db: of the face at rest against the same;
        aperture_correlation: of lips read off the pixels with what was asked for; background_psnr_db: of what is
        behind the person over the loop, against the first frame.
    """
    avatar = load_avatar(pack)
    assert avatar.net is not None, "a pack made from a photo has its own net"
    assert avatar.ruler is not None, "and a ruler"
    net, compositor = FaceNet(avatar.net), Compositor(avatar)
    assert net.mouth is not None, "which can be told its mouths"
    mouths = spoken_mouths(_N_MEASURED, _SEED)
    frames = np.linspace(0, LOOP, len(mouths), endpoint=False).astype(int).tolist()
    rests = np.stack([compositor.crop(frame, net.size) for frame in frames])
    left, top, side = (int(value) for value in avatar.boxes[0])
    wanted = np.stack(
        [
            portrait.draw(mouth, pose_at(frame, LOOP, FPS), (left, top, side))
            for mouth, frame in zip(mouths, frames, strict=True)
        ]
    )
    loop = LoopNet(net, rests.__getitem__, len(rests), (0, 0, net.size, net.size), cache_mib=256)
    drawn = np.concatenate([loop.render(mouths[at : at + 8], np.arange(at, at + 8)) for at in range(0, _N_MEASURED, 8)])
    read = avatar.ruler.read(drawn, rests)
    box = (slice(None), *_MOUTH)
    behind = avatar.frames[:, : avatar.height][:, matte < _BEHIND]
    return {
        "mouth_psnr_db": _psnr(drawn[box], wanted[box]),
        "copied_psnr_db": _psnr(rests[box], wanted[box]),
        "aperture_correlation": round(float(np.corrcoef(read, aperture(mouths))[0, 1]), 3),
        "background_psnr_db": _psnr(behind, behind[:1]) if behind.size else _PERFECT_DB,
    }


def _psnr(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    error = float(((one.astype(np.float64) - other.astype(np.float64)) ** 2).mean())
    return min(_PERFECT_DB, round(10 * float(np.log10(255**2 / max(error, 1e-9))), 2))
