"""A visitor's words come in and go out harmless; a model's reply streams in, and what may be spoken goes out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.mind.grounding import Grounding
from appliance.personas.persona import Entry

MAX_QUESTION_CHARS = 600
"""What is kept of a question: a minute of speech. The end is kept: that is where the question stands."""

_SPECIAL = re.compile(r"<\|[^|<>]{0,40}\|>|</?s>|<<?/?SYS>>?|\[/?INST\]|<(?:bos|eos|pad|unk)>", re.IGNORECASE)
_TURN_ENDS = re.compile(
    r"<\|(?:im_end|endoftext|im_start|eot_id|end)|</s>|(?:^|\n)\s*(?:user|human|question)\s*:", re.IGNORECASE
)
_FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,80}>")
_UNCERTAIN = re.compile(r"[<\[`~]")
"""What follows may take away what stands before it."""
_LABEL = re.compile(r"^\s*(?:assistant|answer|reply|response|bot)\s*:\s*", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+")
_NUMBER_OF_ITEM = re.compile(r"\d{1,2}[.)]?")
# A full stop ends a sentence where white space follows and no abbreviation stands before it.
_SENTENCE = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\be\.g)(?<!\bi\.e)[.!?…]+[\"')\]*_`]*(?=\s)|\n+"
)
_CLAUSE_END = re.compile(r"[,;:](?=\s)")
_CHARS_A_WORD = 20
_SLICE = 256
"""Characters taken at a time: the patterns above are slow on a long text."""
_SPOKEN = frozenset(" .,;:!?'’()-–%&/+")


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """What a model's reply may be."""

    strict: bool = True
    """Only what the known facts say, or a plain word of politeness, is spoken. For small models."""
    sentences: int = 2
    """Most sentences of a reply."""
    words: int = 45
    """Most words of a reply."""


def clean_question(text: str, *, max_chars: int = MAX_QUESTION_CHARS) -> str:
    """Make a transcript or a typed line safe to put into a prompt.

    Control characters and the special tokens of chat templates are taken out; white space is folded.

    Args:
        text: anything, of any length.
        max_chars: most characters of the result; the end of the text is kept.
    """
    text = unicodedata.normalize("NFKC", text[-8 * max_chars :])
    text = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C")
    before = ""
    while before != text:  # taking one out may join the halves of another
        before, text = text, _SPECIAL.sub(" ", text)
    text = " ".join(re.sub(r"<\||\|>|```|#{2,}", " ", text).split())
    return text[-max_chars:].strip()


class ReplyGuard:
    """Between a streaming model and the voice: push text in, speak what comes out, stop generating once `done`."""

    def __init__(
        self,
        question: str,
        facts: Sequence[Entry],
        unknown: str,
        config: GuardConfig | None = None,
    ) -> None:
        """
        Args:
            question: what the visitor asked.
            facts: the entries that the model was given.
            unknown: said in place of a reply that may not be spoken, or of an empty one.
        """
        self._config = config or GuardConfig()
        self._grounding = Grounding([entry.answer for entry in facts], question) if self._config.strict else None
        self._unknown = unknown
        self._raw = ""
        self._said: list[str] = []
        self._n_sentences = 0
        self._n_words = 0
        self.done = False
        """Nothing more will be spoken: the model may be stopped."""
        self.replaced = False
        """The model's words were held back, and `unknown` was said or the rest was dropped."""

    def push(self, text: str) -> list[str]:
        """Take the next piece of the stream; returns what may be spoken now, sentence by sentence."""
        spoken: list[str] = []
        for at in range(0, len(text), _SLICE):
            if not self.done:
                spoken += self._take(text[at : at + _SLICE])
        return spoken

    def finish(self) -> list[str]:
        """The stream has ended: what is left of it, or `unknown` if nothing was fit to be spoken."""
        spoken: list[str] = []
        while not self.done and (piece := self._next_piece()) is not None:
            spoken += self._judge(piece)
        if not self.done and self._raw.strip():
            spoken += self._judge(self._raw)
        if not self.done and not self._said:
            spoken += self._replace()
        self.done = True
        self._raw = ""
        return spoken

    def _take(self, text: str) -> list[str]:
        self._raw += text
        end = _TURN_ENDS.search(self._raw)
        if end and self._raw[: end.start()].strip():
            self._raw = self._raw[: end.start()]
            return self.finish()
        spoken: list[str] = []
        while not self.done and (piece := self._next_piece()) is not None:
            spoken += self._judge(piece)
        if not self.done and self._lost():
            spoken += self._replace()
        if not self.done and len(self._raw) > _CHARS_A_WORD * self._config.words:
            spoken += self.finish()  # no end of a sentence, or of a code block, in sight
        return spoken

    def _next_piece(self) -> str | None:
        """Cut the next whole sentence off the stream; code is dropped, and an open fence is waited for."""
        fence = re.search(r"```|~~~", self._raw)
        if fence:
            closed = _FENCE.match(self._raw, fence.start())
            if closed and len(closed.group()) > 6 and closed.group()[-3:] == fence.group():
                self._raw = self._raw[: fence.start()] + "\n" + self._raw[closed.end() :]
                self.replaced = True
                return self._next_piece()
        head = self._raw[: fence.start()] if fence else self._raw
        ends = _SENTENCE.search(head)
        if ends is None and self._grounding is None:
            ends = next((cut for cut in _CLAUSE_END.finditer(head) if len(head[: cut.end()].split()) >= 3), None)
        if ends is None:
            return None
        piece, self._raw = self._raw[: ends.end()], self._raw[ends.end() :].lstrip(" \t")
        return piece

    def _judge(self, raw: str) -> list[str]:
        sentence = plain(raw)
        words = sentence.split()
        if not any(char.isalnum() for char in sentence) or _NUMBER_OF_ITEM.fullmatch(sentence):
            return []
        key = " ".join(re.findall(r"\w+", sentence.lower()))
        repeated = key in self._said or _loops(key.split())
        too_long = self._n_words + len(words) > self._config.words
        if repeated or too_long or (self._grounding and not self._grounding.allows(sentence)):
            return self._replace()
        if self._grounding and not self._said and self._grounding.unknowing(sentence):
            return self._replace()  # the persona's own words for it say where to turn
        self._said.append(key)
        self._n_words += len(words)
        self._n_sentences += sentence[-1:] in ".!?…" or self._grounding is not None
        if self._n_sentences >= self._config.sentences:
            self.done = True
        return [sentence]

    def _lost(self) -> bool:
        """Whether it is certain before its end that the sentence will not be spoken: no need to wait for the rest."""
        if self._grounding is None or _UNCERTAIN.search(self._raw):
            return False
        beginning = plain(self._raw[: len(self._raw) - len(self._raw.split(" ")[-1])])
        return self._grounding.hopeless(beginning) or (not self._said and self._grounding.unknowing(beginning))

    def _replace(self) -> list[str]:
        """Hold back this and all that follows; say `unknown` unless something good was said before."""
        self.replaced = self.done = True
        self._raw = ""
        return [] if self._said else [self._unknown]


def plain(text: str) -> str:
    """Text without markup, addresses, special tokens and signs that are not spoken; may be empty."""
    text = _SPECIAL.sub(" ", _FENCE.sub(" ", text))
    text = _TAG.sub(" ", _ADDRESS.sub(" ", _LINK.sub(r"\1", text)))
    text = _LABEL.sub("", _BULLET.sub("", text))
    text = "".join(char if char.isalnum() or char in _SPOKEN else " " for char in text)
    return re.sub(r"\s+([.,;:!?])", r"\1", " ".join(text.split())).strip(" -–,;:/+&")


def _loops(words: Sequence[str]) -> bool:
    """Whether three words in a row stand there three times: small models run into such loops."""
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    return bool(triples) and max(triples.values()) >= 3
