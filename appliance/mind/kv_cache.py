"""Who holds which cells of the KV cache: prompts in, the sequence that already knows most of one out.

One cache is shared by all visitors. A session keeps the sequence of its conversation, so that its next turn prefills
only what is new; system prompts are kept once, as *heads*, and shared by every sequence that begins with one. Decides
only: what is to happen to the cells goes through `Memory`.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field
from typing import Protocol

from appliance.engine import SessionId
from appliance.mind.vocabulary import Prompt, common_length

NOBODY = SessionId("")


class Memory(Protocol):
    """The cells of a llama.cpp context."""

    def share(self, source: int, target: int, n_tokens: int) -> None:
        """Let the empty sequence `target` begin with the first cells of `source`."""
        ...

    def truncate(self, sequence: int, n_tokens: int) -> None:
        """Forget all but the first tokens of a sequence."""
        ...


@dataclass(slots=True, eq=False)
class Head:
    """A system prompt that sequences share."""

    id: int
    """Its sequence number in the context."""
    tokens: tuple[int, ...] = ()
    """What its cells hold; none where it is free."""
    used_at: int = 0
    """Order of its last use."""


@dataclass(slots=True, eq=False)
class Sequence:
    """One conversation's cells."""

    id: int
    """Its sequence number in the context."""
    tokens: list[int] = field(default_factory=list[int])
    """What its cells hold, in order."""
    session: SessionId = NOBODY
    """Whose conversation; NOBODY where it is free."""
    busy: bool = False
    """A request is running in it."""
    reserved: int = 0
    """Tokens that the running request may come to hold."""
    head: Head | None = None
    """The head it shares its first tokens with."""
    shared: int = 0
    """How many first tokens it shares with that head."""
    heading: tuple[int, ...] = ()
    """A head that the running request is the first to prefill."""
    used_at: int = 0
    """Order of its last use."""

    @property
    def cells(self) -> int:
        """Cells that are its own, those promised to the running request included."""
        return max(len(self.tokens), self.reserved if self.busy else 0) - self.shared


class KVCache:
    """Places prompts in sequences; the least recently used conversation makes room."""

    def __init__(self, memory: Memory, *, n_sequences: int, n_heads: int, n_cells: int) -> None:
        """
        Args:
            n_sequences: conversations held at once; sequence numbers 0 to n_sequences - 1.
            n_heads: system prompts held at once; the numbers after those.
            n_cells: tokens that all of them may hold together.
        """
        self.n_cells = n_cells
        self.sequences = [Sequence(i) for i in range(n_sequences)]
        self.heads = [Head(n_sequences + i) for i in range(n_heads)]
        self._memory = memory
        self._clock = 0

    @property
    def cells_used(self) -> int:
        """Cells held or promised."""
        return sum(s.cells for s in self.sequences) + sum(len(h.tokens) for h in self.heads)

    def place(self, session: SessionId, prompt: Prompt, n_reply: int) -> Sequence | None:
        """A sequence for `prompt`, holding as much of it as is known; it is the caller's until `done`.

        Args:
            n_reply: tokens that the reply may have; at least one token of the prompt is left to prefill if it has any.
        Returns:
            None while there is no room, or while another request prefills the same system prompt: ask again later.
        """
        wanted = prompt.tokens[: prompt.n_head]
        head = self._head(prompt)
        if head is None and wanted and any(s.heading == wanted for s in self.sequences):
            return None
        target = self._target(session)
        if target is None:
            return None
        known = prompt.tokens[:-1] if n_reply else prompt.tokens
        source, n_known = self._best(session, known, head)
        shared = self._shared_after(source, n_known)
        n_total = len(prompt.tokens) + n_reply
        if not self._make_room(n_total - shared, keep=(target, source, head)):
            return None
        self._bring(target, source, n_known)
        target.session, target.busy, target.reserved = session, True, n_total
        target.heading = wanted if head is None and len(target.tokens) < len(wanted) else ()
        self._touch(target)
        return target

    def known(self, session: SessionId, prompt: Prompt) -> int:
        """How many first tokens of a prompt need not be read now."""
        return self._best(session, prompt.tokens, self._head(prompt))[1]

    def add(self, sequence: Sequence, tokens: Tokens[int]) -> None:
        """`tokens` have been decoded into `sequence`."""
        sequence.tokens += tokens
        n_head = len(sequence.heading)
        if n_head and len(sequence.tokens) >= n_head:
            self._keep_head(sequence)

    def done(self, sequence: Sequence) -> None:
        """The request has ended; its session keeps this conversation and no older copy of it."""
        sequence.busy, sequence.reserved, sequence.heading = False, 0, ()
        if sequence.session == NOBODY:
            self.wipe(sequence)
            return
        for other in self.sequences:
            if other is not sequence and other.session == sequence.session and not other.busy:
                self.wipe(other)
        self._touch(sequence)

    def release(self, session: SessionId) -> None:
        """The visitor has left: free the conversation now, or when its running request ends."""
        for sequence in self.sequences:
            if sequence.session == session:
                sequence.session = NOBODY
                if not sequence.busy:
                    self.wipe(sequence)

    def wipe(self, sequence: Sequence) -> None:
        """Forget what `sequence` holds."""
        self._memory.truncate(sequence.id, 0)
        sequence.tokens.clear()
        sequence.head, sequence.shared = None, 0
        if not sequence.busy:
            sequence.session = NOBODY

    def forget_idle(self) -> None:
        """Forget every conversation that no request is running in."""
        for sequence in self.sequences:
            if not sequence.busy:
                self.wipe(sequence)

    def _head(self, prompt: Prompt) -> Head | None:
        wanted = prompt.tokens[: prompt.n_head]
        return next((h for h in self.heads if h.tokens and h.tokens == wanted), None)

    def _target(self, session: SessionId) -> Sequence | None:
        idle = [s for s in self.sequences if not s.busy]
        own = [s for s in idle if s.session == session and session != NOBODY]
        free = [s for s in idle if s.session == NOBODY]
        return next(iter(own or free), None) or min(idle, key=lambda s: s.used_at, default=None)

    def _best(self, session: SessionId, known: Tokens[int], head: Head | None) -> tuple[Sequence | Head | None, int]:
        """Where most of `known` already is: the session's own sequences, else the head."""
        own = [s for s in self.sequences if s.session == session and session != NOBODY]
        found: list[tuple[int, Sequence | Head]] = [(common_length(s.tokens, known), s) for s in own]
        if head is not None:
            found.append((common_length(head.tokens, known), head))
        n_known, source = max(found, key=lambda pair: pair[0], default=(0, None))
        return (source, n_known) if n_known else (None, 0)

    @staticmethod
    def _shared_after(source: Sequence | Head | None, n_known: int) -> int:
        if isinstance(source, Head):
            return n_known
        return min(source.shared, n_known) if source else 0

    def _bring(self, target: Sequence, source: Sequence | Head | None, n_known: int) -> None:
        """Let `target` hold the first `n_known` tokens of `source`."""
        shared = self._shared_after(source, n_known)
        if source is target:
            self._memory.truncate(target.id, n_known)
            del target.tokens[n_known:]
        else:
            self.wipe(target)
            if source is not None:
                self._memory.share(source.id, target.id, n_known)
                target.tokens = list(source.tokens[:n_known])
                target.head = source if isinstance(source, Head) else source.head
        target.shared = shared
        if shared == 0:
            target.head = None
        if target.head is not None:
            self._touch(target.head)

    def _make_room(self, n_cells: int, keep: tuple[Sequence | Head | None, ...]) -> bool:
        """Evict idle conversations, then unshared heads, until `n_cells` more fit beside what is in `keep`."""
        target = keep[0]
        assert isinstance(target, Sequence)
        idle = sorted((s for s in self.sequences if not s.busy and s.tokens), key=lambda s: s.used_at)
        evictable = [s for s in idle if not any(s is kept for kept in keep)]
        while self.cells_used - target.cells + n_cells > self.n_cells:
            head = self._spare_head(keep)
            if evictable:
                self.wipe(evictable.pop(0))
            elif head is not None:
                self._drop(head)
            elif target.head is not None and target is not keep[1]:
                self.wipe(target)  # its old conversation goes in any case, and may have been the last to share a head
            else:
                return False
        return True

    def _spare_head(self, keep: tuple[Sequence | Head | None, ...]) -> Head | None:
        shared = [s.head for s in self.sequences if s.head is not None]
        spare = [h for h in self.heads if h.tokens and not any(h is other for other in (*shared, *keep))]
        return min(spare, key=lambda h: h.used_at, default=None)

    def _drop(self, head: Head) -> None:
        self._memory.truncate(head.id, 0)
        head.tokens = ()

    def _keep_head(self, sequence: Sequence) -> None:
        """The first request with a new system prompt has prefilled it: share those cells from now on."""
        wanted, sequence.heading = sequence.heading, ()
        slot = next((h for h in self.heads if not h.tokens), None) or self._spare_head(())
        if slot is None:
            return
        self._drop(slot)
        self._memory.share(sequence.id, slot.id, len(wanted))
        slot.tokens = wanted
        sequence.head, sequence.shared = slot, len(wanted)
        self._touch(slot)

    def _touch(self, item: Sequence | Head) -> None:
        self._clock += 1
        item.used_at = self._clock
