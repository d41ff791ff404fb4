"""Whether the visitor's client is still there: a room and an identity go in; it returns when nobody answers any more.

livekit-server drops a client that was killed or lost its network after 20 s, and calls its connection lost after 13 s
(both measured). Asking is quicker: LiveKit's clients answer a remote call for a method they do not have with an error,
in 3 ms on loopback. A client that never answers is too old to be asked, and left to livekit-server. On a busy machine
answers come later and later, measured 0.2 to 4 s within ten seconds when ten visitors came at once on two cores; so
where one client of this process was slow, all are given time.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from livekit import rtc

from appliance.clock import monotonic

_METHOD = "appliance.presence"
_EVERY_S = 0.7
_ANSWER_S = 3.0
"""A client that answers later is gone; a call is repeated below us until it arrives."""
_LOOK_S = 0.2
_SLOW_S = 0.5
"""A machine on which an answer takes so long is busy,"""
_BUSY_S = 10.0
"""for so long at least; meanwhile"""
_LATEST_S = 15.0
"""so long is waited for an answer. By then livekit-server says who is gone."""
_ANSWERS = frozenset((rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, rtc.RpcError.ErrorCode.APPLICATION_ERROR))


async def absence(room: rtc.Room, identity: str) -> None:
    """Return when the client of participant `identity` has stopped answering; it may never."""
    answered = False
    while True:
        asked_s = monotonic()
        if await _answers(room, identity):
            answered = True
            _PACE.note(asked_s, monotonic())
        elif answered:
            return
        await asyncio.sleep(_EVERY_S)


@dataclass(slots=True)
class _Pace:
    """How slow the machine is, as all visits of this process see it."""

    busy_until_s: float = -math.inf

    def note(self, asked_s: float, answered_s: float) -> None:
        if answered_s - asked_s > _SLOW_S:
            self.busy_until_s = answered_s + _BUSY_S

    def gone(self, asked_s: float, now_s: float) -> bool:
        """Whether who was asked then and has not answered yet is gone."""
        return now_s - asked_s > (_LATEST_S if now_s < self.busy_until_s else _ANSWER_S)


_PACE = _Pace()


async def _answers(room: rtc.Room, identity: str) -> bool:
    asked_s = monotonic()
    call = asyncio.ensure_future(
        room.local_participant.perform_rpc(
            destination_identity=identity, method=_METHOD, payload="", response_timeout=_LATEST_S
        )
    )
    try:
        while not call.done():
            if _PACE.gone(asked_s, monotonic()):
                return False
            await asyncio.wait({call}, timeout=_LOOK_S)
        call.result()
    except rtc.RpcError as error:
        return error.code in _ANSWERS
    finally:
        call.cancel()
    return True
