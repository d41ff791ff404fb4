"""Words to tokens and back: chat messages in, the prompt's tokens out; tokens in, text out."""

from __future__ import annotations

import codecs
import ctypes
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import llama_cpp

from appliance.errors import LLMError

# Stand for the messages' texts while the template is filled in, so that no text can write template: a visitor who says
# a marker of the template says letters. Unicode's private use area; the numbers are indices of messages.
_SLOT = "\ue000{}\ue001"
_SLOTS = re.compile("\ue000(\\d+)\ue001")
_TEXTS_KEPT = 1024
_SENTENCE_ENDS = (b".", b"?", b"!")

# Messages are dropped four at a time, so that two more exchanges fit before the cached history is cut again.
_DROP = 4


class Message(NamedTuple):
    """One message of a conversation."""

    role: str
    """system, user or assistant."""
    text: str
    """What was said; never read as template or control tokens."""


_NEXT = Message("user", "")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation as the model reads it."""

    tokens: tuple[int, ...]
    """All tokens, up to where the reply begins."""
    n_head: int
    """How many of the first tokens are the system message alone."""


class Vocabulary:
    """The tokens and the chat template of one open model; belongs to the engine's thread."""

    def __init__(self, model: llama_cpp.llama_model_p) -> None:
        vocab = llama_cpp.llama_model_get_vocab(model)
        if vocab is None:
            raise LLMError("the model file has no vocabulary", code="incompatible")
        self.vocab = vocab
        self._template = llama_cpp.llama_model_chat_template(model, None) or b"chatml"
        self._texts: OrderedDict[tuple[str, bool], tuple[int, ...]] = OrderedDict()
        self._bos = cast("int", llama_cpp.llama_vocab_bos(vocab))
        self.n_tokens = llama_cpp.llama_vocab_n_tokens(vocab)
        # The box writes templates for the families that llama.cpp knows; better to fail here than in a conversation.
        self._render((Message("system", ""), Message("user", "")), reply=True)

    def fit(self, messages: Sequence[Message], n_tokens: int, *, reply: bool = True) -> Prompt:
        """The prompt of `messages`; the oldest are left out where it would be longer than `n_tokens`.

        Args:
            reply: end where the text of the assistant's next message begins; else of the user's.
        Raises:
            LLMError: code context-overflow: the system message and the last message alone are longer.
        """
        system = [message for message in messages[:1] if message.role == "system"]
        turns = messages[len(system) :]
        head = self._render(system) if system else ()
        n = 0
        for drop in [*range(0, len(turns) - 1, _DROP), max(len(turns) - 1, 0)]:
            kept = [*system, *turns[drop:]]
            tokens = self._render(kept, reply=True) if reply else self._render([*kept, _NEXT], until=len(kept))
            n = len(tokens)
            if n <= n_tokens:
                return Prompt(tokens, common_length(tokens, head))
        raise LLMError(
            f"the question takes {n} tokens, and there is room for {n_tokens}",
            code="context-overflow",
            hint="raise mind.context_tokens, or shorten the persona's instructions",
        )

    def opened(self, text: str) -> Prompt:
        """A user's message that is not closed: what comes next says whether `text` was all of it."""
        opening = _SLOTS.split(self._filled(["user"], reply=False))[0]
        return Prompt((*self.tokens(opening, special=True), *self.tokens(text.strip(), special=False)), 0)

    @cached_property
    def sentence_ends(self) -> tuple[int, ...]:
        """The tokens that end a sentence or a message."""
        tokens = range(self.n_tokens)
        ends = [token for token in tokens if self.piece(token).strip() in _SENTENCE_ENDS]
        return (*ends, *(token for token in tokens if llama_cpp.llama_vocab_is_eog(self.vocab, token)))

    def tokens(self, text: str, *, special: bool) -> tuple[int, ...]:
        """`text` as tokens; `special` reads control tokens in it, which only the template's own text may have."""
        key = (text, special)
        if key in self._texts:
            self._texts.move_to_end(key)
            return self._texts[key]
        raw = text.encode("utf-8", errors="replace")
        buffer = (llama_cpp.llama_token * (len(raw) + 2))()  # a token is at least a byte, and SPM adds a space
        n = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), buffer, len(buffer), False, special)
        assert n >= 0
        self._texts[key] = tuple(buffer[:n])
        if len(self._texts) > _TEXTS_KEPT:
            self._texts.popitem(last=False)
        return self._texts[key]

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for control tokens. A character may be spread over several tokens."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, size, 0, False)
            if n >= 0:
                return buffer.raw[:n]
            size = -n

    def ends_reply(self, token: int) -> bool:
        """End of turn or text; any other control token in a reply is the model lost in its own template."""
        return bool(
            llama_cpp.llama_vocab_is_eog(self.vocab, token) or llama_cpp.llama_vocab_is_control(self.vocab, token)
        )

    def _render(self, messages: Sequence[Message], *, reply: bool = False, until: int | None = None) -> tuple[int, ...]:
        """The tokens of all messages, or of those before the text of message `until`."""
        roles = [message.role for message in messages]
        tokens: list[int] = []
        if llama_cpp.llama_vocab_get_add_bos(self.vocab):
            tokens.append(self._bos)
        for i, part in enumerate(_SLOTS.split(self._filled(roles, reply=reply))):
            if i % 2 and int(part) == until:
                break
            if i % 2:
                tokens += self.tokens(messages[int(part)].text.strip(), special=False)
            elif part:
                tokens += self.tokens(part, special=True)
        if len(tokens) > 1 and tokens[0] == tokens[1] == self._bos:
            del tokens[0]
        return tuple(tokens)

    def _filled(self, roles: Sequence[str], *, reply: bool) -> str:
        """The model's template with a slot in place of every message's text."""
        chat = (llama_cpp.llama_chat_message * len(roles))()
        for i, role in enumerate(roles):
            chat[i].role = role.encode()
            chat[i].content = _SLOT.format(i).encode()
        size = 256 * (len(roles) + 1)
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = llama_cpp.llama_chat_apply_template(
                self._template, chat, len(roles), reply, cast("bytes", buffer), size
            )
            if n < 0:
                raise LLMError(
                    "the model's chat template is not one that llama.cpp knows",
                    code="incompatible",
                    hint="choose a model with a ChatML, Llama, Gemma, Phi or Mistral template",
                )
            if n <= size:
                return buffer.raw[:n].decode("utf-8")
            size = n


class ReplyText:
    """The text of one reply as its tokens come: whole characters only, and nothing of a stop string."""

    def __init__(self, vocabulary: Vocabulary, stop: Sequence[str]) -> None:
        self._vocabulary = vocabulary
        self._stop = tuple(text for text in stop if text)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """The text that is certain with this token; "" while a character or a stop string may be unfinished."""
        self._held += self._decoder.decode(self._vocabulary.piece(token))
        cuts = [at for at in (self._held.find(text) for text in self._stop) if at >= 0]
        if cuts:
            self.stopped = True
            text, self._held = self._held[: min(cuts)], ""
            return text
        keep = max((_overlap(self._held, text) for text in self._stop), default=0)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return text

    def finish(self) -> str:
        """What was held back; bytes of an unfinished character are dropped."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that `stop` begins with."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many first tokens two sequences share."""
    n = min(len(left), len(right))
    return next((i for i in range(n) if left[i] != right[i]), n)
