/** Whom the visitor talks with: what GET /api/persona says. */

export interface Persona {
  name: string;
  /** What it does here, for example "Front desk"; may be empty. */
  title: string;
  /** BCP 47 tag of the language it speaks. */
  language: string;
  /** Questions a visitor can ask by touching them. */
  suggestions: string[];
  /** Path of a picture of the face on this box, shown before the first conversation; null when there is none. */
  portrait: string | null;
}

export const UNNAMED: Persona = {
  name: "Your host",
  title: "",
  language: "en",
  suggestions: [],
  portrait: null,
};

const MOST_SUGGESTIONS = 6;

export async function askPersona(signal: AbortSignal): Promise<Persona | null> {
  try {
    const response = await fetch("/api/persona", { cache: "no-store", signal });
    return response.ok ? readPersona(await response.json()) : null;
  } catch {
    return null;
  }
}

export function readPersona(body: unknown): Persona {
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const suggestions = Array.isArray(fields.suggestions) ? fields.suggestions.map(text) : [];
  return {
    name: text(fields.name) || UNNAMED.name,
    title: text(fields.title),
    language: text(fields.language) || UNNAMED.language,
    suggestions: suggestions.filter((one) => one !== "").slice(0, MOST_SUGGESTIONS),
    portrait: localPath(fields.portrait),
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}

/** Only a path on this box: the page loads nothing from anywhere else. */
function localPath(value: unknown): string | null {
  const path = text(value);
  return path.startsWith("/") && !path.startsWith("//") ? path : null;
}
