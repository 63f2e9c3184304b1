import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DiscoInfo, type DiscoInfoJSON, xep0115, xep0390 } from "../../src/index.ts";
import { Prosody } from "../support/prosody.ts";
import { run } from "../support/terminal.ts";
import { PACKED, runNode, writeProgram } from "./consumer.ts";
import { NODE_VERSIONS, nodeFolder } from "./node-binaries.ts";

const DOWNLOAD_MS = 300_000;
const ALGORITHMS = ["sha-1", "sha-256", "sha-512", "sha3-256", "sha3-512", "blake2b-256", "blake2b-512"];

/** What must not change by importing: globals, and nothing may keep the process alive. */
const IMPORT = `
const before = Reflect.ownKeys(globalThis).length;
const { DiscoClient } = await import("xmpp-disco");
const left = process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate|TCP|UDP|Worker/.test(name));
console.log(JSON.stringify([typeof DiscoClient, Reflect.ownKeys(globalThis).length - before, left]));
`;

/** It has no call to end it: what the library left running would keep it alive. */
const PROGRAM = `
import { client, xml } from "@xmpp/client";
import { DiscoClient, DiscoServer, EntityCapsService, withServices, xep0115, xep0390 } from "xmpp-disco";
const [service, ...algorithms] = process.argv.slice(2);
const xmpp = withServices(client({ service, domain: "localhost", username: "romeo", password: "secret" }));
xmpp.on("error", (error) => { throw error; });
const disco = xmpp.summon(DiscoClient);
xmpp.summon(DiscoServer).registerFeature("urn:xmpp:receipts");
xmpp.summon(EntityCapsService, { node: "https://my.app/" });
const jid = await xmpp.start();
const presence = new Promise((resolve) => {
  xmpp.on("stanza", (stanza) => {
    if (stanza.is("presence") && stanza.attrs.from === String(jid)) resolve(stanza);
  });
});
await xmpp.send(xml("presence"));
const { ver } = (await presence).getChild("c", "http://jabber.org/protocol/caps").attrs;
const info = await disco.queryInfo("localhost");
const { items } = await disco.queryItems("localhost");
const own = await disco.queryInfo(jid);
await xmpp.stop();
console.log(JSON.stringify({
  version: process.versions.node,
  ver,
  own,
  info,
  items: items.map((item) => item.jid),
  hashes: algorithms.map((algorithm) => xep0390.hash(info, algorithm)),
  verOfInfo: xep0115.hash(info),
}));
`;

/** What the program prints. */
interface Told {
  readonly version: string;
  readonly ver: string;
  readonly own: DiscoInfoJSON;
  readonly info: DiscoInfoJSON;
  readonly items: readonly string[];
  readonly hashes: readonly string[];
  readonly verOfInfo: string;
}

describe.each(NODE_VERSIONS)("on Node.js %s, from the tarball,", (version) => {
  let prosody: Prosody;
  let folder: string;

  beforeAll(async () => {
    folder = await nodeFolder(version);
    prosody = await Prosody.start();
  }, DOWNLOAD_MS);

  afterAll(() => prosody?.stop());

  test("importing the library starts nothing and changes no global", async () => {
    const path = await writeProgram(`import-${version}.js`, IMPORT);
    const { stdout, stderr, exitCode } = await runNode([path], { node: join(folder, "node") });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(JSON.parse(stdout)).toEqual(["function", 0, []]);
  });

  test("a program asks, answers, announces what it can do, and ends by itself", async () => {
    const path = await writeProgram(`program-${version}.js`, PROGRAM);
    const { stdout, stderr, exitCode } = await runNode([path, prosody.service, ...ALGORITHMS], {
      node: join(folder, "node"),
    });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const told = JSON.parse(stdout) as Told;
    expect(told.version).toBe(version);
    const info = DiscoInfo.fromJSON(told.info);
    expect(info.hasIdentity("server", "im")).toBe(true);
    expect(info.has("http://jabber.org/protocol/disco#items")).toBe(true);
    expect(told.items).toContain("muc.localhost");
    const own = DiscoInfo.fromJSON(told.own);
    expect(own.has("urn:xmpp:receipts")).toBe(true);
    expect(told.ver).toBe(xep0115.hash(own));
    // This process hashes with what another version of Node.js has.
    expect(told.verOfInfo).toBe(xep0115.hash(info));
    expect(told.hashes).toEqual(ALGORITHMS.map((algorithm) => xep0390.hash(info, algorithm)));
  });

  test("the command tells what a server is, as JSON", async () => {
    const command = join(PACKED.consumer, "node_modules/.bin/xmpp-disco");
    const args = ["--jid", "romeo@localhost", "--service", prosody.service, "info", "localhost", "--json"];
    const { finished } = run(command, args, {
      env: {
        // The file says which program it is for: the first "node" there is.
        PATH: `${folder}${delimiter}${process.env["PATH"]}`,
        XMPP_PASSWORD: "secret",
        XMPP_JID: undefined,
        XMPP_SERVICE: undefined,
        NODE_OPTIONS: undefined,
        XDG_CACHE_HOME: join(PACKED.consumer, `cache-${version}`),
      },
    });
    const { stdout, stderr, exitCode } = await finished;
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      jid: "localhost",
      identities: expect.arrayContaining([expect.objectContaining({ category: "server", type: "im" })]),
    });
  });
});

test("a version of Node.js that cannot be downloaded is an error that says so", async () => {
  await expect(nodeFolder("20.0.999")).rejects.toThrow(
    /^Node\.js 20\.0\.999 could not be downloaded, as the npm package node-.*@20\.0\.999$/,
  );
});
