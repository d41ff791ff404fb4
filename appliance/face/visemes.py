"""Timed phonemes in, eight mouth parameters over time out: what the net learned to read from sound, and is told instead
where the voice knows its phonemes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.phoneme import SILENCE, Phoneme

Floats = NDArray[np.float32]

PARAMETERS = ("jaw", "wide", "round", "up", "tuck", "tongue", "teeth", "press")
"""Jaw drop, lips spread, rounded, upper raised, lower lip under the teeth, tongue tip, teeth shown, lips pressed."""

# Per phoneme: targets for the parameters that it shapes. Vowels shape jaw, wide, round and up, consonants what they
# need; what is not named keeps its neighbours' shape. "/" sets how strongly a named parameter is shaped (1 if absent).
_TABLE = """
_  jaw=0 wide=0 round=0 up=0 tuck=0 tongue=0 teeth=0 press=0
ɑ a  jaw=.92 wide=.15 round=.05 up=.25 teeth=.25 tongue=.05
æ    jaw=.80 wide=.50 round=0 up=.40 teeth=.50 tongue=.10
ɐ ʌ  jaw=.62 wide=.18 round=.05 up=.25 teeth=.30 tongue=.10
ə    jaw=.38/.7 wide=.15/.6 round=.1/.5 up=.2/.6 teeth=.35/.6 tongue=.15/.6
ᵻ    jaw=.30/.7 wide=.35/.7 round=0/.6 up=.2/.6 teeth=.45/.6 tongue=.2/.6
ɛ    jaw=.58 wide=.48 round=0 up=.32 teeth=.50 tongue=.15
e    jaw=.45 wide=.62 round=0 up=.32 teeth=.60 tongue=.20
i    jaw=.24 wide=.90 round=0 up=.35 teeth=.80 tongue=.25
ɪ    jaw=.34 wide=.52 round=0 up=.28 teeth=.60 tongue=.20
ɔ ɒ  jaw=.72 wide=0 round=.52 up=.22 teeth=.10 tongue=.05
o    jaw=.50 wide=0 round=.80 up=.15 teeth=.05 tongue=.05
ʊ    jaw=.32 wide=0 round=.70 up=.15 teeth=.15 tongue=.10
u    jaw=.22 wide=0 round=1 up=.12 teeth=.05 tongue=.05
y ø  jaw=.25 wide=.1 round=.9 up=.15 teeth=.1 tongue=.1
ɜ ɚ ɝ jaw=.38 wide=.05 round=.42 up=.28 teeth=.35 tongue=.25
p b m press=1 tuck=0/.5 jaw=.10/.35 tongue=0/.4 teeth=.1/.4
f v  tuck=1 press=0/.6 jaw=.16/.7 up=.25/.7 teeth=.55/.8 round=.05/.3 tongue=0/.5
θ ð  tongue=1 jaw=.26/.8 teeth=.60/.8 up=.2/.5 wide=.2/.4 tuck=0/.5
t d n ɾ jaw=.20/.6 tongue=.55/.8 teeth=.60/.7 wide=.25/.25 up=.2/.4 tuck=0/.5
l ɫ  jaw=.32/.6 tongue=.85/.9 teeth=.45/.6 wide=.2/.2 up=.2/.4 tuck=0/.5
s z  jaw=.09/.9 teeth=1 wide=.38/.5 up=.32/.7 tongue=.2/.7 round=0/.2 tuck=0/.5
ʃ ʒ  jaw=.14/.9 teeth=.95 round=.62/.8 up=.40/.8 tongue=.2/.6 wide=0/.4 tuck=0/.5
k ɡ g ŋ x jaw=.30/.4 tongue=.1/.4 teeth=.35/.4 up=.2/.25 tuck=0/.5
ɹ r  jaw=.26/.6 round=.50/.7 up=.25/.5 teeth=.40/.5 tongue=.2/.5 tuck=0/.5
w ʍ  round=1 jaw=.14/.8 wide=0/.8 teeth=0/.7 up=.1/.5 tongue=0/.5 tuck=0/.5
j    jaw=.22/.5 wide=.60/.6 teeth=.5/.5 up=.25/.4 tongue=.2/.4 round=0/.4
h    jaw=.35/.15
ʔ    jaw=.25/.1
"""
# How far a phone reaches out of its core, in seconds: before (anticipation) and after. Press and tuck are quick.
_BEFORE_S = np.array([0.055, 0.065, 0.095, 0.055, 0.040, 0.045, 0.050, 0.030], np.float32)
_AFTER_S = np.array([0.050, 0.055, 0.060, 0.050, 0.034, 0.040, 0.045, 0.026], np.float32)


CLOSED = 0.09
"""Lips less apart than this are closed: 1.3 pixels of 192, less than a lip's edge is soft."""
_PRESS = PARAMETERS.index("press")
_APART, _TOGETHER = 0.08, 0.88
"""Lips do not hover: pressed so much by the blend of the phones around, they are apart, or together."""
_HELD_S = 0.08
"""Lips that close stay so for two pictures: one alone is not seen as a closure but as a flicker."""
_REST = 0.05
"""A parameter up to this is told from none by no picture."""


def _table() -> dict[str, tuple[Floats, Floats]]:
    rows: dict[str, tuple[Floats, Floats]] = {}
    for line in _TABLE.strip().splitlines():
        words = line.split()
        target, strength = np.zeros(8, np.float32), np.zeros(8, np.float32)
        for name, _, value in (word.partition("=") for word in words if "=" in word):
            aim, _, weight = value.partition("/")
            at = PARAMETERS.index(name)
            target[at], strength[at] = float(aim), float(weight or 1)
        # A vowel keeps the lips from pressing, weakly, so that a neighbouring /m/ wins at its own place.
        if strength[7] == 0:
            strength[7] = 0.35
        for symbol in (word for word in words if "=" not in word):
            rows[symbol] = (target, strength)
    return rows


TABLE = _table()
UNKNOWN = TABLE["ə"]


def shape(symbol: str) -> tuple[Floats, Floats]:
    """Give a phoneme's targets and strengths, (8,) each; a symbol that is not known is treated as /ə/."""
    for character in symbol:
        if character in TABLE:
            return TABLE[character]
    return UNKNOWN


def _core(phone: Phoneme) -> tuple[float, float]:
    """The stretch in which a phone has its full strength."""
    length = phone.end_s - phone.start_s
    if phone.symbol == SILENCE:
        # The mouth closes over the first tenth of a second of a pause and opens shortly before its end.
        margin = min(0.09, length / 3)
        return phone.start_s + margin, phone.end_s - margin
    if phone.symbol and phone.symbol[0] in "pb":
        # The lips of a stop part in the middle of its label, where the burst begins.
        return _held(phone.start_s, phone.start_s + 0.5 * length)
    if phone.symbol and phone.symbol[0] == "m":
        return _held(phone.start_s + 0.15 * length, phone.end_s - 0.15 * length)
    if phone.symbol and phone.symbol[0] in "fv":
        return phone.start_s + 0.15 * length, phone.end_s - 0.15 * length
    return phone.start_s + 0.3 * length, phone.end_s - 0.3 * length


def _held(start_s: float, end_s: float) -> tuple[float, float]:
    middle, half = (start_s + end_s) / 2, max(end_s - start_s, _HELD_S) / 2
    return middle - half, middle + half


def tracks(phones: list[Phoneme], times_s: NDArray[np.float64]) -> Floats:
    """Blend the phones into continuous mouth parameters (Cohen and Massaro's dominance model).

    Args:
        phones: in order, covering the speech; before the first and after the last there is silence.
        times_s: (n,) moments to give the mouth for, seconds.
    Returns:
        (n, 8) float32 in [0, 1], in the order of PARAMETERS.
    """
    first = phones[0].start_s if phones else 0.0
    last = phones[-1].end_s if phones else 0.0
    everything = [Phoneme(SILENCE, first - 10, first), *_joined(phones), Phoneme(SILENCE, last, last + 10)]
    total = np.full((len(times_s), 8), 1e-6, np.float32)
    value = np.zeros((len(times_s), 8), np.float32)
    for phone in everything:
        start, end = _core(phone)
        near = np.flatnonzero((times_s > start - 0.5) & (times_s < end + 0.5))
        if not len(near):
            continue
        target, strength = TABLE[SILENCE] if phone.symbol == SILENCE else shape(phone.symbol)
        before = np.maximum(0, start - times_s[near])[:, None].astype(np.float32) / _BEFORE_S
        after = np.maximum(0, times_s[near] - end)[:, None].astype(np.float32) / _AFTER_S
        dominance = strength * np.exp(-((before + after) ** 1.6))
        total[near] += dominance
        value[near] += dominance * target
    mouths = np.clip(value / total, 0, 1)
    mouths[:, _PRESS] = np.clip((mouths[:, _PRESS] - _APART) / (_TOGETHER - _APART), 0, 1)
    return mouths


def _joined(phones: list[Phoneme]) -> list[Phoneme]:
    """Split diphthongs, join pauses that follow each other, and drop gaps too short to close the mouth in."""
    joined: list[Phoneme] = []
    for phone in (part for whole in phones for part in _parts(whole)):
        if phone.symbol == SILENCE and joined and joined[-1].symbol == SILENCE:
            joined[-1] = Phoneme(SILENCE, joined[-1].start_s, phone.end_s)
        else:
            joined.append(phone)
    return [phone for phone in joined if phone.symbol != SILENCE or phone.end_s - phone.start_s > 0.06]


def _parts(phone: Phoneme) -> list[Phoneme]:
    """A symbol of several sounds, such as "eɪ" or "tʃ", as one phone each; the first sound is the longer one."""
    known = [character for character in phone.symbol if character in TABLE]
    if len(known) < 2:
        return [phone]
    weights = [1.4, *[1.0] * (len(known) - 1)]
    edges = phone.start_s + (phone.end_s - phone.start_s) * np.cumsum([0.0, *weights]) / sum(weights)
    return [Phoneme(c, float(a), float(b)) for c, a, b in zip(known, edges, edges[1:], strict=False)]


def departure(mouths: Floats) -> Floats:
    """Tell how far mouths, (n, 8), are from rest: (n,) from 0, at rest, to 1, where they are plainly something else."""
    return np.clip(mouths.max(axis=1, initial=0.0) / np.float32(_REST), 0.0, 1.0).astype(np.float32)


def aperture(mouths: Floats) -> Floats:
    """How far the lips are apart, (n,) of (n, 8): 0 closed, about 1 in a wide /a/, as the drawing has it."""
    jaw, up, tuck, press = (mouths[:, PARAMETERS.index(name)] for name in ("jaw", "up", "tuck", "press"))
    return ((jaw + 0.15 * up) * (1 - press) * (1 - 0.4 * tuck)).astype(np.float32)
