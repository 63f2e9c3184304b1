import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { CHROMIUM, CHROMIUM_ARGS } from "./browser/chromium.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const shim = (name: string) => fileURLToPath(new URL(`support/browser/${name}.ts`, import.meta.url));

/** What browsers have in place of the modules of Node.js that xmpp.js and the tests import. */
const BUILT_INS: Readonly<Record<string, string>> = {
  // @xmpp/resolve 0.14.0 leaves "dns" out for browsers, and imports "node:dns".
  "node:dns": shim("nothing"),
  "node:events": "events",
  "node:timers/promises": shim("timers"),
};

/** And those of @xmpp/component, which some tests speak with over a socket in memory. */
const OF_COMPONENTS: Readonly<Record<string, string>> = { crypto: shim("crypto"), net: shim("net") };

export default defineConfig({
  root: ROOT,
  test: {
    projects: [
      // A busy machine may take longer than five seconds.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 30_000 } },
      {
        // The same tests in a browser; the command line is for Node.js alone.
        resolve: {
          alias: BUILT_INS,
        },
        optimizeDeps: {
          rolldownOptions: { plugins: [{ name: "built-ins", resolveId: (id: string) => OF_COMPONENTS[id] }] },
          // All that the tests import, so that none of it is found, and the page loaded anew, halfway.
          include: [
            "@noble/hashes/blake2.js",
            "@noble/hashes/legacy.js",
            "@noble/hashes/sha2.js",
            "@noble/hashes/sha3.js",
            "@xmpp/client",
            "@xmpp/component",
            "@xmpp/connection",
            "@xmpp/events",
            "@xmpp/jid",
            "@xmpp/middleware/lib/StanzaError.js",
            "@xmpp/xml",
            "events",
            "fast-check",
            "lru-cache",
            "strict-event-emitter",
          ],
        },
        test: {
          name: "chromium",
          include: ["test/unit/**/*.test.ts"],
          exclude: [
            "test/unit/cli/**",
            // They measure the heap of Node.js.
            "test/unit/**/*-memory.test.ts",
            // It compares the library's hashes with those of Node.js; digest.test.ts has the results themselves.
            "test/unit/caps/digest-platform.test.ts",
          ],
          setupFiles: [shim("setup")],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: CHROMIUM, args: [...CHROMIUM_ARGS] } }),
            instances: [{ browser: "chromium" }],
            api: { host: "127.0.0.1" },
          },
        },
      },
      { test: { name: "docs", include: ["test/docs/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], testTimeout: 120_000 } },
      // These install or start servers, and take their time where the machine has other work.
      ...["package", "integration", "examples", "browser"].map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          globalSetup: name === "package" ? ["test/package/setup.ts"] : [],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      })),
    ],
  },
});
