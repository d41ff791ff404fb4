import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { licences } from "./licences.ts";

// The build is committed and served by the daemon under a strict content security policy: no inline script or
// data: URL, and nothing that differs from one build to the next.
export default defineConfig({
  plugins: [react(), licences()],
  build: {
    outDir: process.env.STATIC_DIR ?? "../appliance/api/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  // In development the page is served by Vite and the box answers from its own port.
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/readyz": "http://127.0.0.1:8080" } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
