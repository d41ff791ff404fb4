"""Sounds that say "go on": a transcript comes in; out comes whether it is that or a mumble, and no interruption."""

from __future__ import annotations

import re

_SOUNDS = re.compile(r"(m+ ?h+m+|m+|h+m+|u+h+( ?h+u+h+)?|u+m+|a+h+( ?h+a+)?|o+[hw]+|aha|mhm)")
_WORDS = frozenset(("okay", "ok", "right", "yeah", "i see", "wow"))
_MOST_WORDS = 3
_MUMBLED = 0.53
"""Confidence below which one or two words are no words. Measured: "stop", "wait", "no", "help" and their like 0.54 to
0.92, "mm-hm" and "uh-huh", which Whisper writes "MMA Chan" or "Ah", 0.35 to 0.49."""
_MOST_MUMBLED = 2


def is_backchannel(text: str, confidence: float = 1.0) -> bool:
    """Whether what was heard only encourages the speaker; "yes" and "no" are answers and do not count.

    Args:
        confidence: of the transcript, 0 to 1.
    """
    plain = re.sub(r"[^a-z ]+", " ", text.lower()).split()
    if not plain or len(plain) > _MOST_WORDS:
        return False
    if confidence < _MUMBLED and len(plain) <= _MOST_MUMBLED:
        return True
    if " ".join(plain) in _WORDS or _SOUNDS.fullmatch(" ".join(plain)):
        return True
    return all(word in _WORDS or _SOUNDS.fullmatch(word) for word in plain)
