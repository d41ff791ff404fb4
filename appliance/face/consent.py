"""Whose face it is and what she allowed: a record in, the words that must be seen with her picture out."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

TESTS_ONLY = "for tests, no consent"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person allowed of her picture, in her own or her guardian's name."""

    by: str
    """Who allowed it."""
    purpose: str
    """What for."""
    given: datetime.date
    """When."""
    until: datetime.date
    """The last day on which it holds."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Take a record out of a TOML table.

        Raises:
            ValueError: a field is missing, empty, no day, or one too many; or the days are the wrong way round.
        """
        fields = [field.name for field in dataclasses.fields(cls)]
        if set(values) != set(fields):
            raise ValueError(f"it has {', '.join(sorted(values)) or 'nothing'} and not {', '.join(fields)}")
        for name in ("by", "purpose"):
            if not (isinstance(values[name], str) and values[name].strip()):
                raise ValueError(f"{name} must be in words")
        for name in ("given", "until"):
            if type(values[name]) is not datetime.date:
                raise ValueError(f"{name} must be a day like 2027-12-31, not {values[name]!r}")
        if values["until"] < values["given"]:
            raise ValueError("it would end before it was given")
        return cls(**values)


def words(consent: Consent | None, today: datetime.date) -> str:
    """What a real person's picture says of her consent; empty where it holds."""
    if consent is None:
        return TESTS_ONLY
    return f"consent ended on {consent.until}" if today > consent.until else ""
