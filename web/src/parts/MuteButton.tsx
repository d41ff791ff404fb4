/** Switch the microphone off and on, or try it again when it failed. */

import type { Microphone } from "../conversation/state";
import { MicrophoneIcon } from "./icons";

interface Props {
  microphone: Microphone;
  onToggle: () => void;
  onRetry: () => void;
}

export function MuteButton({ microphone, onToggle, onRetry }: Props) {
  const works = microphone === "on" || microphone === "muted";
  const asking = microphone === "off" || microphone === "asking" || microphone === "unanswered";
  const words = works ? (microphone === "on" ? "Mute" : "Unmute") : asking ? "Microphone" : "Try microphone";
  return (
    <button
      type="button"
      className="button"
      data-testid="mute"
      data-microphone={microphone}
      aria-pressed={works ? microphone === "muted" : undefined}
      disabled={asking}
      onClick={works ? onToggle : onRetry}
    >
      <MicrophoneIcon off={microphone !== "on"} />
      {words}
    </button>
  );
}
