/** The conversation: captions, questions to touch, and the controls. */

import { useRef } from "react";
import type { Persona } from "../box/persona";
import type { Conversation } from "../conversation/conversation";
import type { ConversationState } from "../conversation/state";
import { Captions } from "../parts/Captions";
import { EndIcon } from "../parts/icons";
import { MicrophoneNotice } from "../parts/MicrophoneNotice";
import { MuteButton } from "../parts/MuteButton";
import { Suggestions } from "../parts/Suggestions";
import { TextBox } from "../parts/TextBox";
import { TroubleNotice } from "../parts/TroubleNotice";

interface Props {
  persona: Persona;
  state: ConversationState;
  conversation: Conversation;
}

export function Talk({ persona, state, conversation }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const asked = state.utterances.some((one) => one.speaker === "visitor");

  const typeInstead = () => {
    conversation.readMicrophoneNotice();
    input.current?.focus();
  };

  return (
    <section className="side talk" aria-label={`Conversation with ${persona.name}`}>
      <Captions name={persona.name} language={persona.language} utterances={state.utterances} />
      <TroubleNotice name={persona.name} trouble={state.trouble} conversation={conversation} />
      {!state.microphoneNoticeRead && (
        <MicrophoneNotice
          name={persona.name}
          microphone={state.microphone}
          onType={typeInstead}
          onRetry={() => conversation.retryMicrophone()}
        />
      )}
      {!asked && state.failure === null && (
        <Suggestions
          questions={persona.suggestions}
          language={persona.language}
          onAsk={(question) => conversation.send(question)}
        />
      )}
      <div className="controls">
        <TextBox ref={input} onSend={(text) => conversation.send(text)} />
        <div className="controls-buttons">
          <MuteButton
            microphone={state.microphone}
            onToggle={() => conversation.toggleMute()}
            onRetry={() => conversation.retryMicrophone()}
          />
          <button type="button" className="button" data-testid="end" onClick={() => conversation.end()}>
            <EndIcon />
            End
          </button>
        </div>
      </div>
    </section>
  );
}
