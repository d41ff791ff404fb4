"""Admission: every number here is a time that the test chose."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from appliance.admission import QUEUE_MAX, Admission, RoomName, Ticket, Waiting, random_ticket
from appliance.ladder import STILL, Ladder, Rung, Step

A, B, C = RoomName("a"), RoomName("b"), RoomName("c")
D, E, F = RoomName("d"), RoomName("e"), RoomName("f")


def numbered(capacity: int, no_show_s: float = 30.0) -> Admission:
    """Its tickets are t1, t2, ..."""
    numbers = itertools.count(1)
    return Admission(capacity, no_show_s, new_ticket=lambda: Ticket(f"t{next(numbers)}"))


def asked(admission: Admission, room: RoomName, now_s: float, ticket: Ticket | None = None) -> Waiting:
    waiting = admission.enter(room, now_s, ticket)
    assert waiting is not None
    return waiting


def visiting(admission: Admission, room: RoomName, now_s: float) -> None:
    assert admission.reserve(room, now_s)
    assert admission.accept(room, now_s)
    assert admission.begin(room, now_s)


def test_no_more_than_fit_come_in() -> None:
    admission = Admission(2, 30.0)
    assert admission.reserve(A, 0.0)
    assert admission.reserve(B, 0.0)
    assert not admission.reserve(C, 0.0)
    assert admission.taken(0.0) == 2
    assert admission.release(A, 1.0)
    assert admission.reserve(C, 1.0)


def test_a_reservation_expires_when_nobody_comes() -> None:
    admission = Admission(1, 30.0)
    assert admission.reserve(A, 0.0)
    assert admission.next_expiry_s == 30.0
    assert not admission.reserve(B, 29.9)
    assert admission.taken(30.0) == 0
    assert admission.reserve(B, 30.0)
    assert admission.expire(30.0) == (A,)
    assert admission.expire(30.0) == ()


def test_only_rooms_that_were_reserved_are_accepted_and_only_once() -> None:
    admission = Admission(1, 30.0)
    assert not admission.accept(A, 0.0)
    assert admission.reserve(A, 0.0)
    assert not admission.accept(B, 1.0)
    assert admission.accept(A, 1.0)
    assert not admission.accept(A, 1.0)


def test_a_job_that_comes_too_late_is_refused() -> None:
    admission = Admission(1, 30.0)
    assert admission.reserve(A, 0.0)
    assert not admission.accept(A, 30.0)
    assert admission.reserve(B, 30.0)
    assert admission.accept(B, 59.0)
    assert not admission.begin(B, 59.0 + 30.0)


def test_an_accepted_visit_that_never_begins_frees_its_place() -> None:
    admission = Admission(1, 30.0)
    assert admission.reserve(A, 0.0)
    assert admission.accept(A, 20.0)
    assert not admission.reserve(B, 49.0)
    assert admission.reserve(B, 50.0)
    assert not admission.begin(A, 50.0)


def test_a_visit_that_has_begun_never_expires() -> None:
    admission = Admission(1, 30.0)
    visiting(admission, A, 0.0)
    assert admission.visiting == (A,)
    assert admission.expire(1e9) == ()
    assert not admission.reserve(B, 1e9)
    assert admission.release(A, 1e9)
    assert not admission.release(A, 1e9)
    assert admission.visiting == ()


def test_who_finds_no_place_waits_in_the_order_they_came() -> None:
    admission = numbered(1)
    assert admission.enter(A, 0.0) is None
    first, second = asked(admission, B, 0.0), asked(admission, C, 0.0)
    assert [(w.place, w.ticket) for w in (first, second)] == [(1, "t1"), (2, "t2")]
    assert [asked(admission, C, 1.0, second.ticket).place, asked(admission, B, 1.0, first.ticket).place] == [2, 1]
    assert admission.waiting(1.0) == 2
    assert admission.release(A, 2.0)
    assert admission.enter(B, 3.0, first.ticket) is None
    assert asked(admission, C, 3.0, second.ticket).place == 1
    assert admission.waiting(3.0) == 1


def test_a_free_place_is_held_for_the_first_until_they_ask() -> None:
    admission = numbered(1)
    assert admission.enter(A, 0.0) is None
    first = asked(admission, B, 0.0)
    second = asked(admission, C, 0.0)
    admission.release(A, 1.0)
    assert asked(admission, D, 1.0).place == 3  # comes when it is free, and is not let past
    assert asked(admission, C, 1.0, second.ticket).place == 2
    assert admission.enter(B, 2.0, first.ticket) is None


def test_two_free_places_are_for_the_first_two() -> None:
    admission = numbered(2)
    assert admission.enter(A, 0.0) is admission.enter(B, 0.0) is None
    tickets = [asked(admission, room, 0.0).ticket for room in (C, D, E)]
    admission.release(A, 1.0)
    admission.release(B, 1.0)
    assert asked(admission, E, 1.0, tickets[2]).place == 3
    assert admission.enter(D, 1.0, tickets[1]) is None
    assert asked(admission, E, 1.0, tickets[2]).place == 2
    assert admission.enter(C, 1.0, tickets[0]) is None


def test_a_ticket_that_is_not_shown_in_time_is_forgotten() -> None:
    admission = numbered(1)
    assert admission.enter(A, 0.0) is None
    gone, stays = asked(admission, B, 0.0), asked(admission, C, 0.0)
    for now_s in (2.0, 4.0, 6.0, 7.9):
        assert asked(admission, C, now_s, stays.ticket).place == 2
    assert asked(admission, C, 8.0, stays.ticket).place == 1
    again = asked(admission, B, 8.0, gone.ticket)
    assert (again.place, again.ticket) == (2, "t3")
    assert admission.waiting(1e6) == 0


def test_a_ticket_lives_longer_than_the_pause_it_was_told() -> None:
    admission = numbered(1)
    assert admission.enter(A, 0.0) is None
    for n in range(QUEUE_MAX):
        waiting = asked(admission, RoomName(f"r{n}"), 0.0)
        assert asked(admission, B, waiting.retry_after_s + 5.0, waiting.ticket).ticket == waiting.ticket
        admission.waiting(1e6)
        for _ in range(n):
            asked(admission, C, 0.0)


def test_a_forged_ticket_is_no_better_than_none() -> None:
    admission = numbered(1)
    assert admission.enter(A, 0.0) is None
    assert asked(admission, B, 0.0).ticket == "t1"
    forged = asked(admission, C, 0.0, Ticket("another-box"))
    assert (forged.place, forged.ticket) == (2, "t2")
    assert numbered(1).enter(A, 0.0, Ticket("another-box")) is None  # where there is a place, it is had


def test_a_ticket_is_good_for_one_place() -> None:
    admission = numbered(1)
    assert admission.enter(A, 0.0) is None
    ticket = asked(admission, B, 0.0).ticket
    admission.release(A, 1.0)
    assert admission.enter(B, 1.0, ticket) is None
    assert asked(admission, C, 1.0, ticket).ticket == "t2"


def test_a_flood_meets_a_bound_and_takes_nobodys_place() -> None:
    admission = numbered(1)
    assert admission.enter(A, 0.0) is None
    first = asked(admission, B, 0.0)
    for _ in range(3 * QUEUE_MAX):
        flood = asked(admission, C, 0.0)
    assert flood == Waiting(QUEUE_MAX + 1, None, flood.retry_after_s, flood.wait_s)
    assert admission.waiting(0.0) == QUEUE_MAX
    assert asked(admission, B, 1.0, first.ticket).place == 1
    assert asked(admission, D, 20.0).place == 1  # nobody of the flood came back


def test_tickets_cannot_be_guessed() -> None:
    assert len({random_ticket() for _ in range(100)}) == 100
    assert len(random_ticket()) == 32


def test_the_wait_is_told_from_the_visits_so_far() -> None:
    admission = numbered(1)
    visiting(admission, A, 0.0)
    assert asked(admission, D, 0.0).wait_s == 60  # nothing known yet: a minute
    assert asked(admission, E, 0.0).wait_s == 120  # the visit before has to begin first
    admission.release(A, 40.0)
    visiting(admission, B, 100.0)
    assert asked(admission, D, 110.0).wait_s == 30
    assert asked(admission, D, 500.0).wait_s == 2  # longer than any before: soon, one hopes


def test_the_wait_is_for_the_place_that_is_free_first() -> None:
    admission = numbered(2, no_show_s=10.0)
    visiting(admission, A, 0.0)
    assert admission.reserve(B, 5.0)
    assert [asked(admission, C, 8.0).wait_s for _ in range(4)] == [7, 52, 67, 112]


def test_the_ladder_follows_the_visits() -> None:
    ladder = Ladder((Rung(Step(25), 1), Rung(STILL, 2)))
    admission = Admission(2, 30.0, ladder=ladder)
    visiting(admission, A, 0.0)
    assert admission.reserve(B, 1.0)
    assert admission.accept(B, 1.0)
    assert ladder.step(1.0) == Step(25)  # not here yet
    assert admission.begin(B, 2.0)
    assert ladder.step(2.0) is STILL
    admission.release(B, 3.0)
    assert ladder.step(4.0) is STILL
    assert ladder.step(3.0 + 60.0) == Step(25)


class Bookkeeping(RuleBasedStateMachine):
    """Whatever happens in whatever order: never more visitors than fit, and places come back."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.admission = Admission(3, 30.0)
        self.inside: set[RoomName] = set()
        self.tickets: dict[int, Ticket] = {}
        self.rooms_asked = itertools.count()

    rooms = st.sampled_from([RoomName(name) for name in "abcdefgh"])

    @rule(seconds=st.floats(0.0, 40.0))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(room=rooms)
    def come(self, room: RoomName) -> None:
        if room not in self.inside:
            free = self.admission.taken(self.now_s) < 3
            known = room in self.admission._places
            if not known:
                assert self.admission.reserve(room, self.now_s) == free

    @rule(room=rooms)
    def accept(self, room: RoomName) -> None:
        self.admission.accept(room, self.now_s)

    @rule(room=rooms)
    def begin(self, room: RoomName) -> None:
        if self.admission.begin(room, self.now_s):
            self.inside.add(room)

    @rule(room=rooms)
    def leave(self, room: RoomName) -> None:
        if room in self.inside:
            assert self.admission.release(room, self.now_s)
            self.inside.discard(room)

    @rule()
    def expire(self) -> None:
        assert not self.inside & set(self.admission.expire(self.now_s))

    @invariant()
    def never_too_many(self) -> None:
        assert set(self.admission.visiting) == self.inside
        assert len(self.inside) <= self.admission.taken(self.now_s) <= 3
        assert self.admission.waiting(self.now_s) <= len(self.tickets)

    @rule(number=st.integers(0, 5))
    def ask(self, number: int) -> None:
        """With the ticket of one of six people, who may have none."""
        room = RoomName(f"asked{next(self.rooms_asked)}")
        free = 3 - self.admission.taken(self.now_s)
        waiting = self.admission.enter(room, self.now_s, self.tickets.get(number))
        if waiting is None:
            assert free > 0
            self.tickets.pop(number, None)
            return
        assert waiting.place > free
        assert waiting.wait_s >= 2
        assert waiting.ticket not in [ticket for other, ticket in self.tickets.items() if other != number]
        assert waiting.ticket is not None
        self.tickets[number] = waiting.ticket


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_place_is_awaited_as_long_as_somebody_in_the_queue_comes_back() -> None:
    admission = Admission(1, 30.0)
    admission.reserve(RoomName("a"), 0.0)
    assert admission.waiting(0.0) == 0
    waiting = admission.enter(RoomName("b"), 1.0)
    assert waiting is not None
    assert admission.waiting(1.0 + waiting.retry_after_s) == 1
    assert admission.waiting(1.0 + 60 * waiting.retry_after_s) == 0
