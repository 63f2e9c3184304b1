import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Where Debian has it; another with the environment variable CHROMIUM. */
export const CHROMIUM = process.env["CHROMIUM"] || "/usr/bin/chromium";

/** For names of a test's own; all others lead nowhere, so that neither Chromium nor a page calls anybody. */
export function resolverRules(names: Readonly<Record<string, string>> = {}): string {
  const own = Object.entries(names).map(([name, address]) => `MAP ${name} ${address}`);
  return `--host-resolver-rules=${[...own, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"].join(", ")}`;
}

/** What Chromium is started with: as root, without a graphics card, and without calling home. */
export const CHROMIUM_ARGS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Flags alone do not keep it from looking for updates.
  resolverRules(),
];

/**
 * Starts Chromium, with more arguments where given: the last of a kind counts.
 *
 * @throws Error with the command to install it, when Chromium is missing.
 */
export function launchChromium(args: readonly string[] = []): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(
      `Chromium is not installed at ${CHROMIUM}: sudo apt-get install chromium, or set CHROMIUM to where it is`,
    );
  }
  return chromium.launch({ executablePath: CHROMIUM, args: [...CHROMIUM_ARGS, ...args] });
}

/** A page of its own, and what went wrong in it. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  /** What the page threw or reported as an error. */
  readonly errors: string[];
}

/** Opens a page with a profile of its own. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // Chromium reports every connection that fails, those of the tests too.
    if (message.type() === "error" && !/WebSocket connection|Failed to load resource/.test(message.text())) {
      errors.push(message.text());
    }
  });
  return { page, errors, [Symbol.asyncDispose]: () => context.close() };
}
