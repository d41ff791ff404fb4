"""A GBNF grammar over one reply: logits in, without those of forbidden tokens out; the chosen token moves it on."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np

from appliance.errors import LLMError
from appliance.mind.sampling import Logits
from appliance.mind.vocabulary import Vocabulary

# llama_token_data of llama.h
_ROW = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Grammar:
    """One reply's place in a grammar; belongs to the engine's thread."""

    def __init__(self, vocabulary: Vocabulary, text: str) -> None:
        """
        Args:
            text: GBNF with a rule `root`.
        Raises:
            LLMError: code bad-grammar.
        """
        self._rows = np.zeros(vocabulary.n_tokens, _ROW)
        sampler = llama_cpp.llama_sampler_init_grammar(vocabulary.vocab, text.encode(), b"root")
        if not sampler:  # a null pointer
            raise LLMError(
                "the grammar of the reply cannot be read", code="bad-grammar", hint="it is GBNF with a rule `root`"
            )
        self._sampler: llama_cpp.llama_sampler_p | None = sampler

    def allowed(self, logits: Logits) -> Logits:
        """A copy in which every token that may not come next has -inf."""
        assert self._sampler is not None
        rows = self._rows
        rows["id"] = np.arange(len(rows), dtype=np.int32)
        rows["logit"] = logits
        data = rows.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        array = (llama_cpp.llama_token_data_array * 1)((data, len(rows), -1, False))
        llama_cpp.llama_sampler_apply(self._sampler, array)
        found = np.full_like(logits, -np.inf)
        found[rows["id"]] = rows["logit"]
        return found

    def accept(self, token: int) -> None:
        """`token`, which was allowed, has been chosen."""
        assert self._sampler is not None
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free it."""
        if self._sampler is not None:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None
