/** Why a microphone could not be opened: from the browser's error to our code. */

import type { MicrophoneFailure } from "./failure";

// Names from the Media Capture and Streams specification, section 10.3, and the older ones some browsers still throw.
const BY_NAME: Record<string, MicrophoneFailure> = {
  NotFoundError: "microphone-missing",
  DevicesNotFoundError: "microphone-missing",
  OverconstrainedError: "microphone-missing",
  NotAllowedError: "microphone-denied",
  PermissionDeniedError: "microphone-denied",
  SecurityError: "microphone-denied",
  // Ours, from openMicrophone: the page came over plain http from another machine.
  InsecureError: "microphone-insecure",
  NotReadableError: "microphone-in-use",
  TrackStartError: "microphone-in-use",
  AbortError: "microphone-in-use",
};

export function microphoneFailure(error: unknown): MicrophoneFailure {
  const name = typeof error === "object" && error !== null && "name" in error ? String(error.name) : "";
  return BY_NAME[name] ?? "microphone-failed";
}
