"""A film's file in, its pictures, upright and 25 a second, and its sound out; what is no film of use is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import MediaError
from appliance.face.making.pack import FPS
from appliance.face.mel import RATE_HZ

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

SHORTEST_S, LONGEST_S = 10.0, 300.0
WORKING_PX = 1280
"""Longest side that is worked on: a face is drawn 192 pixels large."""
_STALL_S = 0.5
"""Longest time that may pass between two pictures."""
_SIDE_MAX_PX = 8192
_KINDS = ("mov", "mp4", "m4v", "3gp", "matroska", "webm", "avi", "mpegts", "mpeg", "asf", "ogg")
_OPTIONS = {"format_whitelist": ",".join(_KINDS), "protocol_whitelist": "file"}
"""Nothing that names other files or hosts is followed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a film's file says of itself."""

    width: int
    """Pixels, upright, as it is worked on."""
    height: int
    """Pixels, upright, as it is worked on."""
    seconds: float
    """How long it is; 0 where the file does not say."""
    sound: bool
    """Whether it has any."""


def shape(path: Path) -> Shape:
    """Look at a film without decoding more than its first picture.

    Raises:
        MediaError: codes not-found, not-a-video, no-pictures, video-too-large, video-too-short, video-too-long.
    """
    with _opened(path) as film:
        seconds = film.duration / av.time_base if film.duration else 0.0
        if seconds:
            _check_length(path, seconds)
        first = next(_decoded(path, film), None)
        if first is None:
            raise _unreadable(path)
        height, width = _upright(first).shape[:2]
        return Shape(width, height, seconds, bool(film.streams.audio))


def pictures(path: Path) -> Iterator[Pixels]:
    """Every picture that is seen at a 25th of a second, (h, w, 3) uint8 BGR, upright, at most WORKING_PX long.

    A film whose pictures come at another rate, or at no steady one, is shown at 25: the last one that is due is seen.

    Raises:
        MediaError: codes as of `shape`; video-broken, where it cannot be decoded to its end; video-stalls, where for
            half a second no picture comes.
    """
    with _opened(path) as film:
        shown: Pixels | None = None
        n_given, first_s, last_s = 0, 0.0, 0.0
        for frame in _decoded(path, film):
            at_s = float(frame.time or 0.0)
            if shown is None:
                first_s = last_s = at_s
            at_s -= first_s
            if at_s - last_s > _STALL_S:
                message = f"{path.name} stands still from {last_s:.1f} to {at_s:.1f} s"
                raise MediaError(message, code="video-stalls", hint="record it anew, or cut that out")
            while shown is not None and n_given / FPS < at_s - 0.5 / FPS:
                yield shown
                n_given += 1
            if at_s > LONGEST_S:
                _check_length(path, at_s)
            shown, last_s = _upright(frame), at_s
        if shown is not None:
            yield shown
            n_given += 1
        _check_length(path, n_given / FPS)


def sound(path: Path) -> Floats | None:
    """What is heard, (n,) float32 at 16 kHz in [-1, 1]; None where there is no sound, or none that can be decoded.

    Raises:
        MediaError: codes as of `shape`.
    """
    with _opened(path) as film:
        if not film.streams.audio:
            return None
        resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        try:
            pieces = [piece.to_ndarray()[0] for frame in film.decode(audio=0) for piece in resampler.resample(frame)]
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
        except (av.error.FFmpegError, ValueError):
            return None
    return np.concatenate(pieces).astype(np.float32) if pieces else None


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise MediaError(f"there is no file {path}", code="not-found", hint="name the video's file")
    try:
        film = av.open(str(path), options=_OPTIONS)
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(path) from error
    if not film.streams.video:
        film.close()
        message = f"{path.name} has no pictures"
        raise MediaError(message, code="no-pictures", hint="give a video of a person who speaks")
    codec = film.streams.video[0].codec_context
    if max(codec.width, codec.height) > _SIDE_MAX_PX:
        film.close()
        message = f"the pictures of {path.name} are {codec.width} x {codec.height} pixels large"
        raise MediaError(message, code="video-too-large", hint="make it smaller: 1920 x 1080 is plenty")
    return film


def _decoded(path: Path, film: Any) -> Iterator[Any]:
    last_s = 0.0
    try:
        for frame in film.decode(video=0):
            last_s = float(frame.time or 0.0)
            yield frame
    except (av.error.FFmpegError, ValueError, OSError) as error:
        message = f"{path.name} cannot be decoded beyond {last_s:.1f} s"
        raise MediaError(message, code="video-broken", hint="copy it again, or export it anew") from error


def _upright(frame: Any) -> Pixels:
    """(h, w, 3) BGR, turned as its camera noted."""
    picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    picture = np.rot90(picture, round(frame.rotation / 90) % 4)
    scale = WORKING_PX / max(picture.shape[:2])
    if scale < 1:
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(picture)


def _check_length(path: Path, seconds: float) -> None:
    if seconds < SHORTEST_S:
        message = f"{path.name} is {seconds:.1f} s long, less than {SHORTEST_S:.0f}"
        raise MediaError(message, code="video-too-short", hint="speak for half a minute, and listen for ten seconds")
    if seconds > LONGEST_S:
        message = f"{path.name} is longer than {LONGEST_S / 60:.0f} minutes"
        raise MediaError(message, code="video-too-long", hint="cut out the best minute")


def _unreadable(path: Path) -> MediaError:
    message = f"{path.name} cannot be read as a video"
    return MediaError(message, code="not-a-video", hint="give an MP4, MOV or WebM file")
