/** The face with what is said over it: the state, or why it is held. */

import { useVoiceAssistant } from "@livekit/components-react";
import type { Persona } from "../box/persona";
import type { Readiness } from "../box/readiness";
import type { Conversation } from "../conversation/conversation";
import type { ConversationState } from "../conversation/state";
import { BoxNotice, toldFailure } from "./BoxNotice";
import { Face } from "./Face";
import { Notice } from "./Notice";
import { QueueNotice } from "./QueueNotice";
import { StateLabel } from "./StateLabel";

interface Props {
  persona: Persona;
  state: ConversationState;
  readiness: Readiness;
  conversation: Conversation;
}

export function FacePanel({ persona, state, readiness, conversation }: Props) {
  const { videoTrack } = useVoiceAssistant();
  const talking = state.phase !== "start" && state.phase !== "ended";
  const away = state.reconnecting || (talking && state.failure !== null);
  return (
    <div className="face-panel" data-agent={state.phase === "live" ? state.agent : "absent"}>
      <Face
        name={persona.name}
        track={videoTrack}
        held={away}
        still={state.phase === "live" && state.still}
        portrait={persona.portrait}
        resting={!talking}
      >
        {talking && <StateLabel state={state} />}
      </Face>
      {state.reconnecting && (
        <div className="face-notice late">
          <Notice code="reconnecting" name={persona.name} />
        </div>
      )}
      {talking && state.failure !== null && (
        <div className="face-notice">
          {state.queue !== null && toldFailure(state.failure, readiness) === "box-busy" ? (
            <QueueNotice name={persona.name} queue={state.queue} onLeave={() => conversation.reset()} />
          ) : (
            <BoxNotice
              name={persona.name}
              failure={state.failure}
              readiness={readiness}
              retryAtMs={state.retryAtMs}
              onRetry={() => conversation.retryNow()}
              onLeave={() => conversation.reset()}
            />
          )}
        </div>
      )}
    </div>
  );
}
