"""Admission: every number here is a time that the test chose."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from appliance.admission import Admission, RoomName

A, B, C = RoomName("a"), RoomName("b"), RoomName("c")


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


def test_the_wait_is_told_from_the_visits_so_far() -> None:
    admission = Admission(1, 30.0)
    assert admission.retry_after_s(0.0) == 2
    visiting(admission, A, 0.0)
    assert admission.retry_after_s(0.0) == 60  # nothing known yet: a minute
    admission.release(A, 40.0)
    visiting(admission, B, 100.0)
    assert admission.retry_after_s(110.0) == 30
    assert admission.retry_after_s(500.0) == 2  # longer than any before: soon, one hopes
    admission.release(B, 100.0 + 10_000.0)
    visiting(admission, C, 20_000.0)
    assert admission.retry_after_s(20_000.0) == 120


def test_a_reservation_may_be_free_sooner_than_a_visit() -> None:
    admission = Admission(2, 10.0)
    visiting(admission, A, 0.0)
    assert admission.reserve(B, 5.0)
    assert admission.retry_after_s(8.0) == 7


class Bookkeeping(RuleBasedStateMachine):
    """Whatever happens in whatever order: never more visitors than fit, and places come back."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.admission = Admission(3, 30.0)
        self.inside: set[RoomName] = set()

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
        assert 2 <= self.admission.retry_after_s(self.now_s) <= 120


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
