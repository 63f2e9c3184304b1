import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LOOPBACK } from "../support/ports.ts";
import { Prosody } from "../support/prosody.ts";
import { launchChromium, openTab } from "./chromium.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** What an application in a browser writes. */
const APPLICATION = `
  import { client } from "@xmpp/client";
  import { DiscoClient, DiscoServer, EntityCapsService, withServices, xep0115, xep0390 } from "xmpp-disco";
  globalThis.tour = async (options) => {
    const xmpp = withServices(client(options));
    xmpp.on("error", () => {});
    const server = xmpp.summon(DiscoServer);
    server.registerFeature("urn:xmpp:receipts");
    xmpp.summon(EntityCapsService);
    const disco = xmpp.summon(DiscoClient);
    const jid = String(await xmpp.start());
    const info = await disco.queryInfo(options.domain);
    const { items } = await disco.queryItems(options.domain);
    const own = await disco.queryInfo(jid);
    await disco.queryInfo(options.domain);
    const hashes = ["sha-1", "sha-256", "sha-512", "sha3-256", "blake2b-256"].map((name) => xep0390.hash(own, name));
    const { stats } = disco;
    xmpp.reconnect.stop();
    await xmpp.stop();
    return {
      identity: info.identities[0],
      items: items.map((item) => item.jid),
      own: own.has("urn:xmpp:receipts"),
      ver: String(await xep0115.hash(own, "sha-1")),
      hashes: (await Promise.all(hashes)).map(String),
      stats,
    };
  };
`;

/** An application for browsers, whole. */
async function bundle(contents: string) {
  const result = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    format: "esm",
    platform: "browser",
    // @xmpp/resolve 0.14.0 leaves "dns" out for browsers, and imports "node:dns".
    alias: { "node:dns": "data:text/javascript,export default {}" },
    target: "es2022",
    minify: true,
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const text = result.outputFiles[0]?.text ?? "";
  return { text, inputs: inputsOf(result.metafile) };
}

/** What is in the bundle in the end. */
function inputsOf(metafile: Metafile): string[] {
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
}

/** The library by itself: its peers are somebody else's. */
async function libraryBundle(contents: string) {
  const result = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    format: "esm",
    platform: "browser",
    external: ["@xmpp/*"],
    target: "es2022",
    minify: true,
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const text = result.outputFiles[0]?.text ?? "";
  const imports = Object.values(result.metafile.outputs).flatMap((output) =>
    output.imports.map(({ path }) => path),
  );
  return { text, imports: new Set(imports), inputs: inputsOf(result.metafile) };
}

function size(text: string): string {
  return `${(text.length / 1024).toFixed(1)} KiB, ${(gzipSync(text).length / 1024).toFixed(1)} KiB gzipped`;
}

describe("a bundle for browsers", () => {
  test("has no built-in of Node.js in it, and asks for none", async () => {
    const { text, imports } = await libraryBundle('export * from "xmpp-disco";');
    expect([...imports].sort()).toEqual(["@xmpp/jid", "@xmpp/xml"]);
    // What is looked up at run time, where there is a process, is not asked for.
    expect(text).not.toMatch(/(from|import|require)\s*\(?\s*["']node:/);
    process.stderr.write(`The library, all of it, without its peers: ${size(text)}\n`);
  });

  test("has with DiscoClient alone no capabilities, no server's hashes and no command line in it", async () => {
    const { text, inputs } = await libraryBundle('export { DiscoClient, withServices } from "xmpp-disco";');
    expect(inputs.filter((input) => /dist\/(cli|caps)\/|@noble/.test(input))).toEqual([]);
    process.stderr.write(`DiscoClient alone, without its peers: ${size(text)}\n`);
  });

  describe("runs in Chromium", () => {
    let browser: Browser;
    let prosody: Prosody;

    beforeAll(async () => {
      [browser, prosody] = await Promise.all([launchChromium(), Prosody.start()]);
    });

    afterAll(async () => {
      await Promise.allSettled([browser?.close(), prosody?.stop()]);
    });

    test("against Prosody over WebSocket", async () => {
      const { text, inputs } = await bundle(APPLICATION);
      expect(
        inputs.filter((input) => input.startsWith("node:") || /node-(stdlib|polyfill)/.test(input)),
      ).toEqual([]);
      process.stderr.write(`An application with @xmpp/client and all of the library: ${size(text)}\n`);
      const http = createServer((request, response) => {
        if (request.url === "/app.js") response.setHeader("content-type", "text/javascript").end(text);
        else
          response
            .setHeader("content-type", "text/html")
            .end('<!doctype html><title>-</title><script type="module" src="/app.js"></script>');
      }).listen(0, LOOPBACK);
      await new Promise((listening) => http.once("listening", listening));
      await using tab = await openTab(browser);
      await tab.page.goto(`http://${LOOPBACK}:${(http.address() as AddressInfo).port}/`);
      await tab.page.waitForFunction(() => "tour" in globalThis);
      const options = {
        service: prosody.webSocket,
        domain: prosody.domain,
        username: "romeo",
        password: prosody.password,
      };
      const result = await tab.page.evaluate(
        (given) =>
          (globalThis as unknown as { tour(options: unknown): Promise<Record<string, unknown>> }).tour(given),
        options,
      );
      http.closeAllConnections();
      http.close();
      expect(result).toMatchObject({
        identity: { category: "server", type: "im" },
        items: expect.arrayContaining([prosody.mucDomain]),
        own: true,
      });
      expect(result["ver"]).toMatch(/^[A-Za-z0-9+/]{27}=$/);
      expect(tab.errors).toEqual([]);
    });
  });
});
