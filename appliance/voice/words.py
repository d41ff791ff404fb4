"""When each written word is heard: text, its phonemes and their durations come in, words with their times go out."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

_TOKEN = re.compile(r"\s*\S+|\s+$")
_NEAR = 1
"""Phonemes that a word's end may be moved by, to where espeak-ng ends a word."""


@dataclass(frozen=True, slots=True)
class WordTime:
    """One word as it is written; all words of a text add up to it."""

    text: str
    """With its punctuation and the white space before it."""
    start_s: float
    """Seconds from the start of the sound it belongs to."""
    end_s: float
    """Seconds from the start of the sound; as `start_s` where nothing of it is spoken."""


def tokens(text: str) -> list[str]:
    """The words of `text`, each with the white space before it, and what is left of that at the end."""
    return _TOKEN.findall(text)


def word_times(
    written: Sequence[str],
    spoken: Sequence[bool],
    timed: Sequence[tuple[str, int]],
    rate_hz: int,
    weight: Callable[[str], int],
) -> tuple[WordTime, ...]:
    """Lay the words over the phonemes.

    Where espeak-ng says as many words as are written, each is heard when its own phonemes are. Where it does not (a
    number, an abbreviation, two words run together), words share the phonemes in proportion to what each has alone.

    Args:
        written: of `tokens`.
        spoken: whether anything of that word can be said.
        timed: Piper's phonemes, words apart by a space, and how many samples each lasts.
        weight: phonemes of one written word spoken alone.
    """
    symbols = [symbol for symbol, _ in timed]
    ends = list(accumulate((n for _, n in timed), initial=0))
    sounds = [index for index, symbol in enumerate(symbols) if symbol.isalpha()]
    last_of_word = [count - 1 for count in _word_ends(symbols)]
    if not sounds or not any(spoken):
        return tuple(WordTime(word, 0.0, 0.0) for word in written)
    if sum(spoken) != len(last_of_word):
        weights = [max(1, weight(word)) for word, heard in zip(written, spoken, strict=True) if heard]
        last_of_word = _shared(weights, len(sounds), last_of_word)
    times: list[WordTime] = []
    first, at, n = 0, ends[sounds[0]], 0  # the next sound, the time so far, words spoken
    for word, heard in zip(written, spoken, strict=True):
        start = end = at
        if heard:
            last = last_of_word[n]
            n += 1
            if last >= first:
                start, end = ends[sounds[first]], ends[sounds[last] + 1]
            first, at = max(first, last + 1), end
        times.append(WordTime(word, start / rate_hz, end / rate_hz))
    return tuple(times)


def _word_ends(symbols: Sequence[str]) -> list[int]:
    """For each word: how many sounds have been when it ends."""
    found: list[int] = []
    n_sounds = 0
    for symbol in [*symbols, " "]:
        if symbol.isalpha():
            n_sounds += 1
        elif symbol == " " and n_sounds > (found[-1] if found else 0):
            found.append(n_sounds)
    return found


def _shared(weights: Sequence[int], n_sounds: int, last_of_word: Sequence[int]) -> list[int]:
    """The last sound of each word, by its share of all, or where espeak-ng ends a word close to that."""
    total, so_far = sum(weights), 0
    found: list[int] = []
    for value in weights:
        so_far += value
        last = round(so_far / total * n_sounds) - 1
        at = bisect_left(last_of_word, last)
        close = [end for end in last_of_word[max(0, at - 1) : at + 1] if abs(end - last) <= _NEAR]
        found.append(min(close, key=lambda end, last=last: abs(end - last), default=last))
    return found
