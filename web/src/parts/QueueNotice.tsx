/** Every place is taken: which number we are, how long it may take, and the way out. */

import type { InQueue } from "../conversation/state";

interface Props {
  name: string;
  queue: InQueue;
  onLeave: () => void;
}

/** Below this nobody counts. */
const SOON_MS = 45_000;
const MINUTE_MS = 60_000;

export function placeWords(place: number): string {
  return place === 1 ? "You are next" : `You are number ${place}`;
}

/** A guess from the visits before, so it is told in round figures. */
export function waitWords(waitMs: number): string {
  if (waitMs < SOON_MS) return "less than a minute";
  const minutes = Math.round(waitMs / MINUTE_MS);
  return minutes === 1 ? "about 1 minute" : `about ${minutes} minutes`;
}

export function QueueNotice({ name, queue, onLeave }: Props) {
  return (
    <aside className="notice queue" data-testid="queue" data-place={queue.place} aria-label="Queue">
      {/* Read out as a whole when the place or the time changes, and not when it is asked for again. */}
      <div role="status" aria-live="polite" aria-atomic="true">
        <h2>
          {placeWords(queue.place)}; <span className="queue-wait">{waitWords(queue.waitMs)}</span>
        </h2>
      </div>
      <p>
        {name} is talking with others just now. Please stay here: you come in by yourself when it is your
        turn.
      </p>
      <div className="notice-actions">
        <button type="button" className="button" data-testid="leave-queue" onClick={onLeave}>
          Leave the queue
        </button>
      </div>
    </aside>
  );
}
