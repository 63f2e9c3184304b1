import { type Client, xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DataForm,
  DiscoClient,
  DiscoServer,
  EntityCapsCache,
  EntityCapsService,
  NS_CAPS2,
  NS_DISCO_INFO,
  withServices,
  xep0115,
  xep0390,
} from "../../src/index.ts";
import { Prosody } from "../support/prosody.ts";
import { PythonClient } from "../support/python-client.ts";
import { connect, type Ready } from "../support/ready.ts";

// For a busy machine; without other work no test takes longer than a second.
const POLL = { interval: 20, timeout: 20_000 };

const NODE = "https://balcony.example/";
const SOFTWARE_INFO = "urn:xmpp:dataforms:softwareinfo";

// U+1D11E has surrogates in UTF-16, where it sorts before U+FFED; by octets it sorts behind.
const FEATURES = [
  "urn:example:Ünterschied",
  "urn:example:\uffed",
  "urn:example:\u{1d11e}",
  "urn:example:x+notify",
];

// All that both of them know. aioxmpp leaves out sha-1 for XEP-0390, rightly.
const HASHES = ["sha-256", "sha-512", "sha3-256", "sha3-512", "blake2b-256", "blake2b-512"];

// What aioxmpp does otherwise than the specifications is left out here: it escapes "&" and ">" for XEP-0115, and does
// not sort the values of a field for XEP-0390.
const FORM = new DataForm({
  formType: SOFTWARE_INFO,
  fields: {
    software: "Bälkchen Ψ",
    software_version: "1.0",
    os: "Ubuntu/Ünix",
    ip_version: ["ipv4", "ipv6"],
  },
});

/** What the others are told to be. */
const THEIRS = {
  identities: [
    { category: "client", type: "pc", lang: "en", name: "Orchard" },
    { category: "client", type: "pc", lang: "el", name: "Ψ Περιβόλι" },
    { category: "client", type: "pc", lang: "zh-Hant", name: "果園" },
    { category: "client", type: "bot" },
  ],
  features: ["urn:example:theirs", "urn:example:\uffed", "urn:example:\u{1d11e}"],
};

interface Ours extends Ready<Client> {
  readonly disco: DiscoClient;
  readonly server: DiscoServer;
  readonly caps: EntityCapsService;
  /** Whose capabilities were new to it, or gone. */
  readonly changes: string[];
}

let prosody: Prosody;

/** Logs in with a client of xmpp.js that has identities in several languages, and a form. */
async function ours(username: string, cache = new EntityCapsCache()): Promise<Ours> {
  const changes: string[] = [];
  const ready = await connect({
    service: prosody.service,
    username,
    prepare: (xmpp) => {
      const services = withServices(xmpp);
      const server = services.summon(DiscoServer);
      server.registerIdentity("client", "web", {
        en: "Balcony",
        de: "Bälkchen",
        el: "Μπαλκόνι",
        "zh-Hant": "陽台",
      });
      server.unregisterIdentity("client", "bot");
      for (const feature of FEATURES) server.registerFeature(feature);
      server.registerForm(FORM);
      const caps = services.summon(EntityCapsService, { node: NODE, cache, hashes: HASHES });
      caps.on("capsChanged", (jid) => changes.push(jid));
    },
  });
  const services = withServices(ready.xmpp);
  return {
    ...ready,
    changes,
    disco: services.summon(DiscoClient),
    server: services.summon(DiscoServer),
    caps: services.summon(EntityCapsService),
  };
}

beforeAll(async () => {
  // aioxmpp refuses a password with fewer rounds.
  prosody = await Prosody.start({ iterations: 4096, accounts: ["romeo", "juliet", "nurse"] });
});

afterAll(() => prosody?.stop());

/** Tells one of ours about a peer, and returns what it comes to believe of it. */
async function learn(peer: PythonClient, { disco, changes, jid }: Ours) {
  await peer.request("presence", { to: jid });
  await expect.poll(() => changes, POLL).toContain(peer.jid);
  return disco.queryInfo(peer.jid);
}

describe("slixmpp", () => {
  let peer: PythonClient;

  beforeAll(async () => {
    peer = await PythonClient.start("slixmpp", { port: prosody.port, jid: "juliet@localhost/slixmpp" });
  });

  afterAll(() => peer?.stop());

  test("verifies our hash by XEP-0115, with a form, in several languages", async () => {
    await using romeo = await ours("romeo");
    await romeo.xmpp.send(xml("presence", { to: peer.jid }));
    // It keeps what it has verified, and nothing else.
    await expect
      .poll(() => peer.request("known", { jid: romeo.jid }), POLL)
      .toEqual({
        ver: xep0115.hash(await romeo.server.getInfo()),
        identities: expect.arrayContaining([
          { category: "client", type: "web", lang: "zh-Hant", name: "陽台" },
        ]),
        features: expect.arrayContaining(FEATURES),
        forms: [expect.objectContaining({ FORM_TYPE: [SOFTWARE_INFO], software: "Bälkchen Ψ" })],
      });
  });

  test("verifies our hash where an identity has no language", async () => {
    await using romeo = await ours("romeo");
    romeo.server.registerIdentity("automation", "command-list");
    await romeo.xmpp.send(xml("presence", { to: peer.jid }));
    await expect
      .poll(() => peer.request("known", { jid: romeo.jid }), POLL)
      .toMatchObject({
        identities: expect.arrayContaining([expect.objectContaining({ category: "automation" })]),
      });
  });

  test("takes note when our hash changes", async () => {
    await using romeo = await ours("romeo");
    await romeo.xmpp.send(xml("presence", { to: peer.jid }));
    await expect.poll(() => peer.request("known", { jid: romeo.jid }), POLL).not.toBeNull();
    romeo.server.registerFeature("urn:example:new");
    await romeo.xmpp.send(xml("presence", { to: peer.jid }));
    await expect
      .poll(() => peer.request("known", { jid: romeo.jid }), POLL)
      .toMatchObject({ features: expect.arrayContaining(["urn:example:new"]) });
  });

  test("has its own hash verified, and shared by us", async () => {
    const form = {
      formType: SOFTWARE_INFO,
      fields: { software: "Obstgärtchen", software_version: "2", ip_version: ["ipv6", "ipv4"] },
    };
    const features = [...THEIRS.features, NS_DISCO_INFO];
    const ver = await peer.request<string>("announce", { ...THEIRS, features, form });
    const cache = new EntityCapsCache();
    await using romeo = await ours("romeo", cache);
    const info = await learn(peer, romeo);
    expect(xep0115.verify(info, ver)).toBe(true);
    expect(info.name("zh-Hant")).toBe("果園");
    expect(info.form(SOFTWARE_INFO)?.value("software")).toBe("Obstgärtchen");
    expect(cache.size).toBe(1);
    // Another of our clients has it from there.
    await using nurse = await ours("nurse", cache);
    expect((await learn(peer, nurse)).features).toEqual(info.features);
    expect([romeo.disco.stats.sent, nurse.disco.stats.sent]).toEqual([1, 0]);
  });
});

describe("aioxmpp", () => {
  let peer: PythonClient;

  beforeAll(async () => {
    peer = await PythonClient.start("aioxmpp", { port: prosody.port, jid: "juliet@localhost/aioxmpp" });
  });

  afterAll(() => peer?.stop());

  test("verifies all our hashes, by XEP-0115 and XEP-0390, with a form, in several languages", async () => {
    await using romeo = await ours("romeo");
    await romeo.xmpp.send(xml("presence", { to: peer.jid }));
    const own = await romeo.server.getInfo();
    const nodes = [
      ...xep0390.hashSet(own, HASHES).map((hash) => xep0390.node(hash)),
      xep0115.node(NODE, xep0115.hash(own)),
    ];
    await expect
      .poll(() => peer.request("verify", { jid: romeo.jid }), POLL)
      .toEqual(Object.fromEntries(nodes.map((node) => [node, true])));
  });

  test("answers its application from our hash", async () => {
    await using romeo = await ours("romeo");
    const before = await peer.request<number>("cached");
    romeo.server.registerFeature("urn:example:once");
    await romeo.xmpp.send(xml("presence", { to: peer.jid }));
    await expect.poll(() => peer.request("verify", { jid: romeo.jid }), POLL).not.toBeNull();
    expect(await peer.request("ask", { jid: romeo.jid })).toEqual(
      expect.arrayContaining([...FEATURES, "urn:example:once"]),
    );
    // It keeps what it has verified, and nothing else.
    expect(await peer.request("cached")).toBe(before + 1);
  });

  test("has all its hashes verified, and shared by us", async () => {
    await peer.request("announce", THEIRS);
    const cache = new EntityCapsCache();
    await using romeo = await ours("romeo", cache);
    const info = await learn(peer, romeo);
    expect(info.name("el")).toBe("Ψ Περιβόλι");
    expect(info.features).toEqual(expect.arrayContaining([...THEIRS.features, NS_CAPS2]));
    // Three by XEP-0390, and one by XEP-0115.
    expect(cache.size).toBe(4);
    await using nurse = await ours("nurse", cache);
    // As who has no XEP-0390 sees it.
    nurse.caps.xep390Support = false;
    expect((await learn(peer, nurse)).features).toEqual(info.features);
    expect([romeo.disco.stats.sent, nurse.disco.stats.sent]).toEqual([1, 0]);
  });
});

describe("without the libraries", () => {
  test.each(["aioxmpp", "slixmpp"] as const)("python3-%s is not installed", async (library) => {
    const options = { port: prosody.port, jid: "juliet@localhost/none" };
    const message = `python3-${library} is not installed: sudo apt-get install python3-${library}`;
    await expect(PythonClient.start(library, { ...options, python: "/nowhere/python3" })).rejects.toThrow(
      message,
    );
  });
});
