/** The page's one conversation, for components to read. */

import { useSyncExternalStore } from "react";
import type { Conversation, Snapshot } from "./conversation";

export function useConversation(conversation: Conversation): Snapshot {
  return useSyncExternalStore(conversation.subscribe, conversation.read);
}
