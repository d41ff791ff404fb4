/** Watch whether the box is ready: now and then while nobody needs it, every second while somebody waits for it. */

import { useEffect, useState } from "react";
import { askReadiness, type Readiness } from "./readiness";

const SOON_MS = 1000;
const LATER_MS = 10_000;

/** `rests` asks nothing, as in a conversation, which notices by itself when the box goes. */
export type Attention = "rests" | "looks" | "waits";

export function useReadiness(attention: Attention): Readiness {
  const [readiness, setReadiness] = useState<Readiness>({ kind: "unknown" });

  useEffect(() => {
    if (attention === "rests") return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      const answer = await askReadiness(stop.signal);
      if (stop.signal.aborted) return;
      setReadiness(answer);
      timer = setTimeout(
        () => void ask(),
        answer.kind === "ready" && attention === "looks" ? LATER_MS : SOON_MS,
      );
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [attention]);

  return readiness;
}
