"""llama.cpp itself: a GGUF file opened, its KV cache, and one decode; token ids in, logits out."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llama_cpp
import numpy as np

from appliance.errors import LLMError
from appliance.mind import memory
from appliance.mind.sampling import Logits
from appliance.mind.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

_SMALLER = "lower mind.cache_tokens, or choose a smaller model"


@dataclass(frozen=True, slots=True)
class ContextSizes:
    """How large a context is made."""

    cells: int
    """Tokens that the KV cache holds."""
    window: int
    """Tokens of one sequence; never more than the model was trained for."""
    sequences: int
    """Sequences held at once."""
    batch: int
    """Most tokens of one decode."""
    threads: int
    """CPU threads of one decode."""


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens of one sequence in a decode."""

    sequence: int
    """Its number."""
    position: int
    """How many tokens it holds already."""
    tokens: tuple[int, ...]
    """What is appended to it."""
    logits: bool
    """The logits after the last of them are wanted."""


class LlamaContext:
    """One open model with one context; every method on one thread."""

    def __init__(self, path: Path, sizes: ContextSizes) -> None:
        """
        Raises:
            LLMError: codes not-found, incompatible (no GGUF model that llama.cpp can run), out-of-memory.
        """
        _log_to_us()
        self._model = _open(path)
        self._context: llama_cpp.llama_context_p | None = None
        try:
            self.vocabulary = Vocabulary(self._model)
            self.n_window = min(sizes.window, llama_cpp.llama_model_n_ctx_train(self._model))
            self.n_cells = max(sizes.cells, self.n_window)
            self._context = self._new(sizes)
        except LLMError:
            self.close()
            raise
        cells = llama_cpp.llama_get_memory(self._context)
        assert cells is not None
        self._memory = cells
        self._batch = llama_cpp.llama_batch_init(sizes.batch, 0, 1)
        self._log_budget(sizes)

    @property
    def _cache_bytes(self) -> int:
        head_size = llama_cpp.llama_model_n_embd(self._model) // llama_cpp.llama_model_n_head(self._model)
        heads = llama_cpp.llama_model_n_layer(self._model) * llama_cpp.llama_model_n_head_kv(self._model)
        return self.n_cells * heads * head_size * 2 * 2  # K and V, two bytes each

    def close(self) -> None:
        """Free the context and the model."""
        if self._context is not None:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self._context)
            self._context = None
        llama_cpp.llama_model_free(self._model)

    def share(self, source: int, target: int, n_tokens: int) -> None:
        """Let the empty sequence `target` begin with the first cells of `source`."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, n_tokens)

    def truncate(self, sequence: int, n_tokens: int) -> None:
        """Forget all but the first tokens of a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, n_tokens, -1)

    def decode(self, parts: Sequence[Part], threads: int) -> int:
        """Run the model over all parts at once; llama_decode's code: 0 done, 1 no room, others failures."""
        assert self._context is not None
        llama_cpp.llama_set_n_threads(self._context, threads, threads)
        batch, n = self._batch, 0
        for part in parts:
            for i, token in enumerate(part.tokens):
                batch.token[n] = token
                batch.pos[n] = part.position + i
                batch.n_seq_id[n] = 1
                batch.seq_id[n][0] = part.sequence
                batch.logits[n] = part.logits and i == len(part.tokens) - 1
                n += 1
        batch.n_tokens = n
        return llama_cpp.llama_decode(self._context, batch)

    def logits(self, index: int) -> Logits:
        """The logits after token `index` of the last decode, (vocabulary,) float32; valid until the next one."""
        assert self._context is not None
        row = llama_cpp.llama_get_logits_ith(self._context, index)
        return np.ctypeslib.as_array(row, (self.vocabulary.n_tokens,))

    def _new(self, sizes: ContextSizes) -> llama_cpp.llama_context_p:
        memory.check(self._cache_bytes, f"a KV cache of {self.n_cells} tokens", _SMALLER, memory.available())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = self.n_cells
        params.n_batch = params.n_ubatch = sizes.batch
        params.n_seq_max = sizes.sequences
        params.n_threads = params.n_threads_batch = sizes.threads
        params.kv_unified = True  # one pool of cells: a short conversation leaves room for a long one
        context = llama_cpp.llama_init_from_model(self._model, params)
        if context is None:
            raise LLMError(
                f"there is no room for a KV cache of {self.n_cells} tokens",
                code="out-of-memory",
                hint=_SMALLER,
            )
        return context

    def _log_budget(self, sizes: ContextSizes) -> None:
        logger.info(
            "mind memory",
            extra={
                "model_mb": round(llama_cpp.llama_model_size(self._model) / 1e6),
                "cache_mb": round(self._cache_bytes / 1e6),
                "cache_tokens": self.n_cells,
                "sequences": sizes.sequences,
            },
        )


def _open(path: Path) -> llama_cpp.llama_model_p:
    if not path.is_file():
        raise LLMError(f"there is no model file {path}", code="not-found", hint="run `appliance models fetch`")
    memory.check(path.stat().st_size, f"the model {path.name}", "choose a smaller model", memory.available())
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(bytes(path), llama_cpp.llama_model_default_params())
    if model is None:
        raise LLMError(
            f"{path.name} is not a model that llama.cpp can run",
            code="incompatible",
            hint="run `appliance models verify`; at DEBUG the log has llama.cpp's own words",
        )
    return model


@cache
def _log_to_us() -> object:
    """Send llama.cpp's own words, which it prints, to our log at DEBUG; they tell of models, never of visitors."""

    @llama_cpp.llama_log_callback
    def log(_level: int, text: bytes, _user_data: ctypes.c_void_p) -> None:
        if words := text.decode("utf-8", errors="replace").strip(" .\n"):
            logger.debug("llama.cpp", extra={"text": words})

    llama_cpp.llama_log_set(log, ctypes.c_void_p(0))
    return log  # the cache keeps it: llama.cpp holds a bare pointer
