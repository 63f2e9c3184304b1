// Walks through the explorer, at a desk and with a phone, light and dark, and keeps a picture of each step:
// for somebody to look at. `npx tsx test/browser/tour.ts <folder>`
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { servePage } from "../../examples/explorer/page.ts";
import { startWorld, type World } from "../../examples/explorer/world.ts";
import { launchChromium, openTab } from "./chromium.ts";

const SCREENS = {
  desk: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
} as const;

type Screen = keyof typeof SCREENS;
type Take = (step: string) => Promise<void>;

async function tour(page: Page, url: string, world: World, screen: Screen, take: Take): Promise<void> {
  const lookAt = async (address: string, heading: string) => {
    if (screen === "phone") {
      await page.getByRole("link", { name: "Explore" }).click();
    }
    await page.getByLabel("Look at another address").fill(address);
    await page.keyboard.press("Enter");
    await page.locator(".detail h2").filter({ hasText: heading }).waitFor();
  };
  const { prosody } = world;
  const query = new URLSearchParams({ service: prosody.webSocket, jid: `romeo@${prosody.domain}` });
  await page.goto(`${url}?${query}`);
  await take("log-in");
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  await page.locator("#login-failure:not([hidden])").waitFor();
  await take("log-in-failed");
  await page.getByLabel("Password").fill(prosody.password);
  await page.keyboard.press("Enter");
  const row = (name: string | RegExp) => page.getByRole("treeitem", { name });
  await row("The Bench").waitFor();
  await take("services");
  await row(/Rooms/).locator(".twisty").click();
  await row("The Orchard").waitFor();
  await row("The Orchard").locator(".label").click();
  await page.getByRole("link", { name: "XEP-0045 Multi-User Chat" }).waitFor();
  await take("room");
  await lookAt("library.localhost", "The Library");
  await page.getByRole("button", { name: "Load all" }).click();
  await page.getByText("All 10,000 shown").waitFor({ timeout: 60_000 });
  await take("ten-thousand-items");
  await lookAt("bench.localhost", "The Bench");
  // What is too long for one stanza comes with another page.
  await page.getByRole("button", { name: "Load all" }).click();
  await page.getByText("All 8 shown").waitFor();
  await take("hostile-items");
  await lookAt("markup@bench.localhost", "<img");
  await page.locator(".identities").waitFor();
  await take("hostile-names");
  await lookAt("gate.localhost", "gate.localhost");
  await page.getByText("You are not allowed to know.").first().waitFor();
  await take("refused");
  if (screen === "phone") await page.locator("a.back").click();
  await page.getByLabel("Has the feature").fill("XEP-0045");
  await page.getByRole("listbox", { name: "Search results" }).getByRole("option").first().waitFor();
  await take("filter-by-feature");
  await page.getByLabel("Has the feature").fill("");
  for (const view of ["Contacts", "Answers", "Failures"]) {
    await page.getByRole("link", { name: view }).click();
    await page.getByRole("heading", { level: 2, name: view }).waitFor();
    // The chart is drawn anew twice a second.
    await page.waitForTimeout(600);
    await take(view.toLowerCase());
  }
}

async function main(): Promise<void> {
  const folder = resolve(process.argv[2] ?? "screenshots");
  await mkdir(folder, { recursive: true });
  let browser: Browser | undefined;
  const [served, world] = await Promise.all([servePage(), startWorld()]);
  try {
    browser = await launchChromium();
    for (const screen of Object.keys(SCREENS) as Screen[]) {
      for (const colorScheme of ["light", "dark"] as const) {
        await using tab = await openTab(browser, { viewport: SCREENS[screen], colorScheme });
        let count = 0;
        await tour(tab.page, served.url, world, screen, async (step) => {
          count += 1;
          const name = `${screen}-${colorScheme}-${String(count).padStart(2, "0")}-${step}.png`;
          await tab.page.screenshot({ path: join(folder, name) });
        });
        for (const error of tab.errors) process.stderr.write(`${screen}, ${colorScheme}: ${error}\n`);
        process.stdout.write(`${screen}, ${colorScheme}: ${count} pictures\n`);
      }
    }
  } finally {
    await Promise.allSettled([browser?.close(), served.stop(), world.stop()]);
  }
  process.stdout.write(`They are in ${folder}\n`);
}

await main();
