"""What LiveKit tells of a conversation in, the state that its face shows out."""

from __future__ import annotations

from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import events

from appliance.stage.output import Face


class ConversationState:
    """Tells a face what goes on: who speaks, who thinks, and in what mood."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._agent: events.AgentState = "initializing"
        self._user: events.UserState = "listening"
        self._mood = "greeting"

    def watch(self, session: AgentSession[Any]) -> None:
        """Follow a session's states from now on; it begins with a greeting."""
        session.on("agent_state_changed", self._agent_changed)
        session.on("user_state_changed", self._user_changed)
        self._show()

    def mood(self, mood: str) -> None:
        """What is said next is said in this mood, as calm, until it is over."""
        self._mood = mood
        self._show()

    def _agent_changed(self, event: events.AgentStateChangedEvent) -> None:
        self._agent = event.new_state
        if event.old_state == "speaking":
            self._mood = ""
        self._show()

    def _user_changed(self, event: events.UserStateChangedEvent) -> None:
        self._user = event.new_state
        self._show()

    def _show(self) -> None:
        if self._mood:
            self._face.state = self._mood
        elif self._user == "speaking":
            self._face.state = "listening"
        else:
            self._face.state = self._agent if self._agent in ("thinking", "speaking") else "idle"
