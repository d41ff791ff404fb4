/** What the avatar is doing, in one word and one mark. */

import type { AgentState, ConversationState, Microphone } from "../conversation/state";
import { isMicrophoneFailure } from "../failures/failure";

const WORDS: Record<AgentState, string> = {
  absent: "Connecting",
  initializing: "Connecting",
  idle: "Listening",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
};

/** The word for the state, which must not promise a hearing that nobody gives. */
function label(state: ConversationState): { name: string; words: string } {
  if (state.phase === "waiting") return { name: "waiting", words: "Waiting" };
  if (state.reconnecting) return { name: "reconnecting", words: "Reconnecting" };
  const name = state.phase === "live" ? state.agent : "absent";
  const words = WORDS[name];
  if (words !== "Listening") return { name: words.toLowerCase(), words };
  return { name: "listening", words: listeningWords(state.microphone) };
}

function listeningWords(microphone: Microphone): string {
  if (microphone === "muted") return "Microphone off";
  if (microphone === "unanswered" || isMicrophoneFailure(microphone)) return "Please type";
  return WORDS.listening;
}

export function StateLabel({ state }: { state: ConversationState }) {
  const { name, words } = label(state);
  return (
    <div className="state" data-testid="state" data-state={name} role="status">
      <span className="state-mark" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {words}
    </div>
  );
}
