"""Every counter, gauge and histogram of the appliance, in the default registry that `/metrics` prints.

livekit-agents registers its own `lk_agents_*` there too. Labels are never a visitor's: no session ids, no words.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)

engine_calls = Counter("appliance_engine_calls_total", "Requests an engine ended, by how", ["engine", "outcome"])
engine_call_seconds = Histogram("appliance_engine_call_seconds", "A request's whole time", ["engine"], buckets=_SECONDS)
engine_queue_depth = Gauge("appliance_engine_queue_depth", "Requests waiting for an engine", ["engine"])
sessions_active = Gauge("appliance_sessions_active", "Visitors now in a room with the avatar")
sessions_ended = Counter("appliance_sessions_ended_total", "Visits that ended, by why", ["reason"])
turn_seconds = Histogram("appliance_turn_seconds", "A step of a turn", ["step"], buckets=_SECONDS)
barge_ins = Counter("appliance_barge_ins_total", "Replies that a visitor cut short")
frames_published = Counter("appliance_frames_published_total", "Video frames handed to LiveKit", ["kind"])
frames_late = Counter("appliance_frames_late_total", "Frames not rendered when they were due: the last one was held")
tokens_issued = Counter("appliance_tokens_issued_total", "Visitor tokens, by outcome", ["outcome"])
sfu_restarts = Counter("appliance_sfu_restarts_total", "Times livekit-server was started again")
