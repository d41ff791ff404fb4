/** What the end of a room means: we left, the box said goodbye, or the line was lost. */

import { DisconnectReason } from "livekit-client";

export type RoomEnd = "left" | "dismissed" | "lost";

/**
 * `dismissed` is a decision about this visitor, so the page says thank you and does not come back by itself.
 * Everything else that we did not ask for is `lost`: a room that was deleted with its server, a server that
 * stopped, a signal connection that could not be resumed.
 */
export function roomEnd(reason: DisconnectReason | undefined): RoomEnd {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return "left";
    case DisconnectReason.PARTICIPANT_REMOVED:
      return "dismissed";
    default:
      return "lost";
  }
}
