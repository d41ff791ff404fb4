/** Is the box ready, and if not, how far along: what GET /readyz says. */

export interface Stage {
  name: string;
  state: "waiting" | "loading" | "ready" | "failed";
}

export type Readiness =
  | { kind: "unknown" }
  | { kind: "ready" }
  | { kind: "starting"; progress: number; stages: Stage[] }
  | { kind: "failed"; stage: string }
  | { kind: "gone" };

const ANSWER_WITHIN_MS = 4000;

export async function askReadiness(signal: AbortSignal): Promise<Readiness> {
  try {
    const response = await fetch("/readyz", {
      cache: "no-store",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    return readReadiness(response.status, await response.json().catch(() => null));
  } catch {
    return { kind: "gone" };
  }
}

/**
 * @param status 200 when ready; 503 while starting; anything else comes from something that is not the box
 */
export function readReadiness(status: number, body: unknown): Readiness {
  if (status === 200) return { kind: "ready" };
  if (status !== 503 || typeof body !== "object" || body === null) return { kind: "gone" };
  const { stages, progress } = body as { stages?: unknown; progress?: unknown };
  const known = Array.isArray(stages) ? stages.filter(isStage) : [];
  const broken = known.find((stage) => stage.state === "failed");
  if (broken) return { kind: "failed", stage: broken.name };
  return { kind: "starting", progress: share(progress, known), stages: known };
}

function isStage(value: unknown): value is Stage {
  const stage = value as Partial<Stage> | null;
  return typeof stage?.name === "string" && typeof stage.state === "string";
}

/** The box's own figure, or the share of stages that are ready; in [0, 1]. */
function share(progress: unknown, stages: Stage[]): number {
  const ready = stages.filter((stage) => stage.state === "ready").length;
  const plain = typeof progress === "number" ? progress : stages.length > 0 ? ready / stages.length : 0;
  return Math.min(1, Math.max(0, plain));
}
