"""How long rounds took comes in, how many tokens of prompts the next round may read goes out."""

from __future__ import annotations

# A round cannot be cancelled, and everyone who is being answered waits for it. More tokens of a prompt at once are
# cheaper a token only up to here.
MOST_TOKENS = 64
_FEWEST_TOKENS = 16
_ROUND_S = 0.12
_OF_THE_NEW = 0.2
"""Weight of the latest round in what a token is taken to cost."""


class Pace:
    """Keeps rounds short on any machine and with any model."""

    def __init__(self) -> None:
        self._token_s = 0.0

    def tokens(self, n_replies: int) -> int:
        """Tokens of prompts that may be read in a round beside the next tokens of so many replies."""
        if self._token_s <= 0:
            return MOST_TOKENS
        n = int(_ROUND_S / self._token_s) - n_replies
        return min(max(n, _FEWEST_TOKENS), MOST_TOKENS)

    def took(self, seconds: float, n_tokens: int) -> None:
        """A round of `n_tokens`, those of replies included, took so long; small ones say little about a token."""
        if n_tokens >= _FEWEST_TOKENS:
            cost_s = seconds / n_tokens
            self._token_s += (cost_s - self._token_s) * (_OF_THE_NEW if self._token_s else 1.0)
