"""The next token: one row of logits in, a token id out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
"""(vocabulary,) float32, one row of a decode's output."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float = 0.0
    """0 takes the most likely token; above it, the higher the more varied."""
    top_k: int = 40
    """Most likely tokens that are considered at all."""
    top_p: float = 0.9
    """Of these, the fewest whose probabilities add up to this much, 0 to 1."""
    repetition_penalty: float = 1.1
    """Divides the logits of tokens already said in this reply; 1 is off."""
    repetition_window: int = 64
    """Tokens of the reply that count as said."""
    seed: int = 0
    """The same seed and logits give the same tokens."""


def share(logits: Logits, tokens: Sequence[int]) -> float:
    """The probability that one of `tokens` comes next, 0 to 1."""
    weights = np.exp(logits.astype(np.float64) - logits.max())
    return float(weights[list(tokens)].sum() / weights.sum())


class Sampler:
    """Chooses the tokens of one reply."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._said: deque[int] = deque(maxlen=max(sampling.repetition_window, 1))

    def choose(self, logits: Logits) -> int:
        """The next token of this reply; `logits` is not changed."""
        logits = self._penalized(logits)
        token = int(np.argmax(logits)) if self._sampling.temperature <= 0 else self._drawn(logits)
        self._said.append(token)
        return token

    def _penalized(self, logits: Logits) -> Logits:
        """The prompt is never penalized: a reply has to repeat the facts it was given."""
        penalty = self._sampling.repetition_penalty
        if penalty == 1.0 or not self._said:
            return logits
        logits = logits.copy()
        said = np.fromiter(set(self._said), dtype=np.intp)
        logits[said] = np.where(logits[said] > 0, logits[said] / penalty, logits[said] * penalty)
        return logits

    def _drawn(self, logits: Logits) -> int:
        k = min(self._sampling.top_k, len(logits))
        top = np.argpartition(logits, -k)[-k:]
        top = top[np.argsort(logits[top])[::-1]]
        scaled = logits[top].astype(np.float64) / self._sampling.temperature
        weights = np.exp(scaled - scaled[0])
        weights /= weights.sum()
        # A token is kept while the ones before it do not yet add up to top_p: at least one always stays.
        kept = np.cumsum(weights) - weights < self._sampling.top_p
        kept[0] = True
        weights = np.where(kept, weights, 0.0)
        return int(top[self._random.choice(k, p=weights / weights.sum())])
