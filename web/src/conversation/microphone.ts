/** The visitor's microphone: opened when a conversation begins, given back when it ends. */

import { createLocalAudioTrack, type LocalAudioTrack } from "livekit-client";
import { microphoneFailure } from "../failures/media";
import type { Microphone } from "./state";

/** A browser that has not opened it by then is showing its question to the visitor. */
const UNANSWERED_AFTER_MS = 1500;

export type OpenMicrophone = () => Promise<LocalAudioTrack>;

export function openMicrophone(): Promise<LocalAudioTrack> {
  if (!("mediaDevices" in navigator)) {
    // Only pages over https, or from the machine itself, are given one.
    const insecure = !window.isSecureContext;
    return Promise.reject(new DOMException("no media devices", insecure ? "InsecureError" : "NotFoundError"));
  }
  return createLocalAudioTrack({ echoCancellation: true, noiseSuppression: true, autoGainControl: true });
}

/**
 * Open the microphone and tell how it goes.
 *
 * @param tell called with `asking`, perhaps `unanswered`, and with the failure if there is one
 * @returns the open track, or null after a failure
 */
export async function askForMicrophone(
  open: OpenMicrophone,
  tell: (microphone: Microphone) => void,
): Promise<LocalAudioTrack | null> {
  tell("asking");
  const timer = setTimeout(() => tell("unanswered"), UNANSWERED_AFTER_MS);
  try {
    return await open();
  } catch (error) {
    tell(microphoneFailure(error));
    return null;
  } finally {
    clearTimeout(timer);
  }
}
