import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import {
  DataForm,
  DiscoInfo,
  EntityCapsService,
  NS_CAPS,
  NS_CAPS2,
  xep0115,
  xep0390,
} from "../../../src/index.ts";
import { cloneElement } from "../../../src/xml/element.ts";
import {
  capsOf,
  countsOf,
  expectNoStrays,
  JULIET,
  offlineStage,
  present,
  quiet,
  stage,
  until,
  verOf,
} from "./support.ts";

expectNoStrays();

/** The method of a client that its types leave out. */
const sendMany = (xmpp: object, stanzas: Iterable<Element>): Promise<void> =>
  (xmpp as { sendMany(stanzas: Iterable<Element>): Promise<void> }).sendMany(stanzas);

const TYPES = ["unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"];

describe("an available presence", () => {
  test.each([
    ["broadcast", xml("presence")],
    ["with a show and a status", xml("presence", {}, xml("show", {}, "away"), xml("status", {}, "Tea"))],
    ["directed to a contact", xml("presence", { to: JULIET })],
    [
      "that joins a room",
      xml("presence", { to: "r@muc.example/me" }, xml("x", "http://jabber.org/protocol/muc")),
    ],
    ["with our own full JID", xml("presence", { from: "romeo@montague.example/orchard" })],
    ["with our bare JID", xml("presence", { from: "romeo@montague.example" })],
  ])("%s has the hashes of both XEPs, once each", async (_what, presence) => {
    const on = await stage();
    await on.send(presence);
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([1, 1]);
  });

  test("announces the hashes of what the server tells", async () => {
    const on = await stage({ node: "https://my.app/" });
    on.self.registerFeature("urn:example:a");
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    const info = await on.self.toInfo();
    const { xep115, xep390 } = capsOf(on.presences()[0]);
    expect(xep115[0]?.attrs).toMatchObject({
      hash: "sha-1",
      node: "https://my.app/",
      ver: xep0115.hash(info),
    });
    expect(xep390[0]?.getChild("hash")?.attrs.algo).toBe("sha-256");
    expect(xep390[0]?.getChildText("hash")).toBe(xep0390.hash(info, "sha-256"));
  });

  test("keeps all else that is in it", async () => {
    const on = await stage();
    await on.send(xml("presence", { id: "p1" }, xml("priority", {}, "5"), xml("x", "urn:example:x")));
    await until(() => on.presences().length === 1);
    const presence = present(on.presences()[0]);
    expect(presence.attrs.id).toBe("p1");
    expect(presence.getChildText("priority")).toBe("5");
    expect(presence.getChild("x", "urn:example:x")).toBeDefined();
  });

  test("that is sent twice has each hash once", async () => {
    const on = await stage();
    const presence = xml("presence");
    await on.send(presence);
    await on.send(presence);
    await until(() => on.presences().length === 2);
    expect(on.presences().map(countsOf)).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  test("that is sent again after a change has the new hash alone", async () => {
    const on = await stage({ rebroadcast: false });
    const presence = xml("presence");
    await on.send(presence);
    on.self.registerFeature("urn:example:a");
    await on.send(presence);
    await until(() => on.presences().length === 2);
    const [first, second] = on.presences();
    expect(countsOf(second)).toEqual([1, 1]);
    expect(verOf(second)).not.toBe(verOf(first));
    expect(verOf(second)).toBe(xep0115.hash(await on.self.toInfo()));
  });

  test("has hashes of its own, which the application may change without harm to others", async () => {
    const on = await stage();
    const first = xml("presence");
    await on.send(first);
    for (const c of first.getChildElements()) c.attrs.xmlns = "urn:example:changed";
    await on.send(xml("presence"));
    await until(() => on.presences().length === 2);
    expect(countsOf(on.presences()[1])).toEqual([1, 1]);
  });

  test("that the application gave hashes of its own has ours in their place", async () => {
    const on = await stage();
    await on.send(
      xml(
        "presence",
        {},
        xml("c", { xmlns: NS_CAPS, hash: "sha-1", node: "https://other.example", ver: "other" }),
        xml("c", { xmlns: NS_CAPS2 }),
        xml("c", { xmlns: NS_CAPS, hash: "sha-1", node: "https://other.example", ver: "again" }),
      ),
    );
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([1, 1]);
    expect(verOf(on.presences()[0])).toBe(xep0115.hash(await on.self.toInfo()));
  });

  test("keeps a <c/> of another namespace", async () => {
    const on = await stage();
    await on.send(xml("presence", {}, xml("c", "urn:example:c")));
    await until(() => on.presences().length === 1);
    expect(on.presences()[0]?.getChild("c", "urn:example:c")).toBeDefined();
    expect(countsOf(on.presences()[0])).toEqual([1, 1]);
  });

  test("right after a change has the new hash", async () => {
    const on = await stage();
    on.self.registerFeature("urn:example:a");
    on.self.registerForm(new DataForm({ formType: "urn:example:form", fields: { a: "b" } }));
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(verOf(on.presences()[0])).toBe(xep0115.hash(await on.self.toInfo()));
  });

  test("through sendMany has the hashes of both XEPs, once each", async () => {
    const on = await stage();
    const again = xml("presence", { to: JULIET });
    function* stanzas() {
      yield xml("presence");
      yield xml("message", { to: JULIET }, xml("body", {}, "Hark"));
      yield again;
      yield again;
    }
    await sendMany(on.xmpp, stanzas());
    await until(() => on.presences().length === 3);
    expect(on.presences().map(countsOf)).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  test("that was not acknowledged has one hash, the current one, when the stream resumes", async () => {
    const on = await stage({ memory: { streamManagement: true }, rebroadcast: false });
    on.swallow(true);
    await on.send(xml("presence"));
    await on.send(xml("presence", { to: JULIET }));
    await quiet();
    on.swallow(false);
    expect(on.presences()).toEqual([]);
    on.self.registerFeature("urn:example:a");
    await on.reconnect();
    await until(() => on.presences().length === 2);
    const ver = xep0115.hash(await on.self.toInfo());
    expect(on.presences().map(countsOf)).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(on.presences().map(verOf)).toEqual([ver, ver]);
  });
});

describe("what is no available presence", () => {
  test.each(TYPES)("a presence of type %s has no hash", async (type) => {
    const on = await stage();
    await on.send(xml("presence", { type, to: JULIET }));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([0, 0]);
  });

  test("a message and an iq have no hash", async () => {
    const on = await stage();
    await on.send(xml("message", { to: JULIET }));
    await on.send(xml("iq", { type: "set", id: "i", to: JULIET }, xml("x", "urn:example:x")));
    await until(() => on.server.received.some((stanza) => stanza.attrs.id === "i"));
    expect(on.server.received.flatMap(countsOf)).not.toContain(1);
  });

  test("what is no element is refused as without the service", async () => {
    const on = await stage();
    const broken = undefined as unknown as Element;
    const sending = on.xmpp.send(broken);
    await expect(sending).rejects.toThrow(TypeError);
    await expect(sendMany(on.xmpp, [broken])).rejects.toThrow(TypeError);
    await expect(sendMany(on.xmpp, 7 as unknown as Iterable<Element>)).rejects.toThrow(TypeError);
  });
});

describe("one hash for one burst", () => {
  test("many features registered at once change it once", async () => {
    const on = await stage();
    await quiet();
    let changes = 0;
    on.caps.on("verChanged", () => {
      changes += 1;
    });
    for (let i = 0; i < 100; i += 1) on.self.registerFeature(`urn:example:${i}`);
    await quiet();
    expect(changes).toBe(1);
  });

  test("a change that is taken back at once changes nothing", async () => {
    const on = await stage();
    await quiet();
    let changes = 0;
    on.caps.on("verChanged", () => {
      changes += 1;
    });
    on.self.registerFeature("urn:example:a");
    on.self.unregisterFeature("urn:example:a");
    await quiet();
    expect(changes).toBe(0);
  });

  test("what is registered right after the service is summoned is in the first hash", async () => {
    const on = offlineStage();
    let changes = 0;
    on.caps.on("verChanged", () => {
      changes += 1;
    });
    on.self.registerFeature("urn:example:a");
    await on.xmpp.start();
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(verOf(on.presences()[0])).toBe(xep0115.hash(await on.self.toInfo()));
    expect(changes).toBe(1);
  });

  test("items change no hash", async () => {
    const on = await stage();
    await quiet();
    let changes = 0;
    on.caps.on("verChanged", () => {
      changes += 1;
    });
    await on.self.addItem({ jid: "item.example" });
    await quiet();
    expect(changes).toBe(0);
  });
});

describe("options and switches", () => {
  test("without a node there is one that names this package", async () => {
    const on = await stage();
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(capsOf(on.presences()[0]).xep115[0]?.attrs.node).toBe("urn:xmpp-disco");
  });

  test("several hash functions are all announced", async () => {
    const hashes = ["sha-256", "sha3-256", "blake2b-512"];
    const on = await stage({ hashes });
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    const info = await on.self.toInfo();
    const announced = capsOf(on.presences()[0]).xep390[0]?.getChildren("hash");
    expect(announced?.map((hash) => [hash.attrs.algo, hash.getText()])).toEqual(
      hashes.map((name) => [name, xep0390.hash(info, name)]),
    );
  });

  test("XEP-0115 can be switched off: neither its hash nor its feature is told", async () => {
    const on = await stage();
    on.caps.xep115Support = false;
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([0, 1]);
    expect((await on.self.toInfo()).features).not.toContain(NS_CAPS);
  });

  test("XEP-0390 can be switched off: neither its hash nor its feature is told", async () => {
    const on = await stage();
    on.caps.xep390Support = false;
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([1, 0]);
    expect((await on.self.toInfo()).features).not.toContain(NS_CAPS2);
  });

  test("with both switched off presence is what the application made it", async () => {
    const on = await stage();
    on.caps.xep115Support = false;
    on.caps.xep390Support = false;
    const own = xml("c", { xmlns: NS_CAPS, hash: "sha-1", node: "https://own.example", ver: "own" });
    await on.send(xml("presence", {}, own));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([1, 0]);
    expect(verOf(on.presences()[0])).toBe("own");
  });

  test("what is switched off is gone from an element that is sent again, too", async () => {
    const on = await stage({ rebroadcast: false });
    const presence = xml("presence");
    await on.send(presence);
    on.caps.xep115Support = false;
    await on.send(presence);
    await until(() => on.presences().length === 2);
    expect(on.presences().map(countsOf)).toEqual([
      [1, 1],
      [0, 1],
    ]);
  });

  test("what is switched on again is announced again", async () => {
    const on = await stage({ rebroadcast: false });
    on.caps.xep115Support = false;
    expect(on.caps.xep115Support).toBe(false);
    on.caps.xep115Support = true;
    expect(on.caps.xep115Support).toBe(true);
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([1, 1]);
  });

  test.each([
    ["an empty node", { node: "" }, /node is empty/],
    ["a node that is no text", { node: 7 as unknown as string }, /node is no string: 7/],
    [
      "a cache that is none",
      { cache: new Map() as never },
      /cache is no EntityCapsCache: an object of class Map/,
    ],
    ["hashes that are no list", { hashes: "sha-256" as never }, /hashes is a list/],
    ["no hash function at all", { hashes: [] }, /one at least/],
    ["an unknown hash function", { hashes: ["sha-0"] }, /unknown hash function "sha-0"/],
    ["a hash function that is not to be used", { hashes: ["sha-256", "md5"] }, /"md5".*XEP-0414/],
    [
      "no look-up at a time",
      { lookupConcurrency: 0 },
      /lookupConcurrency is a whole number from 1 on, not 0/,
    ],
    ["half a look-up at a time", { lookupConcurrency: 0.5 }, /lookupConcurrency/],
    ["a negative delay", { hedgeDelay: -1 }, /hedgeDelay is a number of milliseconds/],
    ["an endless delay", { hedgeDelay: Infinity }, /hedgeDelay/],
    ["a delay longer than a timer's", { hedgeDelay: 2 ** 31 }, /hedgeDelay/],
    ["a delay that is no number", { rebroadcastDelay: "1" as never }, /rebroadcastDelay/],
    ["room for nobody", { maxJids: 0 }, /maxJids/],
  ])("%s is a clear error", (_what, options, message) => {
    const on = offlineStage();
    void on.xmpp.dismiss(EntityCapsService);
    expect(() => on.xmpp.summon(EntityCapsService, options)).toThrow(message);
    expect(on.xmpp.summoned(EntityCapsService)).toBeUndefined();
  });
});

describe("a server that tells its features over time", () => {
  test("is hashed, and presence that was sent meanwhile is sent again with the hash", async () => {
    const on = offlineStage();
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    Object.assign(on.self, {
      async *iterFeatures() {
        await opened;
        yield "urn:example:slow";
      },
    });
    await on.xmpp.start();
    await on.send(xml("presence", { id: "p" }));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([0, 0]);
    open();
    await until(() => on.presences().length === 2);
    const info = await on.self.toInfo();
    expect(info.features).toContain("urn:example:slow");
    expect(verOf(on.presences()[1])).toBe(xep0115.hash(info));
  });

  test("announces the newest of what it tells, also where an older answer takes longer", async () => {
    const on = offlineStage({ rebroadcast: false });
    let call = 0;
    Object.assign(on.self, {
      async *iterFeatures() {
        call += 1;
        const number = call;
        await quiet(number === 1 ? 10 : 1);
        yield `urn:example:${number}`;
      },
    });
    on.self.registerFeature("urn:example:x");
    await quiet(1);
    on.self.registerFeature("urn:example:y");
    await quiet(20);
    await on.xmpp.start();
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    const features = ["http://jabber.org/protocol/disco#info", "urn:example:2"];
    const { identities } = await on.self.toInfo();
    const expected = xep0115.hash(new DiscoInfo({ identities, features }));
    expect(verOf(on.presences()[0])).toBe(expected);
  });

  test("that fails says so to error listeners, and announces what it did before", async () => {
    const on = await stage({ rebroadcast: false });
    await on.send(xml("presence"));
    const errors: unknown[] = [];
    on.caps.on("error", (error) => errors.push(error));
    const failure = new Error("no features today");
    for (const iterFeatures of [
      () => {
        throw failure;
      },
      async () => {
        throw failure;
      },
    ]) {
      Object.assign(on.self, { iterFeatures });
      on.self.emit("infoChanged");
      await quiet();
    }
    await on.send(xml("presence"));
    await until(() => on.presences().length === 2);
    expect(errors).toEqual([failure, failure]);
    expect(verOf(on.presences()[1])).toBe(verOf(on.presences()[0]));
  });
});

test("an element that an application keeps is its own: a copy of it is as good", async () => {
  const on = await stage();
  const presence = xml("presence");
  await on.send(presence);
  await on.send(cloneElement(presence));
  await until(() => on.presences().length === 2);
  expect(on.presences().map(countsOf)).toEqual([
    [1, 1],
    [1, 1],
  ]);
});
