"""An avatar pack in, a film of the face that waits out: `python -m appliance.face.training.life_film AVATAR OUT.mp4`.

The frames are chosen by the same player that the box shows a silent face with.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from appliance.face.avatar import load_avatar
from appliance.face.life import STATES, Life


def write(avatar_path: Path, out: Path, *, seconds: float, side: int, states: list[str]) -> None:
    """Write the film.

    Args:
        seconds: how long it is, divided evenly among the states.
        side: its height in pixels, even; it is as wide as the avatar's picture is to that.
        states: of life.STATES, one after the other.
    """
    avatar = load_avatar(avatar_path)
    life = Life(avatar.card.clips, avatar.n_frames, "film")
    fps, ticks = avatar.card.fps, round(seconds * avatar.card.fps)
    width = round(side * avatar.width / avatar.height / 2) * 2
    with av.open(str(out), "w") as film:
        stream = film.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, side, "yuv420p"
        stream.options = {"crf": "25", "preset": "slow", "tune": "animation"}
        for tick in range(ticks):
            life.live(states[tick * len(states) // ticks], after=tick - 1)
            picture = cv2.cvtColor(avatar.frames[life.frame(tick)], cv2.COLOR_YUV2BGR_I420)
            small = cv2.resize(picture, (width, side), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(np.asarray(small, np.uint8), format="bgr24")
            frame.pts, frame.time_base = tick, Fraction(1, fps)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


def main(arguments: list[str] | None = None) -> int:
    """Write the film; return 0."""
    parser = argparse.ArgumentParser(prog="python -m appliance.face.training.life_film", description=__doc__)
    parser.add_argument("avatar", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long (default: 120)")
    parser.add_argument("--side", type=int, default=320, help="height in pixels, even (default: 320)")
    parser.add_argument("--states", nargs="+", choices=STATES, default=["idle"], help="one after the other")
    options = parser.parse_args(arguments)
    write(options.avatar, options.out, seconds=options.seconds, side=options.side, states=options.states)
    return 0


if __name__ == "__main__":
    sys.exit(main())
