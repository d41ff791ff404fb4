/** The persona of the box, asked for again whenever the box comes back. */

import { useEffect, useState } from "react";
import { askPersona, type Persona, UNNAMED } from "./persona";

export function usePersona(boxIsReady: boolean): Persona {
  const [persona, setPersona] = useState<Persona>(UNNAMED);

  // Also asked for while the box is starting: the name may be known long before the models are loaded.
  // A change of readiness is the reason to ask.
  useEffect(() => {
    const stop = new AbortController();
    void askPersona(stop.signal).then((answer) => {
      if (answer !== null && !stop.signal.aborted) setPersona(answer);
    });
    return () => stop.abort();
  }, [boxIsReady]);

  return persona;
}
