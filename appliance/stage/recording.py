"""Pictures and sound in, one MP4 (H.264 and AAC) out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np
import numpy.typing as npt

from appliance.errors import MediaError

_AAC_RATE_HZ = 48_000  # an AAC frame is 1024 samples: at 48 kHz its padding stays under one video frame


class FilmWriter:
    """Writes one film a frame at a time; use it as a context manager."""

    def __init__(self, path: Path, *, size: tuple[int, int], fps: int, rate_hz: int) -> None:
        """
        Args:
            size: (width, height) in pixels, both even.
            rate_hz: of the sound that `add` is given.
        Raises:
            MediaError: the file cannot be written.
        """
        self._path = path
        self._size = size
        self._rate_hz = rate_hz
        self.frames = 0
        self.samples = 0
        try:
            path.touch()
        except OSError as error:
            raise MediaError(
                f"{path} cannot be written: {error.strerror}", code="unwritable", hint="choose another place"
            ) from error
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._video = self._container.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "veryfast"})
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.thread_count = 1
        self._audio = self._container.add_stream("aac", rate=_AAC_RATE_HZ, layout="mono")
        self._audio.bit_rate = 128_000
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=_AAC_RATE_HZ)

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._container.close()
            if kind is not None:
                self._path.unlink(missing_ok=True)

    def add(self, picture: bytes, pcm: npt.NDArray[np.int16]) -> None:
        """One I420 picture and the (n,) int16 sound that is heard while it is shown."""
        width, height = self._size
        frame = av.VideoFrame.from_ndarray(
            np.frombuffer(picture, np.uint8).reshape(height * 3 // 2, width), format="yuv420p"
        )
        frame.pts = self.frames
        frame.time_base = Fraction(1, int(self._video.codec_context.framerate))
        self.frames += 1
        self._container.mux(self._video.encode(frame))
        sound = av.AudioFrame.from_ndarray(pcm[np.newaxis, :], format="s16", layout="mono")
        sound.sample_rate = self._rate_hz
        sound.pts = self.samples
        self.samples += len(pcm)
        for resampled in self._resampler.resample(sound):
            self._container.mux(self._audio.encode(resampled))

    def _flush(self) -> None:
        for resampled in self._resampler.resample(None):
            self._container.mux(self._audio.encode(resampled))
        self._container.mux(self._audio.encode(None))
        self._container.mux(self._video.encode(None))


def read_speech(path: Path, *, rate_hz: int, longest_s: float) -> npt.NDArray[np.int16]:
    """Decode any sound file (wav, mp3, m4a, …) to mono.

    Args:
        rate_hz: of the sound that is returned.
        longest_s: more is refused before it is decoded to its end.
    Returns:
        (n,) int16.
    Raises:
        MediaError: codes not-found, not-audio, empty, too-long.
    """
    if not path.is_file():
        raise MediaError(f"there is no file {path}", code="not-found", hint="check the path")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    pieces: list[npt.NDArray[np.int16]] = []
    n_samples = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError(f"{path} holds no sound", code="not-audio", hint="give a WAV, MP3 or M4A recording")
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    pieces.append(_samples(piece))
                    n_samples += len(pieces[-1])
                if n_samples > longest_s * rate_hz:
                    raise MediaError(
                        f"{path} is longer than {longest_s:.0f} s", code="too-long", hint="cut one question out of it"
                    )
            pieces += [_samples(piece) for piece in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(
            f"{path} cannot be read as sound: {error}", code="not-audio", hint="give a WAV, MP3 or M4A recording"
        ) from error
    if n_samples == 0:
        raise MediaError(f"{path} is empty", code="empty", hint="give a recording with speech in it")
    return np.concatenate(pieces)


def _samples(piece: av.AudioFrame) -> npt.NDArray[np.int16]:
    return piece.to_ndarray().reshape(-1).astype(np.int16, copy=False)
