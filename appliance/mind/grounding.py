"""Known facts, a question and a sentence come in; whether the sentence says anything beyond the facts goes out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?", re.UNICODE)
_BREAK = re.compile(r"[.,;:!?…()]+|\s[-–]\s|\b(?:but|because|since|although|and|so|or|while)\b", re.I)
_NEGATION = re.compile(r"\b(?:not|no|never|none|nothing|nobody|without|cannot|only|\w+n't)\b", re.IGNORECASE)
_YES_NO = frozenset(("yes", "yeah", "yep", "no", "nope", "sure", "certainly", "absolutely", "definitely", "indeed"))
# Sentences of not knowing, with I as the subject; what follows may name what was asked for.
_NOT_KNOWING_WORDS = """
i'm i am sorry afraid that but do not don't can't cannot could couldn't really know say tell you answer help with sure
certain familiar able unable to have no idea answer information facts inform
"""
_NOT_KNOWING = re.compile(
    r"^(?:(?:i'm|i am) (?:sorry|afraid)(?: that)?,? )?(?:(?:but|that) )?(?:"
    r"i (?:do not|don't|can't|cannot|could not|couldn't|really don't) (?:know|say|tell you|answer|help (?:you )?with)\b"
    r"|(?:i'm|i am) (?:not (?:really )?sure|not certain|not familiar with)\b"
    r"|(?:i'm|i am) (?:not able|unable) to (?:answer|say|tell)\b"
    r"|i have no (?:idea|answer|information|facts)\b)"
)
# Words that carry no claim. Grammar first, then politeness.
_GRAMMAR_WORDS = """
a an the this that these those it its it's that's there there's here i i'm i'd i'll i've me my mine you you're
you'd you'll you've your yours we we're us our they they're them their he she his her is are am was were be been
being do does did done have has had having can could will would shall should may might must of in on at to for from
with by as into about over after before if then than when what how why very too also just well really quite still
don't doesn't didn't isn't aren't wasn't can't couldn't won't wouldn't not no any some all each every such more most
other another same own out up down off again now please either neither both and or but so because
who whose which where while
"""
_GRAMMAR = frozenset(_GRAMMAR_WORDS.split())
_POLITE_WORDS = """
sorry afraid thank thanks welcome hello hi goodbye bye glad happy pleased nice good great lovely kind wonderful
hear hearing talk talking chat chatting meet meeting ask asking question questions else anything something help
helping like love enjoy hope day today fine feel let know friend pleasure sound sounds interesting fun
appreciate mind dear time moment
"""
_POLITE = frozenset(_POLITE_WORDS.split())
_UNCLAIMING = _GRAMMAR | _POLITE | frozenset(_NOT_KNOWING_WORDS.split())
"""Words that a clause which claims nothing may hold whatever was asked."""
_PROMISES = re.compile(
    r"\b(?:i (?:can|will|could|would)|i'll|i'd|let me|we (?:can|will|have|are|offer|do))\b", re.IGNORECASE
)


_GAP = 1
"""Claim words of a fact that a reply may leave out between two that it takes."""


@dataclass(frozen=True, slots=True)
class _Fact:
    sentences: tuple[tuple[tuple[str, ...], bool], ...]
    """For each sentence of one approved answer: stems of its claim words in order, and whether it is negated."""
    first: str
    """Its first word, in lower case."""


class Grounding:
    """Judges sentences of a reply against the facts that the model was given. English; other languages never pass."""

    def __init__(self, facts: Sequence[str], question: str) -> None:
        self._facts = [_fact(text) for text in facts]
        self._asked = frozenset(_stem(word) for word in _words(question))
        stated = {stem for fact in self._facts for stems, _ in fact.sentences for stem in stems}
        self._sayable = self._asked | stated | {"answer", "inform"}

    def allows(self, sentence: str) -> bool:
        """Whether every clause is a word of politeness, a plain "I don't know", or said by one of the facts.

        A sentence is said by a fact if its words that carry a claim (names, numbers, times, things) are a run of one of
        the fact's own sentences, in that order, with at most one left out in between, and with the same yes or no.
        A run, because "open on weekdays until noon" can be put together from true words. Words of the question do not
        count: "yes, we sell ice cream" is made of them.
        """
        clauses = [clause.strip() for clause in _BREAK.split(sentence) if clause and _words(clause)]
        if not clauses:
            return False
        return all(self._harmless(clause) for clause in clauses) or any(
            _stated([clause for clause in clauses if not self._harmless(clause)], fact) for fact in self._facts
        )

    def hopeless(self, beginning: str) -> bool:
        """Whether `allows` is false for every sentence that begins with these whole words."""
        if any(word not in _UNCLAIMING | _YES_NO and _stem(word) not in self._sayable for word in _words(beginning)):
            return True
        clauses = [clause for clause in _BREAK.split(beginning) if clause and _words(clause)]
        claimed = [clause for clause in clauses[:-1] if not self._harmless(clause)]
        lead = set(_words(claimed[0])) if claimed else set[str]()
        claimed += [clause for clause in clauses[-1:] if self._claims_something(clause)]
        claims = tuple(stem for stem in _claims(" ".join(claimed)) if stem not in _YES_NO)
        facts = [fact for fact in self._facts if not lead or not lead <= _YES_NO or fact.first in lead]
        known = [stems for fact in facts for stems, _ in fact.sentences]
        return bool(claimed) and not any(not claims or _is_run(claims, stems) for stems in known)

    def unknowing(self, sentence: str) -> bool:
        """Whether the sentence says that the answer is not known."""
        clauses = [" ".join(_words(clause)) for clause in _BREAK.split(sentence)]
        return any(_NOT_KNOWING.match(clause) for clause in clauses)

    def _claims_something(self, clause: str) -> bool:
        """Whether no clause that begins so is harmless."""
        return any(word not in _UNCLAIMING and _stem(word) not in self._asked for word in _words(clause))

    def _harmless(self, clause: str) -> bool:
        words = _words(clause)
        text = " ".join(words)
        unknowing = _NOT_KNOWING.match(text)
        if unknowing:
            rest = {_stem(word) for word in _words(text[unknowing.end() :]) if word not in _GRAMMAR | _POLITE}
            return rest <= self._asked | {"answer", "inform"}
        if words[0] in _YES_NO or _PROMISES.search(text):
            return False
        return all(word in _GRAMMAR or word in _POLITE for word in words) and any(word in _POLITE for word in words)


def _stated(clauses: Sequence[str], fact: _Fact) -> bool:
    sentence = " ".join(clauses)
    lead = _words(clauses[0])
    if set(lead) <= _YES_NO and fact.first not in lead:
        return False
    claims = tuple(stem for stem in _claims(sentence) if stem not in _YES_NO)
    negated = bool(_NEGATION.search(sentence))
    return len(claims) >= 2 and any(negated == against and _is_run(claims, words) for words, against in fact.sentences)


def _is_run(claims: Sequence[str], words: Sequence[str]) -> bool:
    """Whether the claims stand among the words in this order, no two of them more than _GAP words apart."""
    places = [index for index, word in enumerate(words) if word == claims[0]]
    for claim in claims[1:]:
        places = [
            index
            for index, word in enumerate(words)
            if word == claim and any(place < index <= place + 1 + _GAP for place in places)
        ]
    return bool(places)


def _fact(text: str) -> _Fact:
    parts = [part for part in re.split(r"[.!?]+", text) if _words(part)]
    words = _words(text)
    return _Fact(tuple((_claims(part), bool(_NEGATION.search(part))) for part in parts), words[0] if words else "")


def _claims(text: str) -> tuple[str, ...]:
    """Stems of the words that carry a claim, in order."""
    return tuple(_stem(word) for word in _words(text) if word not in _GRAMMAR)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


def _stem(word: str) -> str:
    """Plurals, tenses and -ing fall together; crude, and on the safe side where it fails."""
    word = word.removesuffix("'s")
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
