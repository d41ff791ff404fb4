/** The captions: what was said by whom, oldest first, built from text streams that arrive in pieces. */

export type Speaker = "visitor" | "avatar";

export interface Utterance {
  /** The transcription segment, or our own number for a typed message. */
  id: string;
  speaker: Speaker;
  /** All of it so far. */
  text: string;
  /** False while words may still be added or corrected. */
  final: boolean;
}

/** More are never shown; older ones are dropped so that a long visit does not grow the page. */
const KEPT = 12;

/** Replace the utterance of the same id, or add it as the newest. */
export function withUtterance(all: readonly Utterance[], next: Utterance): Utterance[] {
  const at = all.findIndex((one) => one.id === next.id);
  if (at >= 0) return all.map((one, i) => (i === at ? next : one));
  if (next.text.trim() === "") return [...all];
  return [...all, next].slice(-KEPT);
}

/** Close every open utterance: nothing more will come from a room that is gone. */
export function closed(all: readonly Utterance[]): Utterance[] {
  return all.map((one) => (one.final ? one : { ...one, final: true }));
}

/** The last few that are worth showing. */
export function visible(all: readonly Utterance[], count: number): Utterance[] {
  return all.filter((one) => one.text.trim() !== "").slice(-count);
}
