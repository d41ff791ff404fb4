"""What a face is told of a conversation: who speaks, who thinks, and the mood of what is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from livekit.rtc import EventEmitter

from appliance.stage.state import ConversationState
from tests.fakes.face import FakeFace


class Conversation:
    """A session's events, and the face that is told."""

    def __init__(self) -> None:
        self.face = FakeFace()
        self.state = ConversationState(self.face)
        self._session: EventEmitter[str] = EventEmitter()
        self._agent = "initializing"
        self.state.watch(cast("Any", self._session))

    def agent(self, state: str) -> str:
        old, self._agent = self._agent, state
        self._session.emit("agent_state_changed", SimpleNamespace(old_state=old, new_state=state))
        return self.face.state

    def user(self, state: str) -> str:
        self._session.emit("user_state_changed", SimpleNamespace(new_state=state))
        return self.face.state


def greeted() -> Conversation:
    """A visit whose greeting is over."""
    visit = Conversation()
    visit.agent("speaking")
    visit.agent("listening")
    return visit


def test_the_face_is_told_who_speaks_and_who_thinks() -> None:
    visit = greeted()
    told = [visit.face.state, visit.user("speaking"), visit.user("listening")]
    told += [visit.agent("thinking"), visit.agent("speaking"), visit.agent("listening"), visit.user("away")]
    assert told == ["idle", "listening", "idle", "thinking", "speaking", "idle", "idle"]


def test_a_visitor_who_interrupts_is_listened_to() -> None:
    visit = greeted()
    visit.agent("speaking")
    assert visit.user("speaking") == "listening"


def test_a_visit_begins_with_a_greeting_until_it_is_spoken() -> None:
    visit = Conversation()
    told = [visit.face.state, visit.agent("listening"), visit.agent("speaking"), visit.agent("listening")]
    assert told == ["greeting", "greeting", "greeting", "idle"]
    assert visit.agent("speaking") == "speaking"


def test_trouble_is_told_calmly_until_that_is_over() -> None:
    visit = greeted()
    visit.agent("thinking")
    visit.state.mood("calm")
    told = [visit.face.state, visit.agent("speaking"), visit.agent("listening"), visit.agent("speaking")]
    assert told == ["calm", "calm", "idle", "speaking"]
