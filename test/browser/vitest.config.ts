import { defineConfig } from "vitest/config";

// Until the main configuration has it as a project.
export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: { name: "browser", include: ["test/browser/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000 },
});
