"""How many visitors: rooms are reserved, accepted, begun and released; out comes whether there is a place, or when.

Pure: no I/O, and time is an argument. The same count is kept where a token is issued and where a job is accepted, so a
burst of requests cannot slip past it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

RoomName = NewType("RoomName", str)

_HISTORY = 20
_VISIT_GUESS_S = 60.0
"""Length of a visit before any has ended."""
_RETRY_MIN_S = 2
_RETRY_MAX_S = 120


class PlaceState(StrEnum):
    RESERVED = "reserved"
    ACCEPTED = "accepted"
    VISITING = "visiting"


@dataclass(frozen=True, slots=True)
class Place:
    """One of the box's places for visitors."""

    state: PlaceState
    """How far the visit has come."""
    since_s: float
    """When it came to this state, seconds of the caller's clock."""
    expires_s: float
    """When it is free again unless it goes on; infinite once the visit has begun."""


class Admission:
    """Counts places; the caller gives the time and acts on the answer."""

    def __init__(self, capacity: int, no_show_s: float) -> None:
        """
        Args:
            capacity: visitors served at once, at least 1.
            no_show_s: seconds that a reserved place waits for its visit to begin.
        """
        assert capacity >= 1
        self.capacity = capacity
        self._no_show_s = no_show_s
        self._places: dict[RoomName, Place] = {}
        self._lengths: deque[float] = deque(maxlen=_HISTORY)

    def reserve(self, room: RoomName, now_s: float) -> bool:
        """Take a place for a room whose token is about to be issued; False when there is none."""
        if self.taken(now_s) >= self.capacity:
            return False
        self._places[room] = Place(PlaceState.RESERVED, now_s, now_s + self._no_show_s)
        return True

    def accept(self, room: RoomName, now_s: float) -> bool:
        """Whether the job of `room` may be taken: only a room that we reserved, only once, and not after it expired."""
        if not self._is(room, PlaceState.RESERVED, now_s):
            return False
        self._places[room] = Place(PlaceState.ACCEPTED, now_s, now_s + self._no_show_s)
        return True

    def begin(self, room: RoomName, now_s: float) -> bool:
        """The visit has begun, and holds its place until `release`; False when the place was lost meanwhile."""
        if not self._is(room, PlaceState.ACCEPTED, now_s):
            return False
        self._places[room] = Place(PlaceState.VISITING, now_s, math.inf)
        return True

    def release(self, room: RoomName, now_s: float) -> bool:
        """Free the place of `room`; False when it was free already."""
        place = self._places.pop(room, None)
        if place is not None and place.state is PlaceState.VISITING:
            self._lengths.append(now_s - place.since_s)
        return place is not None

    def expire(self, now_s: float) -> tuple[RoomName, ...]:
        """Forget the places whose visit did not begin in time, and name their rooms."""
        gone = tuple(room for room, place in self._places.items() if place.expires_s <= now_s)
        for room in gone:
            del self._places[room]
        return gone

    def taken(self, now_s: float) -> int:
        """Places that a new visitor cannot have."""
        return sum(place.expires_s > now_s for place in self._places.values())

    @property
    def visiting(self) -> tuple[RoomName, ...]:
        """Rooms whose visit has begun and not ended."""
        return tuple(room for room, place in self._places.items() if place.state is PlaceState.VISITING)

    @property
    def next_expiry_s(self) -> float:
        """When `expire` has something to do next; infinite when nothing waits."""
        return min((place.expires_s for place in self._places.values()), default=math.inf)

    def retry_after_s(self, now_s: float) -> int:
        """Whole seconds after which a place is likely to be free: from the visits so far and the reservations."""
        if self.taken(now_s) < self.capacity:
            return _RETRY_MIN_S
        length_s = sum(self._lengths) / len(self._lengths) if self._lengths else _VISIT_GUESS_S
        first_s = min(min(place.expires_s, place.since_s + length_s) for place in self._places.values())
        return max(_RETRY_MIN_S, min(math.ceil(first_s - now_s), _RETRY_MAX_S))

    def _is(self, room: RoomName, state: PlaceState, now_s: float) -> bool:
        place = self._places.get(room)
        return place is not None and place.state is state and place.expires_s > now_s
