"""A visitor's question comes in, the approved entry that answers it goes out, or none."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.errors import LLMError
from appliance.mind.embedding import Embedder, Vectors
from appliance.personas.persona import Entry

MAX_QUESTION_CHARS = 600
"""What is looked up of a question; a minute of speech. The end is kept: that is where the question stands."""

_WORD = re.compile(r"\w+", re.UNICODE)
_CLAUSE = re.compile(r"[.!?;,]+|\b(?:and|but|because|so)\b", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:(?:u+m+|u+h+|er+m*|h+m+|so|well|okay|ok|oh|ah|hey|hi|hello|please|excuse me|sorry|right|alright|all right|"
    r"like|yeah|yes|and|but|good (?:morning|evening|afternoon)|there|listen|look|"
    r"(?:could|can|would) you (?:please )?tell me|do you know|"
    r"I(?: was|'m| am) (?:just )?wondering(?: if| whether)?|"
    r"I(?: woul|')d like to know|I(?: want|'d like) to ask(?: you)?)"
    r"\b[\s,.!?]*)+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class KnowledgeConfig:
    """How sure a match must be. Chosen on the labelled questions in tests/mind/questions."""

    answer: float = 0.45
    """Score from which an entry's answer is spoken word for word."""
    near: float = 0.25
    """Score from which an entry is given to the language model as a known fact."""
    urgent_bonus: float = 0.1
    """Added to the score of entries marked urgent."""
    nearest: int = 3
    """Most entries given to the language model."""


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for one question."""

    entry: Entry | None
    """The entry to speak, or none."""
    score: float
    """Score of the best entry; about 1.5 for a phrasing of its own, below 0 for something unrelated."""
    nearest: tuple[Entry, ...]
    """Entries near the question, best first; may be empty."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Weights of the kinds of evidence, chosen on the tuning half of the labelled questions."""

    nearest: float = 1.0
    """Weight of the cosine to the entry's nearest phrasing."""
    three: float = 0.3
    """Weight of the mean cosine to its three nearest phrasings: one odd phrasing does not decide."""
    words: float = 0.3
    """Weight of the share of the question's words, by rarity, that the entry uses."""
    answer: float = 0.1
    """Weight of the cosine to its answer."""
    outside: float = 0.7
    """Weight of the cosine to the nearest question from outside; taken off."""
    clause: float = 0.05
    """Taken off where only a part of the utterance matches."""


_EVIDENCE = _Evidence()


class Knowledge:
    """A persona's entries, searched by meaning and by words. After load() it is only read."""

    def __init__(
        self,
        entries: Sequence[Entry],
        outside: Sequence[str],
        embedder: Embedder,
        config: KnowledgeConfig | None = None,
    ) -> None:
        self._entries = tuple(entries)
        self._outside_questions = tuple(outside)
        self._embedder = embedder
        self._config = config or KnowledgeConfig()
        self._words = _WordIndex()
        self._phrasings: list[Vectors] = []
        self._answers: Vectors = np.zeros((0, 0), np.float32)
        self._outside: Vectors = np.zeros((0, 0), np.float32)
        self._bonus: NDArray[np.float32] = np.zeros(0, np.float32)
        self._small_talk: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def load(self) -> None:
        """Embed and index all phrasings and answers, in one batch.

        Raises:
            LLMError: the embedder is not loaded.
        """
        questions = [question for entry in self._entries for question in entry.questions]
        answers = [entry.answer for entry in self._entries]
        vectors = self._embedder.embed([*questions, *answers, *self._outside_questions])
        ends = np.cumsum([len(entry.questions) for entry in self._entries])
        self._phrasings = np.split(vectors[: len(questions)], ends[:-1]) if self._entries else []
        self._answers = vectors[len(questions) : len(questions) + len(answers)]
        self._outside = vectors[len(questions) + len(answers) :]
        self._bonus = np.array([self._config.urgent_bonus * entry.urgent for entry in self._entries], np.float32)
        self._small_talk = np.array([entry.small_talk for entry in self._entries], np.bool_)
        self._words.build(self._entries)

    def lookup(self, question: str) -> Match:
        """Find the entry that answers a question.

        Args:
            question: one utterance as transcribed; case, punctuation and fillers do not matter.
        Raises:
            LLMError: load() has not been called (code `not-loaded`).
        """
        if len(self._phrasings) != len(self._entries):
            raise LLMError("the knowledge is not loaded", code="not-loaded")
        whole, clauses = _variants(question)
        if not whole or not self._entries:
            return Match(None, -1.0, ())
        scores = self._score([*whole, *clauses], n_whole=len(whole))
        order = np.argsort(-scores)
        best = int(order[0])
        near = [int(index) for index in order[: self._config.nearest] if scores[index] >= self._config.near]
        answered = float(scores[best]) >= self._config.answer
        return Match(
            self._entries[best] if answered else None,
            float(scores[best]),
            tuple(self._entries[index] for index in near),
        )

    def close(self) -> None:
        """Drop the index."""
        self._words.close()
        self._phrasings = []

    def _score(self, texts: list[str], *, n_whole: int) -> NDArray[np.float32]:
        weights = _EVIDENCE
        vectors = self._embedder.embed(texts)
        nearest = np.empty((len(texts), len(self._entries)), np.float32)
        three = np.empty_like(nearest)
        for index, phrasings in enumerate(self._phrasings):
            cosines = np.sort(vectors @ phrasings.T, axis=1)
            nearest[:, index] = cosines[:, -1]
            three[:, index] = cosines[:, -3:].mean(axis=1)
        scores = weights.nearest * nearest + weights.three * three + weights.answer * (vectors @ self._answers.T)
        scores += weights.words * np.stack([self._words.overlap(text) for text in texts])
        if len(self._outside):
            scores -= weights.outside * (vectors @ self._outside.T).max(axis=1, keepdims=True)
        scores[n_whole:] -= weights.clause
        # "Thanks, and where do I park?" asks about parking.
        scores[n_whole:, self._small_talk] = -np.inf
        return scores.max(axis=0) + self._bonus


class _WordIndex:
    """FTS5 over the words of each entry: which entries use a word, and how rare it is."""

    def __init__(self) -> None:
        # Read by the threads of several sessions; SQLite itself serialises them.
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._n_entries = 0

    def build(self, entries: Sequence[Entry]) -> None:
        self._database.execute(
            "create virtual table entry using fts5(words, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        rows = [(row, "\n".join([*entry.questions, entry.answer])) for row, entry in enumerate(entries)]
        self._database.executemany("insert into entry(rowid, words) values (?, ?)", rows)
        self._database.commit()
        self._n_entries = len(entries)

    def overlap(self, text: str) -> NDArray[np.float32]:
        """(entries,) float32 in [0, 1]: the share of the text's words that each entry uses, weighted by rarity."""
        shared = np.zeros(self._n_entries, np.float32)
        total = 1e-6
        for word in dict.fromkeys(_WORD.findall(text.lower())):
            found = self._database.execute("select rowid from entry where entry match ?", (f'"{word}"',)).fetchall()
            rarity = max(0.0, math.log((self._n_entries + 1) / (len(found) + 0.5)))
            total += rarity
            for (row,) in found:
                shared[row] += rarity
        return shared / total

    def close(self) -> None:
        self._database.close()


def _variants(question: str) -> tuple[list[str], list[str]]:
    """The question as it stands and without its lead-in, and the clauses of a longer one."""
    text = " ".join(question.split())[-MAX_QUESTION_CHARS:]
    if not _WORD.search(text):
        return [], []
    short = _LEAD.sub("", text)
    whole = [text] if len(_WORD.findall(short)) < 3 or short == text else [text, short]
    clauses = [part.strip() for part in _CLAUSE.split(short)]
    clauses = [_LEAD.sub("", part) for part in clauses if len(_WORD.findall(part)) >= 4]
    return whole, [part for part in dict.fromkeys(clauses) if part and part not in whole][-4:]
