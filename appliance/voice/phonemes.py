"""When each phoneme sounds: Piper's symbols and their durations come in, spoken phonemes with their times go out."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.phoneme import SILENCE, Phoneme

_STRESS = "ˈˌ"
_LENGTH = "ːˑ"
_SUPERSCRIPTS = "ʲʰʷˤ˞"
_PAUSES = "^$_,.:;!?()\"'#-…—¿¡"


@dataclass(slots=True)
class _Span:
    symbol: str
    """What will be the symbol."""
    n_samples: float
    """How long it sounds."""


def phoneme_times(symbols: Sequence[str], n_samples: Sequence[int], rate_hz: int) -> tuple[Phoneme, ...]:
    """Merge what is no sound of its own into the phonemes beside it.

    A stress mark's time goes to the vowel behind it, a length mark's and a diacritic's to the phoneme before it, a
    space's in halves to both sides; punctuation and the ends are pauses.

    Args:
        symbols: Piper's, from `^` (begin) to `$` (end).
        n_samples: how long each lasts.
    Returns:
        Phonemes and pauses without a gap, from 0 to the sum of `n_samples`.
    """
    spans: list[_Span] = []
    lent = 0.0
    for symbol, n in zip(symbols, n_samples, strict=True):
        if symbol in _STRESS:
            lent += n
        elif symbol == " ":
            if spans:
                spans[-1].n_samples += n / 2
            lent += n / 2 if spans else n
        elif spans and spans[-1].symbol != SILENCE and _belongs_to_previous(symbol):
            spans[-1].symbol += symbol
            spans[-1].n_samples += n
        else:
            _append(spans, SILENCE if symbol in _PAUSES else symbol, n + lent)
            lent = 0.0
    if lent:
        _append(spans, SILENCE, lent)
    return _times(spans, rate_hz)


def _belongs_to_previous(symbol: str) -> bool:
    return symbol in _LENGTH or symbol in _SUPERSCRIPTS or any(unicodedata.combining(part) for part in symbol)


def _append(spans: list[_Span], symbol: str, n_samples: float) -> None:
    if spans and symbol == SILENCE == spans[-1].symbol:
        spans[-1].n_samples += n_samples
    else:
        spans.append(_Span(symbol, n_samples))


def _times(spans: list[_Span], rate_hz: int) -> tuple[Phoneme, ...]:
    times: list[Phoneme] = []
    at = 0.0
    for span in spans:
        end = at + span.n_samples
        if span.n_samples:
            times.append(Phoneme(span.symbol, at / rate_hz, end / rate_hz))
        at = end
    return tuple(times)
