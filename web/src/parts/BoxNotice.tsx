/** Why there is no conversation yet, and when it will be tried again. */

import type { Readiness } from "../box/readiness";
import type { BoxFailure } from "../failures/failure";
import { Countdown } from "./Countdown";
import { Notice } from "./Notice";
import { Progress } from "./Progress";

interface Props {
  name: string;
  failure: BoxFailure;
  readiness: Readiness;
  /** When the next try begins; null while one is under way, or where none is planned. */
  retryAtMs: number | null;
  onRetry?: () => void;
  onLeave?: () => void;
}

/** What the box says about itself is newer than the failure of our last try. */
export function toldFailure(failure: BoxFailure, readiness: Readiness): BoxFailure {
  if (readiness.kind === "starting") return "box-starting";
  if (readiness.kind === "failed") return "box-failed";
  if (readiness.kind === "gone") return "box-gone";
  return failure;
}

export function BoxNotice({ name, failure, readiness, retryAtMs, onRetry, onLeave }: Props) {
  const code = toldFailure(failure, readiness);
  const detail = readiness.kind === "failed" ? readiness.stage : undefined;
  return (
    <Notice code={code} name={name} detail={detail}>
      {code === "box-starting" && readiness.kind === "starting" && (
        <Progress share={readiness.progress} label="Starting" />
      )}
      {code !== "box-starting" && onRetry && (
        // The number changes every second: heard once, not sixty times.
        <p className="notice-retry" aria-live="off">
          {retryAtMs === null ? (
            "Trying now …"
          ) : (
            <>
              Next try in <Countdown untilMs={retryAtMs} /> s
            </>
          )}
        </p>
      )}
      {(onRetry || onLeave) && (
        <div className="notice-actions">
          {onRetry && code !== "box-starting" && (
            <button type="button" className="button primary" disabled={retryAtMs === null} onClick={onRetry}>
              Try now
            </button>
          )}
          {onLeave && (
            <button type="button" className="button" onClick={onLeave}>
              Back to the start
            </button>
          )}
        </div>
      )}
    </Notice>
  );
}
