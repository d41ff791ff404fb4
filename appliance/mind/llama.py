"""The language model: conversations of all visitors in, their replies out, decoded together in one batch.

One model and one llama.cpp context. Every conversation is a sequence of that context and stays in its KV cache between
turns; `advance` is one `llama_decode` over everyone's next token and a bounded piece of the prompts still to be read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from appliance.clock import Clock, monotonic
from appliance.config import MindConfig
from appliance.engine import SessionId
from appliance.errors import LLMError
from appliance.mind.grammar import Grammar
from appliance.mind.kv_cache import NOBODY, KVCache, Sequence
from appliance.mind.llama_context import ContextSizes, LlamaContext, Part
from appliance.mind.pace import MOST_TOKENS, Pace
from appliance.mind.sampling import Logits, Sampler, Sampling, share
from appliance.mind.vocabulary import Message, Prompt, ReplyText

logger = logging.getLogger(__name__)

# Prompts are read in the order in which they would be done if each were alone: a short question passes a long prompt
# that came before it, but the long one moves up while it waits, so that no flood of short ones can hold it up for long.
_READ_TOKENS_S = 200.0
_AHEAD_S = 2.0
"""Reading ahead, for which nobody waits yet, comes so much later."""
_FEW_TOKENS = 12
"""In one decode, up to which one thread is quicker than two that wait for each other at hundreds of barriers. Measured
on two quiet cores (Xeon with AMX), one thread and two: 1 token 12 and 33 ms, 6: 34, 42; 13: 27, 36; 16: 78, 66; 20 to
29: 105, 78. Beside a busy neighbour two lose more."""
_HEADS = 4
_JUDGED = 1
"""Sequences beside the conversations', for words that are only judged."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation that wants its next reply."""

    messages: tuple[tuple[str, str], ...]
    """(role, text), oldest first: an optional system message, then user and assistant in turn."""
    session: SessionId = NOBODY
    """Whose conversation: what it shares with the session's last one is not read again; NOBODY keeps nothing."""
    max_tokens: int = 96
    """Most tokens of the reply; 0 only reads the prompt, so that a later request starts sooner."""
    sampling: Sampling = Sampling()  # noqa: RUF009 - a frozen value
    """How tokens are chosen."""
    stop: tuple[str, ...] = ()
    """Texts that end the reply and are not part of it."""
    seconds: float = 20.0
    """The reply is cut off this long after it was asked for."""
    grammar: str = ""
    """GBNF with a rule `root` that the reply obeys; "" is none."""


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A visitor has left: forget the conversation."""

    session: SessionId
    """Whose."""


@dataclass(frozen=True, slots=True)
class SentenceRequest:
    """Words of a visitor who has paused: were they all?"""

    text: str
    """What was heard, without the punctuation at its end."""
    session: SessionId = NOBODY
    """Whose words; nothing of them is kept."""


@dataclass(frozen=True, slots=True)
class SentenceEnd:
    """The answer to a SentenceRequest."""

    probability: float
    """That a sentence or message would end here, 0 to 1, by the language model."""


@dataclass(frozen=True, slots=True)
class ReplyEnd:
    """The last item of every reply."""

    prompt_tokens: int
    """Tokens of the conversation."""
    cached_tokens: int
    """Of these, how many were in the KV cache already."""
    reply_tokens: int
    """Tokens generated."""
    finish: Literal["stop", "length", "time"]
    """The model or a stop string ended it, or it was cut off at max_tokens, or at `seconds`."""


MindRequest: TypeAlias = ChatRequest | ReleaseRequest | SentenceRequest
MindItem: TypeAlias = str | ReplyEnd | SentenceEnd


class _Reply:
    """A request at work."""

    def __init__(self, request: ChatRequest, prompt: Prompt, n_reply: int, text: ReplyText) -> None:
        self.session = request.session
        self.prompt = prompt
        self.n_reply = n_reply
        self.text = text
        self.ends_s = float("inf")
        self.due_s = float("inf")
        self.sampler = Sampler(request.sampling)
        self.grammar: Grammar | None = None
        self.sequence: Sequence | None = None
        self.n_cached = 0
        self.n_generated = 0
        self.next_token: int | None = None
        self.pieces = ""
        self.end: ReplyEnd | None = None
        self.error: LLMError | None = None
        self.judged: SentenceEnd | None = None
        self.judging = False

    def finish(self, why: Literal["stop", "length", "time"]) -> None:
        self.pieces += self.text.finish()
        self.end = ReplyEnd(len(self.prompt.tokens), self.n_cached, self.n_generated, why)


@dataclass(frozen=True, slots=True)
class _Row:
    """What one request puts into a round's batch."""

    reply: _Reply
    """Whose."""
    sequence: Sequence
    """Where to."""
    tokens: tuple[int, ...]
    """Tokens, to be appended to the sequence."""
    samples: bool
    """The last of them is to be followed by a token of the reply."""


class LlamaEngine:
    """One GGUF model under continuous batching; every method on one thread."""

    def __init__(self, path: Path, config: MindConfig, clock: Clock = monotonic) -> None:
        self._path = path
        self._config = config
        self._clock = clock
        self._replies: list[_Reply] = []
        self._context: LlamaContext | None = None
        self._pace = Pace()

    def load(self) -> None:
        """Open the model and allocate the KV cache.

        Raises:
            LLMError: codes not-found, incompatible (no GGUF model that llama.cpp can run), out-of-memory.
        """
        config = self._config
        n_sequences = config.sequences + _JUDGED
        batch = MOST_TOKENS + n_sequences
        sizes = ContextSizes(config.cache_tokens, config.context_tokens, n_sequences + _HEADS, batch, config.threads)
        context = LlamaContext(self._path, sizes)
        self._context = context
        self._vocabulary = context.vocabulary
        self.window = context.n_window
        self.cache = KVCache(context, n_sequences=n_sequences, n_heads=_HEADS, n_cells=context.n_cells)

    def warm_up(self) -> None:
        """Touch every weight once, in a long and in a short batch."""
        messages = (("user", "Warm up. " * 30),)
        generator = self.generate(ChatRequest(messages, max_tokens=2))
        for _ in generator:
            self.advance()
        self.cache.forget_idle()

    def generate(self, request: MindRequest) -> Iterator[MindItem | None]:
        """Reply to a conversation, forget one, or judge whether a sentence is complete.

        Yields:
            None while there is nothing new; pieces of the reply's text; last a ReplyEnd. Or one SentenceEnd.
        Raises:
            LLMError: codes context-overflow (the system message and the last message do not fit), bad-grammar,
                inference-failed.
        """
        if isinstance(request, ReleaseRequest):
            self.cache.release(request.session)
            return
        if isinstance(request, SentenceRequest):
            yield from self._judge(request)
            return
        reply = self._begin(request)
        try:
            while reply.end is None or reply.pieces:
                if reply.error is not None:
                    raise reply.error
                text, reply.pieces = reply.pieces, ""
                yield text or None
            yield reply.end
        finally:
            self._leave(reply)

    def advance(self) -> None:
        """One round: place who waits, decode once for everyone, choose everyone's next token.

        Raises:
            LLMError: code inference-failed: llama.cpp could not decode; what the round touched is forgotten.
        """
        for reply in list(self._replies):
            if reply.end is None and self._clock() >= reply.ends_s:
                reply.finish("time")
                self._leave(reply)
            elif reply.sequence is None:
                self._place(reply)
        rows = self._rows()
        if rows:
            self._decode(rows)

    def close(self) -> None:
        """Free the context and the model."""
        self._replies.clear()
        if self._context is not None:
            self._context.close()
            self._context = None

    def _begin(self, request: ChatRequest) -> _Reply:
        messages = [Message(role, text) for role, text in request.messages]
        n_reply = min(request.max_tokens, self.window // 2)
        prompt = self._vocabulary.fit(messages, self.window - n_reply, reply=n_reply > 0)
        text = ReplyText(self._vocabulary, request.stop)
        reply = _Reply(request, prompt, n_reply, text)
        reply.grammar = Grammar(self._vocabulary, request.grammar) if request.grammar else None
        now_s = self._clock()
        reply.ends_s = now_s + request.seconds
        for other in list(self._replies):  # what the session has read ahead so far is all that this needs of it
            if other.n_reply == 0 and other.session == reply.session != NOBODY:
                other.finish("stop")
                self._leave(other)
        n_unread = len(prompt.tokens) - self.cache.known(reply.session, prompt)
        reply.due_s = now_s + n_unread / _READ_TOKENS_S + (_AHEAD_S if n_reply == 0 else 0.0)
        self._replies.append(reply)
        return reply

    def _judge(self, request: SentenceRequest) -> Iterator[MindItem | None]:
        """The probability of an end after the words, read off once they are prefilled."""
        reply = _Reply(ChatRequest(()), self._vocabulary.opened(request.text), 1, ReplyText(self._vocabulary, ()))
        reply.judging = True
        reply.due_s = self._clock()
        self._replies.append(reply)
        try:
            while reply.judged is None:
                if reply.error is not None:
                    raise reply.error
                yield None
            yield reply.judged
        finally:
            self._leave(reply)

    def _leave(self, reply: _Reply) -> None:
        """The reply is complete or its caller has gone; what was decoded stays, for the session's next turn."""
        if reply.grammar is not None:
            reply.grammar.close()
            reply.grammar = None
        if reply in self._replies:
            self._replies.remove(reply)
        if reply.sequence is not None:
            self.cache.done(reply.sequence)
            reply.sequence = None

    def _place(self, reply: _Reply) -> None:
        reply.sequence = self.cache.place(reply.session, reply.prompt, reply.n_reply)
        if reply.sequence is not None:
            reply.n_cached = len(reply.sequence.tokens)
            if reply.n_cached == len(reply.prompt.tokens):
                reply.finish("length")
                self._leave(reply)

    def _rows(self) -> list[_Row]:
        """Everyone's next token, then as much of the unread prompts as a round may take, the earliest due first."""
        placed = [(reply, reply.sequence) for reply in self._replies if reply.sequence is not None]
        rows = [
            _Row(reply, sequence, (reply.next_token,), samples=True)
            for reply, sequence in placed
            if reply.next_token is not None
        ]
        left, room = self._pace.tokens(len(rows)), MOST_TOKENS
        unread = [(reply, sequence) for reply, sequence in placed if reply.next_token is None]
        for reply, sequence in sorted(unread, key=lambda pair: pair[0].due_s):
            if left > 0:
                tokens = reply.prompt.tokens[len(sequence.tokens) :]
                # A remainder of a few tokens costs a round of its own, half as long as this one.
                n = len(tokens) if len(tokens) <= min(left * 3 // 2, room) else left
                last = n == len(tokens)
                rows.append(_Row(reply, sequence, tokens[:n], samples=last and reply.n_reply > 0))
                left, room = left - n, room - n
        return rows

    def _decode(self, rows: list[_Row]) -> None:
        assert self._context is not None
        parts = [Part(row.sequence.id, len(row.sequence.tokens), row.tokens, row.samples) for row in rows]
        n_tokens = sum(len(row.tokens) for row in rows)
        # While words are judged, at the end of a turn, every stage is at work.
        alone = n_tokens <= _FEW_TOKENS or any(row.reply.judging for row in rows)
        threads = 1 if alone else self._config.threads
        started_s = self._clock()
        code = self._context.decode(parts, threads)
        self._pace.took(self._clock() - started_s, n_tokens)
        if code == 1:  # no room: our count of the cells was wrong, so be sure of it before anyone is turned away
            logger.warning("KV cache full against our count", extra={"cells": self.cache.cells_used})
            self.cache.forget_idle()
            code = self._context.decode(parts, threads)
        if code != 0:
            raise self._failed(rows, code)
        output = -1
        for row in rows:
            output += len(row.tokens)
            self.cache.add(row.sequence, row.tokens)
            if row.samples:
                self._append(row.reply, self._context.logits(output))
            elif len(row.sequence.tokens) == len(row.reply.prompt.tokens):
                row.reply.finish("length")
                self._leave(row.reply)

    def _failed(self, rows: list[_Row], code: int) -> LLMError:
        """What the round touched may be half done: forget it."""
        error = LLMError(f"llama.cpp could not decode (code {code})", code="inference-failed")
        for row in rows:
            self.cache.wipe(row.sequence)
            row.reply.error = error
            self._leave(row.reply)
        return error

    def _append(self, reply: _Reply, logits: Logits) -> None:
        if reply.judging:
            reply.judged = SentenceEnd(share(logits, self._vocabulary.sentence_ends))
            self._leave(reply)
            return
        if reply.grammar is not None:
            logits = reply.grammar.allowed(logits)
        token = reply.sampler.choose(logits)
        if self._vocabulary.ends_reply(token) or not np.isfinite(logits[token]):  # or nothing is left by the grammar
            reply.finish("stop")
            self._leave(reply)
            return
        if reply.grammar is not None:
            reply.grammar.accept(token)
        reply.n_generated += 1
        reply.next_token = token
        reply.pieces += reply.text.push(token)
        if reply.text.stopped:
            reply.finish("stop")
        elif reply.n_generated >= reply.n_reply:
            reply.finish("length")
        if reply.end is not None:
            self._leave(reply)
