"""A visitor's question comes in, the approved entry that answers it goes out, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import LLMError
from appliance.mind.classifier import Classifier
from appliance.mind.embedding import Embedder, Vectors
from appliance.mind.word_index import WORD, WordIndex
from appliance.personas.persona import Entry

MAX_QUESTION_CHARS = 600
"""What is looked up of a question; a minute of speech. The end is kept: that is where the question stands."""

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
    """How sure a match must be. Chosen on the tuning half of the questions in tests/mind/questions."""

    outside_answered: float = 0.03
    """The score to answer from is set so that this share of a persona's outside questions, each left out in turn,
    would be answered: a persona with many near misses needs to be surer."""
    answer_min: float = 0.5
    """Lowest score to answer from, whatever the outside questions say."""
    answer_default: float = 0.7
    """Score to answer from where there are too few outside questions to tell."""
    near_below: float = 0.3
    """An entry is given to the language model as a known fact from this much below the score to answer from."""
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
    answer: float = 0.15
    """Weight of the cosine to its answer."""
    classifier: float = 1.0
    """Weight of the linear classifier's margin over "outside"."""
    outside: float = 0.7
    """Weight of the cosine to the nearest question from outside; taken off."""
    outside_three: float = 0.3
    """Weight of the mean cosine to the three nearest questions from outside; taken off."""
    clause: float = 0.1
    """Taken off where only a part of the utterance matches."""


_EVIDENCE = _Evidence()
_ENOUGH_OUTSIDE = 50


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
        self.answer_from = self._config.answer_default
        """Score from which an entry is spoken; load() sets it."""
        self._words = WordIndex()
        self._classifier = Classifier()
        self._phrasings: list[Vectors] = []
        self._answers: Vectors = np.zeros((0, 0), np.float32)
        self._outside: Vectors = np.zeros((0, 0), np.float32)
        self._bonus: NDArray[np.float32] = np.zeros(0, np.float32)
        self._small_talk: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def load(self, cache: Path | None = None) -> None:
        """Embed and index all phrasings and answers.

        Args:
            cache: a folder where the vectors are kept for the next start; without it they are computed each time.
        Raises:
            LLMError: the embedder is not loaded.
        """
        questions = [question for entry in self._entries for question in entry.questions]
        answers = [entry.answer for entry in self._entries]
        vectors = self._embedder.embed_kept([*questions, *answers, *self._outside_questions], cache)
        ends = np.cumsum([len(entry.questions) for entry in self._entries])
        self._phrasings = np.split(vectors[: len(questions)], ends[:-1]) if self._entries else []
        self._answers = vectors[len(questions) : len(questions) + len(answers)]
        self._outside = vectors[len(questions) + len(answers) :]
        self._bonus = np.array([self._config.urgent_bonus * entry.urgent for entry in self._entries], np.float32)
        self._small_talk = np.array([entry.small_talk for entry in self._entries], np.bool_)
        self._words.build(["\n".join([*entry.questions, entry.answer]) for entry in self._entries])
        if self._entries:
            left_out = self._classifier.fit([*self._phrasings, self._outside])[len(questions) :]
            self.answer_from = self._calibrate(left_out)

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
        near = [
            int(index)
            for index in order[: self._config.nearest]
            if scores[index] >= self.answer_from - self._config.near_below
        ]
        answered = float(scores[best]) >= self.answer_from
        return Match(
            self._entries[best] if answered else None,
            float(scores[best]),
            tuple(self._entries[index] for index in near),
        )

    def close(self) -> None:
        """Drop the index."""
        self._words.close()
        self._phrasings = []

    def _calibrate(self, left_out: Vectors) -> float:
        """The score that `outside_answered` of the outside questions reach when each is left out in turn."""
        config = self._config
        if len(self._outside) < _ENOUGH_OUTSIDE:
            return config.answer_default
        cosines = self._outside @ self._outside.T
        np.fill_diagonal(cosines, -1.0)
        scores = self._evidence(list(self._outside_questions), self._outside, left_out, cosines).max(axis=1)
        return max(config.answer_min, float(np.quantile(scores, 1 - config.outside_answered)))

    def _score(self, texts: list[str], *, n_whole: int) -> NDArray[np.float32]:
        """(entries,) float32: the best of the texts for each entry."""
        vectors = self._embedder.embed(texts)
        scores = self._evidence(texts, vectors, self._classifier.predict(vectors), vectors @ self._outside.T)
        scores[n_whole:] -= _EVIDENCE.clause
        # "Thanks, and where do I park?" asks about parking.
        scores[n_whole:, self._small_talk] = -np.inf
        return scores.max(axis=0) + self._bonus

    def _evidence(self, texts: Sequence[str], vectors: Vectors, fits: Vectors, outside: Vectors) -> NDArray[np.float32]:
        """(texts, entries) float32: the weighted sum of all evidence.

        Args:
            fits: (texts, entries + 1) what the classifier says, the last column for "outside".
            outside: (texts, outside questions) cosines.
        """
        weights = _EVIDENCE
        nearest = np.empty((len(texts), len(self._entries)), np.float32)
        three = np.empty_like(nearest)
        for index, phrasings in enumerate(self._phrasings):
            cosines = np.sort(vectors @ phrasings.T, axis=1)
            nearest[:, index] = cosines[:, -1]
            three[:, index] = cosines[:, -3:].mean(axis=1)
        scores = weights.nearest * nearest + weights.three * three + weights.answer * (vectors @ self._answers.T)
        scores += weights.words * np.stack([self._words.overlap(text) for text in texts])
        scores += weights.classifier * (fits[:, :-1] - fits[:, -1:])
        if outside.shape[1]:
            ordered = np.sort(outside, axis=1)
            scores -= weights.outside * ordered[:, -1:]
            scores -= weights.outside_three * ordered[:, -3:].mean(axis=1, keepdims=True)
        return np.asarray(scores, np.float32)


def _variants(question: str) -> tuple[list[str], list[str]]:
    """The question as it stands and without its lead-in, and the clauses of a longer one."""
    text = " ".join(question.split())[-MAX_QUESTION_CHARS:]
    if not WORD.search(text):
        return [], []
    short = _LEAD.sub("", text)
    whole = [text] if len(WORD.findall(short)) < 3 or short == text else [text, short]
    clauses = [part.strip() for part in _CLAUSE.split(short)]
    clauses = [_LEAD.sub("", part) for part in clauses if len(WORD.findall(part)) >= 4]
    return whole, [part for part in dict.fromkeys(clauses) if part and part not in whole][-4:]
