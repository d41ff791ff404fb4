"""Texts come in once, then words; how much of the words each text uses, weighted by rarity, goes out (SQLite FTS5)."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"\w+", re.UNICODE)


class WordIndex:
    """An FTS5 table in memory. After build() it is only read, so any thread may call overlap()."""

    def __init__(self) -> None:
        # SQLite itself serialises the threads of several sessions.
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._n_texts = 0

    def build(self, texts: Sequence[str]) -> None:
        """Index the texts, once; words are compared by their English stem, without case and accents."""
        self._database.execute(
            "create virtual table entry using fts5(words, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._database.executemany("insert into entry(rowid, words) values (?, ?)", enumerate(texts))
        self._database.commit()
        self._n_texts = len(texts)

    def overlap(self, question: str) -> NDArray[np.float32]:
        """(texts,) float32 in [0, 1]: the share of the question's words that each text uses, weighted by rarity."""
        shared = np.zeros(self._n_texts, np.float32)
        total = 1e-6
        for word in dict.fromkeys(WORD.findall(question.lower())):
            found = self._database.execute("select rowid from entry where entry match ?", (f'"{word}"',)).fetchall()
            rarity = max(0.0, math.log((self._n_texts + 1) / (len(found) + 0.5)))
            total += rarity
            for (row,) in found:
                shared[row] += rarity
        return shared / total

    def close(self) -> None:
        """Drop the table."""
        self._database.close()
