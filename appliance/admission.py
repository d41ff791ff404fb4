"""How many visitors: places are reserved, accepted, begun and released; who finds none stands in a queue.

Pure: no I/O, and time is an argument. The same count is kept where a token is issued and where a job is accepted, so a
burst of requests cannot slip past it. The queue is as pure: a ticket that is not shown again in time is forgotten, and
a place that becomes free waits for the first ticket of the queue, because everybody else is told to wait behind it.
"""

from __future__ import annotations

import math
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from appliance.ladder import Ladder

RoomName = NewType("RoomName", str)
Ticket = NewType("Ticket", str)

QUEUE_MAX = 100
"""Visitors who may wait; they ask again every few seconds, which is what a longer queue would cost."""

_HISTORY = 20
_VISIT_GUESS_S = 60.0
"""Length of a visit before any has ended."""
_WAIT_MIN_S = 2
_FRONT = 5
_RETRY_FRONT_S = 2
"""The first few ask so often, because a place that waits for them serves nobody meanwhile;"""
_RETRY_S = 5
"""those behind them so often."""
_LATE_S = 6.0
"""A ticket is forgotten when it comes so much later than asked: a tab in the background, a lost packet."""


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where somebody stands in the queue."""

    place: int
    """1 is next."""
    ticket: Ticket | None
    """Keeps the place when it is shown again in time; None when the queue is full."""
    retry_after_s: int
    """Seconds after which to ask again."""
    wait_s: int
    """Seconds until it is probably their turn."""


def random_ticket() -> Ticket:
    """128 random bits, so that nobody takes another's place."""
    return Ticket(secrets.token_hex(16))


class Queue:
    """Who waits, in the order they came."""

    def __init__(self, new_ticket: Callable[[], Ticket]) -> None:
        self._new_ticket = new_ticket
        self._expires: dict[Ticket, float] = {}

    def forget_late(self, now_s: float) -> None:
        """Drop the tickets that were not shown in time."""
        self._expires = {ticket: expires_s for ticket, expires_s in self._expires.items() if expires_s > now_s}

    def ahead_of(self, ticket: Ticket | None) -> int:
        """How many come first; an unknown ticket is that of somebody who has just come."""
        if ticket is None or ticket not in self._expires:
            return len(self._expires)
        return list(self._expires).index(ticket)

    def leave(self, ticket: Ticket | None) -> None:
        """It is their turn."""
        if ticket is not None:
            self._expires.pop(ticket, None)

    def waiting(self, now_s: float) -> int:
        """How many still come back; asked from any thread."""
        return sum(expires_s > now_s for expires_s in tuple(self._expires.values()))

    def stand(self, ticket: Ticket | None, now_s: float) -> tuple[Ticket | None, int]:
        """Keep or take a place: the ticket, None when the queue is full, and the seconds after which to show it."""
        ahead = self.ahead_of(ticket)
        retry_after_s = _RETRY_FRONT_S if ahead < _FRONT else _RETRY_S
        if ticket not in self._expires:
            if len(self._expires) >= QUEUE_MAX:
                return None, _RETRY_S
            ticket = self._new_ticket()
        assert ticket is not None
        self._expires[ticket] = now_s + retry_after_s + _LATE_S
        return ticket, retry_after_s


class Admission:
    """Counts places; the caller gives the time and acts on the answer."""

    def __init__(
        self,
        capacity: int,
        no_show_s: float,
        *,
        ladder: Ladder | None = None,
        new_ticket: Callable[[], Ticket] = random_ticket,
    ) -> None:
        """
        Args:
            capacity: visitors served at once, at least 1.
            no_show_s: seconds that a reserved place waits for its visit to begin.
            ladder: learns of every visit that begins or ends.
        """
        assert capacity >= 1
        self.capacity = capacity
        self.ladder = ladder
        self._no_show_s = no_show_s
        self._places: dict[RoomName, Place] = {}
        self._lengths: deque[float] = deque(maxlen=_HISTORY)
        self._queue = Queue(new_ticket)

    def enter(self, room: RoomName, now_s: float, ticket: Ticket | None = None) -> Waiting | None:
        """Reserve a place for `room` in its turn; or tell where its visitor stands in the queue.

        Args:
            ticket: of an earlier answer; one that is not known, or no longer, begins at the end.
        """
        self._queue.forget_late(now_s)
        ahead = self._queue.ahead_of(ticket)
        if ahead < self.capacity - self.taken(now_s):
            self._queue.leave(ticket)
            self.reserve(room, now_s)
            return None
        ticket, retry_after_s = self._queue.stand(ticket, now_s)
        return Waiting(ahead + 1, ticket, retry_after_s, self._wait_s(ahead, now_s))

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
        self._tell_ladder(now_s)
        return True

    def release(self, room: RoomName, now_s: float) -> bool:
        """Free the place of `room`; False when it was free already."""
        place = self._places.pop(room, None)
        if place is not None and place.state is PlaceState.VISITING:
            self._lengths.append(now_s - place.since_s)
            self._tell_ladder(now_s)
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

    def waiting(self, now_s: float) -> int:
        """Visitors in the queue; asked from any thread."""
        return self._queue.waiting(now_s)

    @property
    def visiting(self) -> tuple[RoomName, ...]:
        """Rooms whose visit has begun and not ended."""
        return tuple(room for room, place in self._places.items() if place.state is PlaceState.VISITING)

    @property
    def next_expiry_s(self) -> float:
        """When `expire` has something to do next; infinite when nothing waits."""
        return min((place.expires_s for place in self._places.values()), default=math.inf)

    def _wait_s(self, ahead: int, now_s: float) -> int:
        """Seconds until it is the turn of one with `ahead` before them: from the visits so far and the reservations.

        A visit that lasts longer than those before is expected to end at once, and the next ones to be as long as they.
        """
        length_s = sum(self._lengths) / len(self._lengths) if self._lengths else _VISIT_GUESS_S
        taken = [place for place in self._places.values() if place.expires_s > now_s]
        ends_s = sorted(max(now_s, min(place.expires_s, place.since_s + length_s)) for place in taken)
        ends_s = [now_s] * (self.capacity - len(taken)) + ends_s
        rounds, place = divmod(ahead, self.capacity)
        return max(_WAIT_MIN_S, math.ceil(ends_s[place] - now_s + rounds * length_s))

    def _tell_ladder(self, now_s: float) -> None:
        if self.ladder is not None:
            self.ladder.update(len(self.visiting), now_s)

    def _is(self, room: RoomName, state: PlaceState, now_s: float) -> bool:
        place = self._places.get(room)
        return place is not None and place.state is state and place.expires_s > now_s
