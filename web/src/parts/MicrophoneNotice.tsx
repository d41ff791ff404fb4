/** The conversation goes on without a microphone: say why, and how. */

import type { Microphone } from "../conversation/state";
import { isMicrophoneFailure } from "../failures/failure";
import { Notice } from "./Notice";

interface Props {
  name: string;
  microphone: Microphone;
  onType: () => void;
  onRetry: () => void;
}

export function MicrophoneNotice({ name, microphone, onType, onRetry }: Props) {
  const unanswered = microphone === "unanswered";
  if (!unanswered && !isMicrophoneFailure(microphone)) return null;
  return (
    <Notice code={unanswered ? "microphone-unanswered" : microphone} name={name}>
      <div className="notice-actions">
        <button type="button" className="button primary" onClick={onType}>
          Type instead
        </button>
        {!unanswered && (
          <button type="button" className="button" onClick={onRetry}>
            Try again
          </button>
        )}
      </div>
    </Notice>
  );
}
