/** The page: one face, and beside or below it what the moment calls for. */

import { RoomAudioRenderer, RoomContext } from "@livekit/components-react";
import { useCallback, useEffect, useRef } from "react";
import type { Persona } from "./box/persona";
import type { Readiness } from "./box/readiness";
import { usePersona } from "./box/usePersona";
import { type Attention, useReadiness } from "./box/useReadiness";
import type { Conversation } from "./conversation/conversation";
import type { ConversationState } from "./conversation/state";
import { useConversation } from "./conversation/useConversation";
import { Disclosure } from "./parts/Disclosure";
import { FacePanel } from "./parts/FacePanel";
import { Start } from "./screens/Start";
import { Talk } from "./screens/Talk";
import { Thanks } from "./screens/Thanks";

export function App({ conversation }: { conversation: Conversation }) {
  const { state, room } = useConversation(conversation);
  const { phase } = state;
  const readiness = useReadiness(attention(state));
  const persona = usePersona(readiness.kind === "ready");
  useDocumentTitle(persona.name);

  useReturn(readiness, () => conversation.retryNow());

  return (
    <RoomContext.Provider value={room}>
      <div className="page" data-phase={phase}>
        <header className="header">
          <p className="who">
            <strong>{persona.name}</strong>
            {persona.title && <span>{persona.title}</span>}
          </p>
          <Disclosure />
        </header>
        <main className="stage">
          <FacePanel persona={persona} state={state} readiness={readiness} conversation={conversation} />
          <Side persona={persona} state={state} readiness={readiness} conversation={conversation} />
        </main>
        <RoomAudioRenderer />
      </div>
    </RoomContext.Provider>
  );
}

function attention({ phase, failure, queue }: ConversationState): Attention {
  if (phase === "live") return "rests";
  // In the queue the box is asked every few seconds anyway.
  if (queue !== null) return "looks";
  return failure === null ? "looks" : "waits";
}

interface SideProps {
  persona: Persona;
  state: ConversationState;
  readiness: Readiness;
  conversation: Conversation;
}

function Side({ persona, state, readiness, conversation }: SideProps) {
  const start = useCallback((question?: string) => conversation.start(question), [conversation]);
  const reset = useCallback(() => conversation.reset(), [conversation]);
  if (state.phase === "start") return <Start persona={persona} readiness={readiness} onStart={start} />;
  if (state.phase === "ended") return <Thanks persona={persona} onDone={reset} />;
  return <Talk persona={persona} state={state} conversation={conversation} />;
}

function useDocumentTitle(name: string) {
  useEffect(() => {
    document.title = `Talk with ${name}`;
  }, [name]);
}

/** A box that has just become ready need not be waited for any longer. */
function useReturn(readiness: Readiness, back: () => void) {
  const before = useRef(readiness.kind);
  useEffect(() => {
    const away = before.current !== "ready" && before.current !== "unknown";
    before.current = readiness.kind;
    if (away && readiness.kind === "ready") back();
  });
}
