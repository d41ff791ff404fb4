"""Texts come in, unit vectors of their meaning go out (all-MiniLM-L6-v2 in ONNX)."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from appliance.errors import LLMError

logger = logging.getLogger(__name__)

Vectors = NDArray[np.float32]
"""(texts, width) float32, every row of length one."""

MAX_TOKENS = 128
"""Longer texts are cut; a spoken question has about ten tokens."""
_BATCH = 16


class Embedder:
    """One embedding model. After load() it is only read, so any thread may call embed()."""

    def __init__(self, model: Path, tokenizer: Path, *, threads: int = 1) -> None:
        self._model = model
        self._tokenizer_file = tokenizer
        self._threads = threads
        self._session: onnxruntime.InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None

    def load(self) -> None:
        """Open both files.

        Raises:
            LLMError: a file is missing or damaged; code `model-unreadable`.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # A spinning pool takes a core from the other engines between two questions.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
            session = onnxruntime.InferenceSession(str(self._model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # both libraries raise bare Exception subclasses of their own
            raise LLMError(
                f"the embedding model {self._model.name} or its {self._tokenizer_file.name} cannot be opened",
                code="model-unreadable",
                hint="run `appliance models verify`, then `appliance models fetch`",
            ) from error
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.no_padding()
        self._tokenizer, self._session = tokenizer, session

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Mean of the token states, cut to length one.

        Raises:
            LLMError: load() has not been called (code `not-loaded`).
        Source: sentence-transformers/all-MiniLM-L6-v2, model card; held to it by tests/mind/test_embedding.py.
        """
        if self._session is None or self._tokenizer is None:
            raise LLMError("the embedding model is not loaded", code="not-loaded")
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        # Texts of one length share a batch, so that little padding is computed.
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
        rows: dict[int, Vectors] = {}
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors = _run(self._session, [tokens[index] for index in batch])
            rows.update(zip(batch, vectors, strict=True))
        return np.stack([rows[index] for index in range(len(tokens))]) if rows else np.zeros((0, 0), np.float32)

    def embed_kept(self, texts: Sequence[str], folder: Path | None) -> Vectors:
        """embed() for texts that are the same at every start: kept in a file named by the model and the texts.

        Args:
            folder: where the file lies; made if missing. None keeps nothing, nor does a folder that is not writable.
        """
        if folder is None or not texts:
            return self.embed(texts)
        digest = hashlib.sha256(self._model.read_bytes())
        digest.update(self._tokenizer_file.read_bytes())
        digest.update("\0".join(texts).encode())
        path = folder / f"{digest.hexdigest()[:32]}.npy"
        try:
            kept = np.load(path, allow_pickle=False)
            if kept.dtype == np.float32 and kept.ndim == 2 and len(kept) == len(texts):
                return kept
        except (OSError, ValueError, EOFError):
            logger.debug("no kept vectors", extra={"texts": len(texts)})
        vectors = self.embed(texts)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
                np.save(file, vectors)
            Path(file.name).replace(path)
        except OSError as error:
            logger.warning("vectors cannot be kept", extra={"reason": error.strerror})
        return vectors

    def close(self) -> None:
        """Release the model."""
        self._session = self._tokenizer = None


def _run(session: onnxruntime.InferenceSession, tokens: list[list[int]]) -> Vectors:
    width = max(len(row) for row in tokens)
    ids = np.zeros((len(tokens), width), np.int64)
    mask = np.zeros_like(ids)
    for row, values in enumerate(tokens):
        ids[row, : len(values)] = values
        mask[row, : len(values)] = 1
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    states = np.asarray(session.run(None, feed)[0], np.float32)
    weights = mask[..., None].astype(np.float32)
    mean = (states * weights).sum(axis=1) / weights.sum(axis=1)
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
