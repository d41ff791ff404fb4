/** A passing trouble, and the touch that ends it. */

import type { Conversation } from "../conversation/conversation";
import type { ConversationState } from "../conversation/state";
import { Notice } from "./Notice";

interface Props {
  name: string;
  trouble: ConversationState["trouble"];
  conversation: Conversation;
}

export function TroubleNotice({ name, trouble, conversation }: Props) {
  if (trouble === null) return null;
  const sound = trouble === "sound-blocked";
  return (
    <Notice code={trouble} name={name}>
      <div className="notice-actions">
        <button
          type="button"
          className="button primary"
          onClick={() => (sound ? void conversation.unlockSound() : conversation.forgetTrouble())}
        >
          {sound ? "Turn the sound on" : "All right"}
        </button>
      </div>
    </Notice>
  );
}
