/** Write the licences of everything that goes to the visitor's browser beside the build. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

interface LockedPackage {
  version: string;
  license?: string;
  dev?: boolean;
}

interface Lock {
  packages: Record<string, LockedPackage>;
}

/**
 * Every package of the lock that is not for development only. Vite's own list names just the packages that it
 * bundles itself, and misses those that LiveKit's ready-made files have bundled before.
 */
export function licences(fileName = "licences.md"): Plugin {
  return {
    name: "licences",
    apply: "build",
    generateBundle() {
      const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
      const packages = Object.entries(lock.packages)
        .filter(([path, one]) => path !== "" && !one.dev && !path.includes("/@types/"))
        .sort(([a], [b]) => (a < b ? -1 : 1));
      const source = packages.map(([path, one]) => section(path, one)).join("\n");
      this.emitFile({ type: "asset", fileName, source: `# Licences of the page's packages\n\n${source}` });
    },
  };
}

function section(path: string, { version, license }: LockedPackage): string {
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  const files = readdirSync(path).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files
    .sort()
    .map((file) => readFileSync(join(path, file), "utf8").replaceAll("\r", "").trim());
  return `## ${name} ${version} (${license ?? "see below"})\n\n${texts.join("\n\n") || "No licence file in the package."}\n`;
}
