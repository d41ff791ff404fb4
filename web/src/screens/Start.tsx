/** Nobody is talking: who is here, what to ask, and the one button. */

import type { Persona } from "../box/persona";
import type { Readiness } from "../box/readiness";
import type { BoxFailure } from "../failures/failure";
import { BoxNotice } from "../parts/BoxNotice";
import { Suggestions } from "../parts/Suggestions";

interface Props {
  persona: Persona;
  readiness: Readiness;
  onStart: (question?: string) => void;
}

const FAILURES: Partial<Record<Readiness["kind"], BoxFailure>> = {
  starting: "box-starting",
  failed: "box-failed",
  gone: "box-gone",
};

export function Start({ persona, readiness, onStart }: Props) {
  const failure = FAILURES[readiness.kind];
  const ready = readiness.kind === "ready";
  return (
    <section className="side start">
      <div className="start-words">
        <h1>
          Hello, I am <span className="name">{persona.name}</span>.
        </h1>
        <p className="lead">Touch the button and talk to me, or pick a question.</p>
      </div>
      <button
        type="button"
        className="button primary start-button"
        data-testid="start"
        disabled={!ready}
        onClick={() => onStart()}
      >
        Start talking
      </button>
      {failure ? (
        <BoxNotice name={persona.name} failure={failure} readiness={readiness} retryAtMs={null} />
      ) : (
        <Suggestions
          questions={persona.suggestions}
          language={persona.language}
          disabled={!ready}
          onAsk={onStart}
        />
      )}
      <p className="fine">The microphone is on only while you talk with me. This page keeps nothing.</p>
    </section>
  );
}
