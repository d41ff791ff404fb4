/** The conversation is over; the page goes back to the start by itself. */

import { useEffect } from "react";
import type { Persona } from "../box/persona";

/** Long enough to read, short enough for the next visitor. */
export const THANKS_MS = 8000;

export function Thanks({ persona, onDone }: { persona: Persona; onDone: () => void }) {
  useEffect(() => {
    const timer = setTimeout(onDone, THANKS_MS);
    return () => clearTimeout(timer);
  }, [onDone]);

  return (
    <section className="side thanks" data-testid="thanks" role="status">
      <h1>Thank you for talking with {persona.name}.</h1>
      <p className="lead">The microphone is off, and this page has kept nothing of what was said.</p>
      <button type="button" className="button primary start-button" onClick={onDone}>
        Back to the start
      </button>
    </section>
  );
}
