import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What tests Node.js itself, or measures with its clocks. */
const FOR_NODE_ONLY = [
  // node:crypto and process.getBuiltinModule are what it is about.
  "test/unit/caps/digest.test.ts",
  // Buffer.compare, and process.cpuUsage.
  "test/unit/caps/algorithm.test.ts",
  "test/unit/caps/xep0115.test.ts",
  // getEventListeners of Node.js, and the warnings of its emitter.
  "test/unit/iq/request.test.ts",
  "test/unit/disco/client-sharing.test.ts",
  // The command line.
  "test/unit/cli/**",
];

// The unit tests of the library, in Chromium: vitest run --config test/browser/unit.config.ts
export default defineConfig({
  root: here("../.."),
  resolve: {
    alias: {
      "node:events": here("./node/events.ts"),
      "node:timers/promises": here("./node/timers-promises.ts"),
      "node:fs": here("./node/fs.ts"),
      "node:dns": here("../../examples/explorer/src/nothing.ts"),
    },
  },
  test: {
    name: "unit in Chromium",
    include: ["test/unit/**/*.test.ts"],
    exclude: FOR_NODE_ONLY,
    setupFiles: [here("./node/process.ts")],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: CHROMIUM, args: [...CHROMIUM_ARGS] } }),
      instances: [{ browser: "chromium" }],
    },
  },
});
