import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DiscoInfo, xep0115, xep0390 } from "../../src/index.ts";
import { LOOPBACK } from "../support/ports.ts";
import { Prosody } from "../support/prosody.ts";
import { parse } from "../support/xml.ts";
import { launchChromium, openTab, resolverRules } from "./chromium.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** All that the capabilities can be hashed with. */
const HASHES = [
  ...["sha-1", "sha-224", "sha-256", "sha-384", "sha-512"],
  ...["sha3-256", "sha3-512", "blake2b-256", "blake2b-512"],
];

/** What an application in a browser writes. */
const APPLICATION = `
  import { client, xml } from "@xmpp/client";
  import { DiscoClient, DiscoServer, EntityCapsService, withServices, xep0115, xep0390 } from "xmpp-disco";
  globalThis.tour = async ({ hashes, ...options }) => {
    // Left out, @xmpp/client 0.14.0 makes one with crypto.randomUUID, which plain http does not have.
    const userAgent = xml("user-agent", { id: "d4565fa7-4d72-4749-b3d3-740edbf87770" });
    const xmpp = withServices(client({ ...options, userAgent }));
    const errors = [];
    xmpp.on("error", (error) => errors.push(String(error)));
    xmpp.summon(DiscoServer).registerFeature("urn:xmpp:receipts");
    xmpp.summon(EntityCapsService);
    const disco = xmpp.summon(DiscoClient);
    const jid = String(await xmpp.start());
    const info = await disco.queryInfo(options.domain);
    const { items } = await disco.queryItems(options.domain);
    const { sent } = disco.stats;
    await disco.queryInfo(options.domain);
    const again = disco.stats.sent - sent;
    const own = await disco.queryInfo(jid);
    xmpp.reconnect.stop();
    await xmpp.stop();
    return {
      secure: globalThis.isSecureContext,
      identity: info.identities[0],
      items: items.map((item) => item.jid),
      again,
      own: own.toElement().toString(),
      ver: String(xep0115.hash(own)),
      hashes: hashes.map((name) => String(xep0390.hash(own, name))),
      errors,
    };
  };
`;

/** What the application above tells of its tour. */
interface Tour {
  readonly secure: boolean;
  readonly identity: unknown;
  readonly items: readonly string[];
  /** How many requests the same question took once more. */
  readonly again: number;
  readonly own: string;
  readonly ver: string;
  readonly hashes: readonly string[];
  readonly errors: readonly string[];
}

/** What Node.js has as globals, and browsers have not. */
const GLOBALS = [
  ...["Buffer", "process", "global", "setImmediate", "clearImmediate"],
  ...["require", "module", "__dirname", "__filename"],
];

/**
 * A bundle as an application for browsers makes it. An import of a built-in of Node.js fails it: there is none for
 * browsers, and nothing stands in for it here.
 */
async function bundle(contents: string, options: BuildOptions = {}) {
  const result = await build({
    ...options,
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const imports = Object.values(result.metafile.outputs).flatMap((output) =>
    output.imports.map(({ path }) => path),
  );
  return { text: result.outputFiles[0]?.text ?? "", imports: [...new Set(imports)].sort() };
}

/** The library by itself: its peers are somebody else's. */
function libraryBundle(contents: string, options: BuildOptions = {}) {
  return bundle(contents, { external: ["@xmpp/*"], ...options });
}

function applicationBundle() {
  // @xmpp/resolve 0.14.0 leaves "dns" out for browsers, and imports "node:dns".
  return bundle(APPLICATION, { alias: { "node:dns": "data:text/javascript,export default {}" } });
}

function tellSize(what: string, text: string): void {
  const octets = Buffer.byteLength(text);
  const kib = (count: number) => `${(count / 1024).toFixed(1)} KiB`;
  process.stderr.write(`${what}: ${kib(octets)} minified, ${kib(gzipSync(text).length)} gzipped\n`);
}

describe("the library in a bundle for browsers", () => {
  test.each([
    ["DiscoClient alone", 'export { DiscoClient, withServices } from "xmpp-disco";'],
    [
      "DiscoClient with capabilities",
      'export { DiscoClient, EntityCapsService, withServices } from "xmpp-disco";',
    ],
    ["all of the library", 'export * from "xmpp-disco";'],
  ])("imports no built-in of Node.js: %s", async (what, contents) => {
    const { text, imports } = await libraryBundle(contents);
    expect(imports).toEqual(["@xmpp/jid", "@xmpp/xml"]);
    tellSize(`${what}, without its peers`, text);
  });

  test("uses no global of Node.js where there is none", async () => {
    const define = Object.fromEntries(GLOBALS.map((name) => [name, `NODE_${name}`]));
    const { text } = await libraryBundle('export * from "xmpp-disco";', { define });
    // lru-cache looks whether there is a process.
    const guarded = /typeof NODE_process=="object"&&NODE_process\?NODE_process:/;
    expect(text).toMatch(guarded);
    expect(text.replace(guarded, "").match(/.{0,40}NODE_\w+.{0,40}/g)).toBeNull();
  });
});

describe("an application with the library in Chromium, against Prosody over WebSocket", () => {
  /** A name that leads to this machine, and that Chromium trusts no more than any other. */
  const INSECURE = "intranet.example";
  let browser: Browser;
  let prosody: Prosody;
  let page: { readonly port: number; stop(): void };

  beforeAll(async () => {
    const { text, imports } = await applicationBundle();
    expect(imports).toEqual([]);
    tellSize("An application, with @xmpp/client and the library", text);
    [browser, prosody, page] = await Promise.all([
      launchChromium([resolverRules({ [INSECURE]: LOOPBACK })]),
      Prosody.start(),
      serve(text),
    ]);
  });

  afterAll(async () => {
    page?.stop();
    await Promise.allSettled([browser?.close(), prosody?.stop()]);
  });

  test.each([
    ["a page that is as safe as https", LOOPBACK, true],
    // Browsers keep crypto.randomUUID and crypto.subtle from it.
    ["a page that came over plain http", INSECURE, false],
  ])("asks, is answered, and hashes as in Node.js, from %s", async (_, host, secure) => {
    await using tab = await openTab(browser);
    await tab.page.goto(`http://${host}:${page.port}/`);
    const tour = await takeTour(tab.page, {
      service: prosody.webSocket,
      domain: prosody.domain,
      username: "romeo",
      password: prosody.password,
      hashes: HASHES,
    });
    expect(tour).toMatchObject({ secure, again: 0, errors: [] });
    expect(tour.identity).toMatchObject({ category: "server", type: "im", name: "Prosody" });
    expect(tour.items).toContain(prosody.mucDomain);
    const own = DiscoInfo.fromElement(parse(tour.own));
    expect(own.has("urn:xmpp:receipts")).toBe(true);
    expect(tour.ver).toBe(String(xep0115.hash(own)));
    expect(tour.hashes).toEqual(HASHES.map((name) => String(xep0390.hash(own, name))));
    expect(tab.errors).toEqual([]);
  });
});

/** Serves the application on a page without anything else. */
async function serve(script: string): Promise<{ readonly port: number; stop(): void }> {
  const http = createServer((request, response) => {
    if (request.url === "/app.js") response.setHeader("content-type", "text/javascript").end(script);
    else if (request.url === "/") {
      response
        .setHeader("content-type", "text/html")
        .end(
          '<!doctype html><link rel="icon" href="data:,"><title>-</title><script type="module" src="/app.js"></script>',
        );
    } else response.writeHead(404).end();
  });
  await new Promise<void>((listening) => http.listen(0, LOOPBACK, listening));
  return {
    port: (http.address() as AddressInfo).port,
    stop() {
      http.closeAllConnections();
      http.close();
    },
  };
}

async function takeTour(page: Page, options: Readonly<Record<string, unknown>>): Promise<Tour> {
  await page.waitForFunction(() => "tour" in globalThis);
  return await page.evaluate(
    (given) => (globalThis as unknown as { tour(options: unknown): Promise<Tour> }).tour(given),
    options,
  );
}
