"""A recording in, a film of the avatar speaking it out: `python -m appliance.face.training.film NET AVATAR WAV OUT`."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from appliance.config import FaceConfig
from appliance.face.mel import RATE_HZ, mel_windows
from appliance.face.renderer import FaceRenderer, RenderedFrame, RenderRequest

Floats = NDArray[np.float32]


def rendered(renderer: FaceRenderer, pcm: Floats, *, fps: int) -> list[RenderedFrame]:
    """Draw a whole speech, (n,) float32 at 16 kHz, with a loaded renderer: one picture a frame."""
    windows = mel_windows(pcm, fps=fps, offset_s=renderer.window_offset_s)
    return list(renderer.pictures(RenderRequest(tuple(range(len(windows))), windows)))


def write_film(frames: list[RenderedFrame], size: tuple[int, int], pcm: Floats, out: Path, *, fps: int) -> Path:
    """Write pictures and sound as H.264 and AAC."""
    width, height = size
    with av.open(str(out), "w") as film:
        video, audio = film.add_stream("libx264", rate=fps), film.add_stream("aac", rate=RATE_HZ)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"crf": "18"}
        audio.layout = "mono"
        for number, item in enumerate(frames):
            planes = np.frombuffer(item.picture, np.uint8).reshape(height * 3 // 2, width)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            film.mux(video.encode(frame))
        sound = av.AudioFrame.from_ndarray(pcm[None].astype(np.float32), format="fltp", layout="mono")
        sound.rate, sound.pts = RATE_HZ, 0
        film.mux(audio.encode(sound))
        for stream in (video, audio):
            film.mux(stream.encode())
    return out


def read_sound(path: Path) -> Floats:
    """Read any recording as (n,) float32 mono at 16 kHz."""
    with av.open(str(path), "r") as film:
        resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        pieces = [piece.to_ndarray()[0] for frame in film.decode(audio=0) for piece in resampler.resample(frame)]
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(pieces)


def main(net: Path, avatar: Path, recording: Path, out: Path) -> None:
    """Make the film."""
    config = FaceConfig()
    renderer = FaceRenderer(net, avatar, config)
    renderer.load()
    pcm = read_sound(recording)
    frames = rendered(renderer, pcm, fps=config.fps)
    write_film(frames, (renderer.avatar.width, renderer.avatar.height), pcm, out, fps=config.fps)
    renderer.close()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:5]))
