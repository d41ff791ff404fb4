"""The avatar's own words out of a loudspeaker: a transcript and what is being said come in; out comes whether it is that."""

from __future__ import annotations

import difflib
import re

_SHARE = 0.7
"""Of what was heard; Whisper mishears some of an echo."""
_FEWEST = 2
"""Words: one alone is said by chance."""


def is_own_voice(heard: str, said: str) -> bool:
    """Whether what was heard are words, in their order, of what the avatar has just said."""
    words, own = _plain(heard), _plain(said)
    if len(words) < _FEWEST:
        return False
    matcher = difflib.SequenceMatcher(None, own, words, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) >= _SHARE * len(words)


def _plain(text: str) -> list[str]:
    return re.sub(r"[^\w' ]|_", " ", text.lower()).split()
