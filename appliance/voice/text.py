"""Makes text speakable: what a voice cannot say is taken out, the rest is cut into clauses, in their order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

CHARACTERS_MAX = 20_000
"""Of one request; about twenty minutes of speech."""

_WORDS_FIRST = 8
"""Most words of the first clause: the sooner it ends, the sooner the voice is heard."""
_WORDS_MOST = 24
"""Most words of any clause; what is longer is cut even without a comma, so that one run of the model is short."""
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
_ABBREVIATIONS = {
    **{"mr.": "Mr", "mrs.": "Mrs", "ms.": "Ms", "dr.": "Doctor", "prof.": "Professor", "dept.": "department"},
    **{"e.g.": "for example", "i.e.": "that is", "vs.": "versus", "approx.": "approximately"},
    **{"a.m.": "A M", "p.m.": "P M"},
}
_ABBREVIATION = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(a) for a in _ABBREVIATIONS) + r")(?!\w)", re.IGNORECASE)
_HOUR_ENDS_SENTENCE = re.compile(r"(?<=[AP] M)(?= +[A-Z])")
_RUN = re.compile(r"([^\s\d])\1{3,}")
_MARKUP = str.maketrans(
    dict.fromkeys("[]{}<>*#_`~|\\^", " ") | {"“": '"', "”": '"', "’": "'", "…": "... ", "—": ", ", "–": "-"}
)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])[\"')]*\s+|\n+")
_CLAUSE_END = re.compile(r"(?<=[,;:،，；：])\s+")
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
        text = _ABBREVIATION.sub(lambda match: _ABBREVIATIONS[match[0].lower()], text)
        text = _HOUR_ENDS_SENTENCE.sub(".", text)
    lines = (" ".join(_bounded(line.split())) for line in text.split("\n"))
    text = "\n".join(line for line in lines if line)
    return text if any(character.isalnum() for character in text) else ""


def clauses(text: str) -> Iterator[str]:
    """Cut `text` (of `speakable`) into what is synthesized at once: sentences, long ones at their commas.

    The first sentence is cut at its first comma with two words before it, so that its sound is there early.
    """
    first = True
    for sentence in _SENTENCE_END.split(text):
        if not any(character.isalnum() for character in sentence):
            continue
        words = len(sentence.split())
        if words <= _WORDS_FIRST or (words <= _WORDS_MOST and not first):
            yield sentence.strip()
        else:
            yield from _pieces(sentence, first=first)
        first = False


def _pieces(sentence: str, *, first: bool) -> Iterator[str]:
    """Join the sentence's clauses into pieces of at most _WORDS_MOST words; the first piece is the shortest."""
    piece: list[str] = []
    for clause in _CLAUSE_END.split(sentence):
        words = clause.split()
        early = first and 2 <= len(piece) <= _WORDS_FIRST
        if piece and (early or len(piece) + len(words) > _WORDS_MOST):
            yield " ".join(piece)
            piece, first = [], False
        piece += words
        while len(piece) > _WORDS_MOST:
            yield " ".join(piece[: _WORDS_MOST // 2])
            piece = piece[_WORDS_MOST // 2 :]
            first = False
    if any(character.isalnum() for word in piece for character in word):
        yield " ".join(piece)


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
