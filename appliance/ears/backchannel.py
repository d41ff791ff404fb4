"""Sounds that say "go on": a transcript comes in; out comes whether it is only that, and no interruption."""

from __future__ import annotations

import re

_SOUNDS = re.compile(r"(m+ ?h+m+|m+|h+m+|u+h+( ?h+u+h+)?|u+m+|a+h+( ?h+a+)?|o+h+|aha|mhm)")
_WORDS = frozenset(("okay", "ok", "right", "yeah", "i see", "wow"))
_MOST_WORDS = 3


def is_backchannel(text: str) -> bool:
    """Whether what was heard only encourages the speaker; "yes" and "no" are answers and do not count."""
    plain = re.sub(r"[^a-z ]+", " ", text.lower()).split()
    if not plain or len(plain) > _MOST_WORDS:
        return False
    if " ".join(plain) in _WORDS or _SOUNDS.fullmatch(" ".join(plain)):
        return True
    return all(word in _WORDS or _SOUNDS.fullmatch(word) for word in plain)
