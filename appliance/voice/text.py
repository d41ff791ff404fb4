"""Makes text speakable: what a voice cannot say is taken out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

CHARACTERS_MAX = 20_000
"""Of one request; about twenty minutes of speech."""

WORDS_MOST = 24
"""Most words that are synthesized at once; what is longer is cut even without a comma."""
_WORD_LONGEST = 40
"""Characters of the longest word; German's longest in use has 36."""

_SCRIPTS = {
    **dict.fromkeys(("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky"), "CYRILLIC"),
    **dict.fromkeys(("ar", "fa", "ur"), "ARABIC"),
    **dict.fromkeys(("hi", "mr", "ne"), "DEVANAGARI"),
    **{"el": "GREEK", "he": "HEBREW", "ka": "GEORGIAN", "hy": "ARMENIAN", "th": "THAI", "ko": "HANGUL"},
    **{"te": "TELUGU", "ta": "TAMIL", "ml": "MALAYALAM", "kn": "KANNADA", "bn": "BENGALI"},
    **{"zh": "CJK", "cmn": "CJK", "ja": "CJK HIRAGANA KATAKANA"},
}
"""Language -> the scripts it is written in beside Latin."""

# espeak-ng takes the dot of an abbreviation for the end of a sentence.
ABBREVIATIONS = {
    **{"mr.": "Mr", "mrs.": "Mrs", "ms.": "Ms", "dr.": "Doctor", "prof.": "Professor", "dept.": "department"},
    **{"e.g.": "for example", "i.e.": "that is", "vs.": "versus", "approx.": "approximately"},
    **{"a.m.": "A M", "p.m.": "P M"},
}
_ABBREVIATION = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(a) for a in ABBREVIATIONS) + r")(?!\w)", re.IGNORECASE)
_HOUR_ENDS_SENTENCE = re.compile(r"(?<=[AP] M)(?= +[A-Z])")
_RUN = re.compile(r"([^\s\d])\1{3,}")
_MARKUP = str.maketrans(
    dict.fromkeys("[]{}<>*#_`~|\\^", " ") | {"“": '"', "”": '"', "’": "'", "…": "... ", "—": ", ", "–": "-"}
)
_KEPT_SYMBOLS = "°+=%"


def speakable(text: str, language: str) -> str:
    """`text` without markup, symbols, control characters and scripts that a voice of `language` cannot read.

    Args:
        language: espeak's name of a voice's language, as `en-us`.
    Returns:
        The text, normalised (NFKC); empty when nothing of it can be said.
    """
    scripts = ("LATIN", *_SCRIPTS.get(language.partition("-")[0], "").split())
    text = unicodedata.normalize("NFKC", text).translate(_MARKUP)
    text = "".join(character if _readable(character, scripts) else " " for character in text)
    text = _RUN.sub(r"\1\1\1", text)
    if language.startswith("en"):
        text = _ABBREVIATION.sub(lambda match: ABBREVIATIONS[match[0].lower()], text)
        text = _HOUR_ENDS_SENTENCE.sub(".", text)
    lines = (" ".join(_bounded(line.split())) for line in text.split("\n"))
    text = "\n".join(line for line in lines if line)
    return text if any(character.isalnum() for character in text) else ""


def parts(text: str) -> list[str]:
    """`text` (of `speakable`) in what is synthesized at once: its lines, cut where they have too many words."""
    found: list[str] = []
    for line in text.split("\n"):
        words = line.split()
        n_parts = -(-len(words) // WORDS_MOST)
        bounds = [round(index * len(words) / max(n_parts, 1)) for index in range(n_parts + 1)]
        found += [" ".join(words[start:end]) for start, end in pairwise(bounds)]
    return [part for part in found if any(character.isalnum() for character in part)]


def _readable(character: str, scripts: tuple[str, ...]) -> bool:
    if character == "\n":
        return True
    category = unicodedata.category(character)
    if category[0] in "ZP":
        return category != "Zl"
    if category[0] in "NM" or category == "Sc":
        return category != "No"
    if category[0] == "L":
        name = unicodedata.name(character, "")
        return category == "Lm" or name.startswith(scripts)
    return character in _KEPT_SYMBOLS


def _bounded(words: list[str]) -> Iterator[str]:
    for word in words:
        for start in range(0, len(word), _WORD_LONGEST):
            yield word[start : start + _WORD_LONGEST]
