"""Cuts a reply while it is being written: text comes in as it is generated, what is spoken in one breath goes out.

The first piece is short, so that the voice begins early: a sentence of more than eight words is cut at its first clause
end, or, where it has none, in front of a word that begins a phrase. Then sentences follow, long ones in parts. Nothing
is lost: the pieces, each with the white space before it, add up to the text. The same text is cut at the same places
however it arrives, so that speech made beforehand is found again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from appliance.voice.text import ABBREVIATIONS, WORDS_MOST

_WORDS_LEAST = 2
"""Fewer are said together with what follows; a voice is poor at one word alone."""
_WORDS_FIRST = 8
_WORDS_SEEN = 11
"""Words that must be there before a sentence is cut where it has no clause end, so that more than one is left."""
_PHRASE_LEAST = 4
_TOKENS_MOST = 64
"""Of a piece, whether they are words or marks."""
_WORD = re.compile(r"\s*\S+")
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’)\]]*$")
_CLAUSE_END = re.compile(r"[,;:،，；：—][\"'”’)\]]*$")
_PLAIN_END = re.compile(r"[\"'“‘(]*(?:[^\W\d_]|['’-]){3,}(?:\.|[!?]+)$")
"""A sentence's last word that cannot be the beginning of a number, an address or an abbreviation."""
_INITIAL = re.compile(r"[^\W\d_]\.")
_HOURS = ("a.m.", "p.m.")
_PHRASE_BEGINS = frozenset(
    (
        *("and", "or", "but", "because", "that", "which", "who", "where", "when", "while", "if", "so", "than", "as"),
        *("in", "on", "at", "to", "for", "from", "with", "by", "about", "of"),
    )
)
"""English; in other languages such a sentence is cut behind its eighth word."""


class Cutter:
    """The text of one reply."""

    def __init__(self, *, begun: bool = False) -> None:
        """
        Args:
            begun: something was said before: the first piece need not be short.
        """
        self._text = ""
        self._begun = begun

    def push(self, text: str) -> list[str]:
        """The pieces that are complete with `text`."""
        self._text += text
        return list(self._pieces(ended=False))

    def flush(self) -> list[str]:
        """What is left, when no more text comes."""
        return list(self._pieces(ended=True))

    def _pieces(self, *, ended: bool) -> Iterator[str]:
        while self._text:
            end = self._end(ended)
            if end is None:
                return
            piece, self._text = self._text[:end], self._text[end:]
            self._begun = self._begun or _spoken(piece)
            yield piece

    def _end(self, ended: bool) -> int | None:
        """Where the next piece ends; None while that cannot be told."""
        words = list(islice(_WORD.finditer(self._text), _TOKENS_MOST))
        counts: list[int] = []
        for index, match in enumerate(words):
            counts.append((counts[-1] if counts else 0) + _spoken(match[0]))
            following = words[index + 1] if index + 1 < len(words) else None
            if following is None and ended and len(words) < _TOKENS_MOST:
                return len(self._text)
            if counts[-1] >= _WORDS_LEAST and self._sentence_ends(match, following):
                return match.end()
            if match.end() == len(self._text):
                return None
            if counts[-1] > (WORDS_MOST if self._begun else _WORDS_FIRST):
                cut = _cut(words, counts) if self._begun else _first_cut(words, counts)
                if cut is not None:
                    return words[cut].end()
        if len(words) == _TOKENS_MOST:
            return words[-1].end()
        return len(self._text) if ended else None

    def _sentence_ends(self, word: re.Match[str], following: re.Match[str] | None) -> bool:
        """Whether a sentence or a line ends with `word`; False while more text is needed to tell."""
        text = word[0].strip()
        if following is None and word.end() == len(self._text):  # it may still grow
            return bool(_PLAIN_END.match(text)) and text.lower() not in ABBREVIATIONS
        if following is not None and "\n" in following[0].rstrip():
            return True
        bare = text.lstrip("\"'“‘([").lower()
        if bare in _HOURS:
            return following is not None and following[0].strip()[:1].isupper()
        return bool(_SENTENCE_END.search(text)) and bare not in ABBREVIATIONS and not _INITIAL.fullmatch(bare)


def pieces(text: str, *, begun: bool = False) -> list[str]:
    """What `Cutter` makes of the whole text."""
    cutter = Cutter(begun=begun)
    return cutter.push(text) + cutter.flush()


def _first_cut(words: Sequence[re.Match[str]], counts: Sequence[int]) -> int | None:
    """The word behind which a long sentence is cut to begin early; None while one more word may tell."""
    behind = range(len(counts) - 1)
    for index in behind:
        if counts[index] >= _WORDS_LEAST and _CLAUSE_END.search(words[index][0]):
            return index
    if counts[-1] < _WORDS_SEEN:
        return None
    phrases = [
        index
        for index in behind
        if _PHRASE_LEAST <= counts[index] <= _WORDS_FIRST and words[index + 1][0].strip().lower() in _PHRASE_BEGINS
    ]
    return phrases[-1] if phrases else max(index for index in behind if counts[index] <= _WORDS_FIRST)


def _cut(words: Sequence[re.Match[str]], counts: Sequence[int]) -> int:
    """The word behind which a sentence is cut that is too long to be said at once."""
    clauses = [
        index
        for index in range(len(counts) - 1)
        if counts[index] >= _WORDS_LEAST and _CLAUSE_END.search(words[index][0])
    ]
    return clauses[-1] if clauses else max(i for i in range(len(counts)) if counts[i] <= WORDS_MOST // 2)


def _spoken(text: str) -> bool:
    return any(character.isalnum() for character in text)
