import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { type ServedPage, servePage } from "../../examples/explorer/page.ts";
import { BOOKS, HOSTILE_NAMES, startWorld, type World } from "../../examples/explorer/world.ts";
import { freePorts, LOOPBACK } from "../support/ports.ts";
import { launchChromium, openTab, type Tab } from "./chromium.ts";

let browser: Browser;
let served: ServedPage;
let world: World;

beforeAll(async () => {
  browser = await launchChromium();
  [served, world] = await Promise.all([servePage(), startWorld()]);
}, 60_000);

afterAll(async () => {
  await Promise.allSettled([browser?.close(), served?.stop(), world?.stop()]);
});

interface LoginInput {
  readonly service?: string;
  readonly jid?: string;
  readonly password?: string;
  /** The domain to log in anonymously at. */
  readonly domain?: string;
}

async function submitLogin(page: Page, input: LoginInput = {}): Promise<void> {
  await page.goto(served.url);
  await page.getByLabel("WebSocket of the server").fill(input.service ?? world.prosody.webSocket);
  if (input.domain === undefined) {
    await page.getByLabel("Address").fill(input.jid ?? "romeo@localhost");
    await page.getByLabel("Password").fill(input.password ?? world.prosody.password);
  } else {
    await page.getByLabel("Anonymously").check();
    await page.getByLabel("Domain").fill(input.domain);
  }
  await page.getByRole("button", { name: "Log in" }).click();
}

async function loggedIn(options: Parameters<typeof openTab>[1] = {}): Promise<Tab> {
  const tab = await openTab(browser, options);
  await submitLogin(tab.page);
  await row(tab.page, "The Library").waitFor();
  return tab;
}

function tree(page: Page) {
  return page.getByRole("tree", { name: "Services" });
}

function row(page: Page, name: string | RegExp) {
  return page.getByRole("treeitem", { name }).first();
}

/** The text of the active row, which a screen reader reads. */
function activeRow(page: Page): Promise<string> {
  return page.evaluate(() => {
    const id = document.activeElement?.getAttribute("aria-activedescendant");
    return (id && document.getElementById(id)?.querySelector(".label")?.textContent) || "";
  });
}

async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) {
    await page.keyboard.press(key);
    // The list draws once per frame.
    await page.evaluate(
      () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
    );
  }
}

describe("logging in", () => {
  test("works with an account, and the password is not remembered", async () => {
    await using tab = await loggedIn();
    const { page, errors } = tab;
    expect(await page.locator(".account").textContent()).toBe("romeo@localhost");
    const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    expect(stored).toContain(world.prosody.webSocket);
    expect(stored).toContain("romeo@localhost");
    expect(stored).not.toContain(world.prosody.password);
    await page.reload();
    expect(await page.getByLabel("WebSocket of the server").inputValue()).toBe(world.prosody.webSocket);
    expect(await page.getByLabel("Address").inputValue()).toBe("romeo@localhost");
    expect(await page.getByLabel("Password").inputValue()).toBe("");
    expect(errors).toEqual([]);
  });

  test("works anonymously", async () => {
    await using tab = await openTab(browser);
    await submitLogin(tab.page, { domain: world.prosody.anonymousDomain });
    await row(tab.page, /Prosody/).waitFor();
    expect(await tab.page.locator(".account").textContent()).toBe("Guest of anon.localhost");
    expect(tab.errors).toEqual([]);
  });

  test("ends with logging out", async () => {
    await using tab = await loggedIn();
    await tab.page.getByRole("button", { name: "Log out" }).click();
    await tab.page.getByText("You are logged out.").waitFor();
    expect(tab.errors).toEqual([]);
  });

  async function failure(input: LoginInput): Promise<{ text: string; focus: string }> {
    await using tab = await openTab(browser);
    await submitLogin(tab.page, input);
    const alert = tab.page.locator("#login-failure:not([hidden])");
    await alert.waitFor();
    const focus = await tab.page.evaluate(() => document.activeElement?.id ?? "");
    expect(tab.errors).toEqual([]);
    return { text: (await alert.textContent()) ?? "", focus };
  }

  test("with a wrong password says so, at the password", async () => {
    const { text, focus } = await failure({ password: "wrong" });
    expect(text).toContain("The address or the password is wrong.");
    expect(focus).toBe("password");
  });

  test("where nobody listens says that nobody can be reached", async () => {
    const [port] = await freePorts(1);
    const { text, focus } = await failure({ service: `ws://${LOOPBACK}:${port}/xmpp-websocket` });
    expect(text).toContain(`Nobody can be reached at ${LOOPBACK}:${port}.`);
    expect(text).toContain("Check the host and the port");
    expect(focus).toBe("service");
  });

  test("at a web server says that it is no XMPP server", async () => {
    const http = createServer((_request, response) => response.end("Hello")).listen(0, LOOPBACK);
    await new Promise((listening) => http.once("listening", listening));
    const { port } = http.address() as AddressInfo;
    const { text } = await failure({ service: `ws://${LOOPBACK}:${port}/` });
    expect(text).toContain("it is no XMPP server");
    expect(text).toContain("wss://example.org/xmpp-websocket");
    http.closeAllConnections();
    http.close();
  });

  test("at a WebSocket that talks something else says that it is no XMPP server", async () => {
    const server = new WebSocketServer({ port: 0, host: LOOPBACK, handleProtocols: () => "xmpp" });
    server.on("connection", (socket) => socket.on("message", () => socket.send('{"hello":"world"}')));
    await new Promise((listening) => server.once("listening", listening));
    const { port } = server.address() as AddressInfo;
    const { text } = await failure({ service: `ws://${LOOPBACK}:${port}/` });
    expect(text).toMatch(/no XMPP server/);
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  test.each([
    [
      "an address that is no WebSocket",
      { service: "https://example.org" },
      "This is no address of a WebSocket.",
    ],
    ["an address without an account", { jid: "localhost" }, "This is no address of an account."],
    ["no password", { password: "" }, "The password is missing."],
    ["a domain that the server does not have", { jid: "romeo@example.org" }, "does not serve this domain"],
    ["a domain that lets nobody in anonymously", { domain: "localhost" }, "lets nobody in anonymously"],
  ])("with %s says what to do", async (_what, input, words) => {
    expect((await failure(input)).text).toContain(words);
  });
});

describe("the tree", () => {
  test("opens lazily: nothing is asked of what is closed", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    const rooms = row(page, /Rooms/);
    expect(await rooms.getAttribute("aria-expanded")).toBe("false");
    expect(await row(page, "The Orchard").count()).toBe(0);
    await rooms.locator(".twisty").click();
    await row(page, "The Orchard").waitFor();
    expect(await rooms.getAttribute("aria-expanded")).toBe("true");
    expect(await row(page, "The Orchard").getAttribute("aria-level")).toBe("3");
    expect(tab.errors).toEqual([]);
  });

  test("is used with the keyboard alone", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("tree");
    await press(page, "Home");
    expect(await activeRow(page)).toBe("Prosody");
    await press(page, "r");
    expect(await activeRow(page)).toBe("Rooms");
    await press(page, "ArrowRight");
    await row(page, "The Orchard").waitFor();
    await press(page, "ArrowRight");
    const first = await activeRow(page);
    expect(first).toMatch(/^(The|A|Friar|Capulet)/);
    await press(page, "ArrowDown", "ArrowUp", "Enter");
    await page.getByRole("heading", { level: 2, name: first }).waitFor();
    await press(page, "ArrowLeft");
    expect(await activeRow(page)).toBe("Rooms");
    await press(page, "ArrowLeft");
    await expect.poll(() => row(page, "The Orchard").count()).toBe(0);
    await press(page, "End");
    expect(await activeRow(page)).toBe("My account");
    expect(tab.errors).toEqual([]);
  });

  test("takes another address, and a URI", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    await page.getByLabel("Look at another address").fill("xmpp:juliet@localhost?disco;node=x");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 2, name: "x" }).waitFor();
    await page.getByLabel("Look at another address").fill("not an address");
    await page.keyboard.press("Enter");
    await page.getByText("This is no address.").waitFor();
    expect(tab.errors).toEqual([]);
  });
});

describe("what something is", () => {
  test("is told: identities, features by XEP, breadcrumbs", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    await row(page, /Rooms/).locator(".label").click();
    await page.getByRole("link", { name: "XEP-0045 Multi-User Chat" }).waitFor();
    await page.locator(".identities").getByText("conference/text").waitFor();
    const crumbs = page.getByRole("navigation", { name: "Breadcrumb" });
    expect(await crumbs.getByRole("listitem").allTextContents()).toEqual(["Prosody", "Rooms"]);
    await crumbs.getByRole("button", { name: "Prosody" }).click();
    await page.getByRole("heading", { level: 2, name: "Prosody" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { level: 2, name: "Rooms" }).waitFor();
    expect(tab.errors).toEqual([]);
  });

  test("comes with ten thousand items, page by page and all at once, without a stutter", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    await row(page, "The Library").locator(".label").click();
    await page.getByText("100 of 10,000 shown").waitFor();
    await page.getByRole("button", { name: "Load 100 more" }).click();
    await page.getByText("200 of 10,000 shown").waitFor();
    await row(page, "The Library").locator(".twisty").click();
    const started = performance.now();
    await page.getByRole("button", { name: "Load all" }).click();
    await page.getByText("All 10,000 shown").waitFor({ timeout: 60_000 });
    const loading = performance.now() - started;
    const rows = await page.getByRole("treeitem").count();
    expect(rows).toBeLessThan(80);
    const frames = await page.evaluate(async () => {
      const list = document.querySelector("[role=tree]") as HTMLElement;
      const times: number[] = [];
      let last = performance.now();
      for (let step = 0; step < 120; step += 1) {
        list.scrollTop += list.scrollHeight / 130;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        times.push(now - last);
        last = now;
      }
      return times.sort((a, b) => a - b);
    });
    const median = frames[Math.floor(frames.length / 2)] ?? 0;
    process.stderr.write(
      `10,000 items: loaded in ${Math.round(loading)} ms, ${rows} rows in the page; ` +
        `scrolling: median ${median.toFixed(1)} ms a frame, worst ${frames.at(-1)?.toFixed(1)} ms\n`,
    );
    await tree(page).focus();
    await press(page, "End");
    await press(page, "ArrowUp");
    await press(page, "Home", "ArrowDown", "ArrowDown");
    const items = page.getByRole("listbox", { name: "Items" });
    await items.focus();
    await press(page, "End");
    expect(await activeRow(page)).toBe(`Book ${BOOKS.toLocaleString("en")}`);
    expect(await items.getByRole("option", { name: "Book 10,000" }).getAttribute("aria-posinset")).toBe(
      "10000",
    );
    expect(tab.errors).toEqual([]);
  }, 90_000);

  test("or why it is not known, with a way to try again", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    await page.getByRole("link", { name: /Failures/ }).click();
    const failure = page.locator(".failures li").filter({ hasText: "gate.localhost" });
    await failure.getByText("You are not allowed to know.").waitFor();
    expect(await failure.textContent()).toContain(
      "forbidden It says: “Nobody passes before sunrise. [U+202E]<b>Nobody</b>”",
    );
    await failure.getByRole("button", { name: "Try again" }).click();
    await failure.getByText("tried 2 times").waitFor();
    world.openGate();
    await failure.getByRole("button", { name: "Try again" }).click();
    await page.getByText("Everything that was asked has been answered.").waitFor();
    await page.getByRole("link", { name: "Explore" }).click();
    await row(page, "The Gate").waitFor();
    expect(tab.errors).toEqual([]);
  });
});

describe("names that try to break out", () => {
  test("stay text, isolated, visible and short, and can be read whole", async () => {
    await using tab = await loggedIn();
    const { page, errors } = tab;
    await row(page, "The Bench").locator(".twisty").click();
    await expect
      .poll(() => page.getByRole("treeitem", { level: 3 }).count())
      .toBe(Object.keys(HOSTILE_NAMES).length);
    const labels = await page.locator("[role=treeitem][aria-level='3'] .label").allTextContents();
    expect(labels).toContain("[U+009B]31mred[U+009B]0m and a bell");
    expect(labels).toContain("[U+202E]gnp.exe[U+202C] is no picture");
    expect(labels).toContain(HOSTILE_NAMES["emoji"]);
    expect(labels).toContain("in[U+200B]vis[U+2060]ible[U+FEFF]");
    expect(Math.max(...labels.map((label) => label.length))).toBeLessThan(200);
    for (const name of Object.keys(HOSTILE_NAMES)) {
      await page.getByLabel("Look at another address").fill(`${name}@bench.localhost`);
      await page.keyboard.press("Enter");
      await page.locator(".identities").waitFor();
      await expect
        .poll(() => page.locator(".address code").first().textContent())
        .toBe(`${name}@bench.localhost`);
    }
    expect(await page.locator("main img, main script, main b").count()).toBe(0);
    expect(await page.title()).not.toContain("broken");
    const bare = await page.locator(".detail h2 bdi, .row .label bdi").count();
    expect(bare).toBeGreaterThan(5);
    await page
      .getByRole("heading", { level: 2 })
      .getByRole("button", { name: "Show all 1,000,000 characters" })
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("20,000 of 1,000,000 characters").waitFor();
    await dialog.getByRole("button", { name: "Show more" }).click();
    await dialog.getByText("40,000 of 1,000,000 characters").waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => dialog.count()).toBe(0);
    expect(errors).toEqual([]);
  }, 60_000);
});

describe("search and filter", () => {
  test("look through what was found", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    await row(page, /Rooms/).locator(".twisty").click();
    await row(page, "The Orchard").waitFor();
    await page.getByLabel("Search what was found").fill("orch");
    const results = page.getByRole("listbox", { name: "Search results" });
    await expect.poll(() => results.getByRole("option").count()).toBe(1);
    await press(page, "ArrowDown", "Enter");
    await page.getByRole("heading", { level: 2, name: "The Orchard" }).waitFor();
    await page.getByLabel("Search what was found").fill("");
    await tree(page).waitFor();
    await page.getByLabel("Has the feature").fill("xep-0045");
    await expect.poll(() => results.getByRole("option", { name: /Rooms/ }).count()).toBe(1);
    expect(await results.getByRole("option", { name: /Library/ }).count()).toBe(0);
    await page.keyboard.press("Escape");
    await tree(page).waitFor();
    await page.locator(".feature").filter({ hasText: "muc_persistent" }).click();
    await expect.poll(() => results.getByRole("option").count()).toBe(5);
    expect(tab.errors).toEqual([]);
  });
});

describe("contacts", () => {
  test("are told with their software, known from their capabilities", async () => {
    await using tab = await loggedIn();
    const { page } = tab;
    await page.getByRole("link", { name: "Contacts" }).click();
    const contact = (name: string) => page.locator(".contacts > li").filter({ hasText: name });
    await contact("Juliet").getByText("Balcony", { exact: true }).waitFor();
    expect(await contact("Juliet").textContent()).toContain("Balcony 4.2 client/pc");
    expect(await contact("Juliet").textContent()).toContain("known from caps");
    expect(await contact("Mercutio").textContent()).toContain("Queen Mab 0.9 “dreamer”");
    expect(await contact("The Nurse").textContent()).toContain("Away");
    await page.getByLabel("I am").selectOption("dnd");
    await page.getByLabel("Status").fill("Climbing");
    const seen = new Promise<string>((resolve) => {
      world.people[0]?.on("stanza", (stanza) => {
        if (stanza.is("presence") && stanza.getChildText("status") === "Climbing") resolve(stanza.toString());
      });
    });
    await page.getByRole("button", { name: "Send presence" }).click();
    expect(await seen).toMatch(/<show>dnd<\/show>.*urn:xmpp:caps/);
    await page.getByRole("link", { name: "Answers" }).click();
    const caps = page.getByRole("row", { name: /Capabilities/ });
    await expect
      .poll(async () => Number(await caps.getByRole("cell").first().textContent()))
      .toBeGreaterThanOrEqual(3);
    await page.getByRole("img", { name: /Answers over the last/ }).waitFor();
    expect(tab.errors).toEqual([]);
  });
});

describe.each([
  ["a desk", { width: 1280, height: 800 }],
  ["a phone", { width: 390, height: 844 }],
])("on %s", (_name, viewport) => {
  test.each(["light", "dark"] as const)(
    "has no fault that axe knows, %s",
    async (colorScheme) => {
      // The page's own policy would keep axe out.
      await using tab = await openTab(browser, { viewport, colorScheme, bypassCSP: true });
      const { page } = tab;
      const audit = async (what: string) => {
        await page.addScriptTag({ content: axe.source });
        const violations = await page.evaluate(async () => {
          const runner = (globalThis as unknown as { axe: typeof axe }).axe;
          const { violations: found } = await runner.run(document, { resultTypes: ["violations"] });
          return found.flatMap(({ id, nodes }) =>
            nodes.map(({ html, failureSummary }) => ({ id, html, failureSummary })),
          );
        });
        expect(violations, what).toEqual([]);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow, `${what} is wider than the screen`).toBeLessThanOrEqual(0);
      };
      await submitLogin(page, { password: "wrong" });
      await page.locator("#login-failure:not([hidden])").waitFor();
      await audit("the log-in");
      await page.getByLabel("Password").fill(world.prosody.password);
      await page.keyboard.press("Enter");
      await row(page, "The Bench").waitFor();
      await audit("the tree");
      await row(page, "The Library").locator(".label").click();
      await page.getByText("100 of 10,000 shown").waitFor();
      await audit("the library");
      for (const view of ["Contacts", "Answers", "Failures"]) {
        await page.getByRole("link", { name: view }).click();
        await page.getByRole("heading", { level: 2, name: view }).waitFor();
        await page.waitForTimeout(600);
        await audit(view);
      }
    },
    60_000,
  );
});
