"""A sentence in, speech with timed phonemes out: from Piper, from espeak-ng, from flite."""

from __future__ import annotations

import ctypes
import random
import re
import subprocess
import tempfile
import wave
from collections.abc import Callable
from ctypes import util
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from piper import PiperVoice, SynthesisConfig

from appliance.face.training.arpabet import ipa
from appliance.face.training.speech import Floats, Speech, resampled
from appliance.phoneme import SILENCE, Phoneme, as_heard, vowels_ended

_ESPEAK_NAMES = (
    "m1 m2 m4 m5 m6 m7 m8 f1 f2 f3 f5 adam Alex Andy Gene Henrique Hugo Jacky Lee Mario Michael Mr linda anika belinda "
    "caleb david ed edward grandma john max paul quincy rob robert sandro steph travis"
)
ESPEAK_VARIANTS = tuple(_ESPEAK_NAMES.split())
"""Voices of espeak-ng that sound like people. f4, m3 and a few more are kept for measuring."""
FLITE_VOICES = ("awb", "rms", "kal16")
"""flite's voices of 16 kHz; slt, the only woman's, is kept for measuring."""
PROGRAMS = "(Debian, Ubuntu: sudo apt-get install flite libespeak-ng1)"
"""Where espeak-ng and flite come from, for who misses them."""
STRANGERS = ("espeak-ng f4", "espeak-ng m3", "flite slt")
"""Voices that are in no corpus: see `stranger`."""
_ESPEAK_VOWEL_LATE_S = 0.035
"""espeak-ng gives the silence of /p/, /t/ and /k/ to the vowel before them (37 ms, medians of 180 to 270 each)."""
_PAUSE = frozenset(" ,.;:!?_-—…^$\"'()") | {""}
_FLITE_SEGMENT = re.compile(r"(\w+):([\d.]+)")


def stranger(name: str) -> Callable[[str], Speech]:
    """What speaks sentences by one of STRANGERS.

    Raises:
        OSError: its program is not installed.
    """
    program, _, voice = name.partition(" ")
    if program == "flite":
        flite = Flite()
        return lambda text: flite.speak(text, voice)
    espeak = Espeak()
    return lambda text: espeak.speak(text, f"en-us+{voice}")


def with_piper(voice: PiperVoice, text: str, pick: random.Random, ratio: float | None = None) -> Speech:
    """Speak with a Piper voice in a random manner, shifted in pitch and formants by resampling.

    Two thirds are shifted where no ratio is given; with one, the voice speaks in its own plain manner.
    """
    config = SynthesisConfig(length_scale=ratio)
    if ratio is None:
        ratio = pick.uniform(0.82, 1.38) if pick.random() < 0.65 else 1.0
        config = SynthesisConfig(
            length_scale=pick.uniform(0.8, 1.3) * ratio,
            noise_scale=pick.uniform(0.3, 0.9),
            noise_w_scale=pick.uniform(0.4, 1.0),
        )
    audio: list[Floats] = []
    phones: list[Phoneme] = []
    at = 0.0
    rate = 22050.0
    for chunk in voice.synthesize(text, config, include_alignments=True):
        rate = chunk.sample_rate * ratio
        labels = [(item.phoneme, item.num_samples / rate) for item in chunk.phoneme_alignments or []]
        phones += timed(labels, at)
        audio.append(chunk.audio_float_array)
        at += len(chunk.audio_float_array) / rate
    return Speech(resampled(np.concatenate(audio), rate), list(as_heard(phones)))


def timed(labels: list[tuple[str, float]], start_s: float = 0.0) -> list[Phoneme]:
    """Turn Piper's labels into phones: stress joins the next one, length the one before, spaces are split."""
    merged: list[list[str | float]] = []
    carry = 0.0
    for symbol, seconds in labels:
        if symbol in ("ˈ", "ˌ"):
            carry += seconds
        elif symbol in ("ː", "ˑ") or (symbol and symbol[0] in "\u0303\u0329\u0361\u032f"):
            if merged:
                merged[-1][1] = float(merged[-1][1]) + seconds
        elif symbol == " " and seconds < 0.08 and merged:
            merged[-1][1] = float(merged[-1][1]) + seconds / 2
            carry += seconds / 2
        else:
            merged.append([SILENCE if symbol in _PAUSE else symbol, seconds + carry])
            carry = 0.0
    phones: list[Phoneme] = []
    for symbol, seconds in merged:
        phones.append(Phoneme(str(symbol), start_s, start_s + float(seconds)))
        start_s += float(seconds)
    return phones


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    ]


@cache
def _espeak() -> tuple[ctypes.CDLL, int]:
    """The library and its rate; it hangs in its second sentence where it was initialised twice in a process."""
    library = ctypes.CDLL(util.find_library("espeak-ng") or "libespeak-ng.so.1")
    # Retrieval mode; phoneme events in IPA; do not exit on errors.
    return library, library.espeak_Initialize(1, 200, None, 0x8003)


class Espeak:
    """espeak-ng through its C library, for voices whose phoneme times are exact."""

    def __init__(self) -> None:
        """Load the library.

        Raises:
            OSError: libespeak-ng is not installed.
        """
        self._lib, self.rate_hz = _espeak()
        prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self._callback = prototype(self._receive)
        self._audio: list[NDArray[np.int16]] = []
        self._marks: list[tuple[str, int]] = []

    def speak(self, text: str, voice: str, *, rate: int = 165, pitch: int = 50) -> Speech:
        """Speak a sentence; voice is like "en-us+f4", rate in words a minute, pitch 0 to 99."""
        self._audio, self._marks = [], []
        self._lib.espeak_SetSynthCallback(self._callback)  # another one may have spoken since
        self._lib.espeak_SetVoiceByName(voice.encode())
        self._lib.espeak_SetParameter(1, rate, 0)
        self._lib.espeak_SetParameter(3, pitch, 0)
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        self._lib.espeak_Synchronize()
        pcm = np.concatenate(self._audio).astype(np.float32) / 32768 if self._audio else np.zeros(0, np.float32)
        marks = [*self._marks, ("", len(pcm))]
        phones = [
            Phoneme(symbol.strip("ˈˌː") or SILENCE, start / self.rate_hz, end / self.rate_hz)
            for (symbol, start), (_, end) in pairwise(marks)
            if end > start
        ]
        return Speech(resampled(pcm, self.rate_hz), vowels_ended(phones, _ESPEAK_VOWEL_LATE_S, before="ptk"))

    def _receive(self, wav: object, count: int, events: object) -> int:
        at = 0
        while events[at].type:  # type: ignore[index]
            if events[at].type == 7:  # type: ignore[index]
                symbol = events[at].string.decode(errors="ignore")  # type: ignore[index]
                self._marks.append((symbol, events[at].sample))  # type: ignore[index]
            at += 1
        if wav and count:
            self._audio.append(np.ctypeslib.as_array(wav, (count,)).copy())  # type: ignore[arg-type]
        return 0


class Flite:
    """flite as a program: statistical voices made of real people's, whose phoneme times are exact."""

    def __init__(self) -> None:
        """Look for it.

        Raises:
            OSError: flite is not installed.
        """
        subprocess.run(["flite", "--version"], check=False, capture_output=True)

    def speak(self, text: str, voice: str, *, stretch: float = 1.0, pitch_hz: float | None = None) -> Speech:
        """Speak a sentence; stretch makes it longer, pitch_hz is the mean."""
        manner = ["--setf", f"duration_stretch={stretch:.3f}"]
        if pitch_hz is not None:
            manner += ["--setf", f"int_f0_target_mean={pitch_hz:.1f}"]
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = ["flite", "-voice", voice, *manner, "-t", text, "-psdur", "-o", file.name]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            with wave.open(file.name) as sound:
                rate_hz = sound.getframerate()
                pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / 32768
        ends = [(ipa(name), float(end)) for name, end in _FLITE_SEGMENT.findall(told)]
        starts = [0.0, *(end for _, end in ends)]
        phones = [Phoneme(symbol, start, end) for (symbol, end), start in zip(ends, starts, strict=False)]
        return Speech(resampled(pcm, rate_hz), phones)
