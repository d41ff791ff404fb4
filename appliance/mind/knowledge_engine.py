"""Questions of all sessions in, the matching entries of their personas out: knowledge behind the bridge."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.mind.embedding import Embedder
from appliance.mind.knowledge import Knowledge, Match
from appliance.personas.persona import Persona

# A box speaks as one persona, or as a few; each index is a few hundred vectors.
_PERSONAS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Question:
    """What a visitor asks."""

    persona: Persona
    """Whose entries are searched."""
    text: str
    """The question; "" finds nothing, but the persona's index is ready afterwards."""


class KnowledgeEngine:
    """One embedding model and an index a persona, made when it is first asked for."""

    def __init__(self, folder: Path, persona: Persona, cache: Path | None = None) -> None:
        """
        Args:
            folder: holds model.onnx and tokenizer.json.
            persona: whose index is made before the first question.
            cache: a folder where a persona's vectors are kept for the next start.
        """
        self._embedder = Embedder(folder / "model.onnx", folder / "tokenizer.json")
        self._first = persona
        self._cache = cache
        self._indices: OrderedDict[Persona, Knowledge] = OrderedDict()

    def load(self) -> None:
        """Open the embedding model.

        Raises:
            LLMError: it is missing or not readable.
        """
        self._embedder.load()

    def warm_up(self) -> None:
        """Index the first persona."""
        self._index(self._first)

    def lookup(self, question: Question) -> Iterator[Match]:
        """Yields one Match."""
        yield self._index(question.persona).lookup(question.text)

    def close(self) -> None:
        """Drop every index and the model."""
        for knowledge in self._indices.values():
            knowledge.close()
        self._indices.clear()
        self._embedder.close()

    def _index(self, persona: Persona) -> Knowledge:
        if persona in self._indices:
            self._indices.move_to_end(persona)
            return self._indices[persona]
        knowledge = Knowledge(persona.entries, persona.outside, self._embedder)
        knowledge.load(self._cache)
        self._indices[persona] = knowledge
        if len(self._indices) > _PERSONAS_KEPT:
            self._indices.popitem(last=False)[1].close()
        return knowledge
