"""Groups of vectors come in; for a new vector, how well it fits each group goes out (ridge regression)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from appliance.mind.embedding import Vectors

_RIDGE = 1.0
"""Weight of the penalty; 0.3 to 3 gave the same accuracy on the tuning half of the labelled questions."""


class Classifier:
    """A linear classifier with a closed form: learns which directions tell the groups apart."""

    def __init__(self) -> None:
        self._mean: Vectors = np.zeros(0, np.float32)
        self._weights: Vectors = np.zeros((0, 0), np.float32)

    def fit(self, groups: Sequence[Vectors]) -> Vectors:
        """Learn from one (n, width) group of vectors a class.

        Returns:
            (vectors, classes) float32: for each vector the prediction of a classifier that has not seen it.
        """
        vectors = np.concatenate(groups)
        sizes = [len(group) for group in groups]
        targets = np.repeat(np.eye(len(groups), dtype=np.float32), sizes, axis=0)
        # A large group weighs less for each of its vectors.
        weights = np.repeat([1 / np.sqrt(max(size, 1)) for size in sizes], sizes).astype(np.float32)[:, None]
        self._mean = vectors.mean(axis=0)
        inputs = self._inputs(vectors)
        penalty = _RIDGE * float(weights.mean()) * np.eye(inputs.shape[1], dtype=np.float32)
        covariance = inputs.T @ (inputs * weights) + penalty
        solved = np.linalg.solve(covariance, np.concatenate([inputs.T @ (targets * weights), inputs.T], axis=1))
        self._weights = solved[:, : len(groups)]
        leverage = (inputs.T * solved[:, len(groups) :]).sum(axis=0)[:, None] * weights
        return (inputs @ self._weights - leverage * targets) / (1 - leverage)

    def predict(self, vectors: Vectors) -> Vectors:
        """(texts, classes) float32: about 1 for the class that a text belongs to, about 0 elsewhere."""
        return self._inputs(vectors) @ self._weights

    def _inputs(self, vectors: Vectors) -> Vectors:
        return np.concatenate([vectors - self._mean, np.ones((len(vectors), 1), np.float32)], axis=1)
