/** Seconds until something happens by itself. */

import { useEffect, useState } from "react";

export function secondsLeft(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}

export function Countdown({ untilMs }: { untilMs: number }) {
  const [seconds, setSeconds] = useState(() => secondsLeft(untilMs, Date.now()));
  useEffect(() => {
    const tick = () => setSeconds(secondsLeft(untilMs, Date.now()));
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [untilMs]);
  return <span className="countdown">{seconds}</span>;
}
