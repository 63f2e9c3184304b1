import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import { EntityCapsCache, EntityCapsService, NS_CAPS, NS_CAPS2, NS_HASHES } from "../../../src/index.ts";
import {
  ask,
  c115,
  c390,
  expectNoStrays,
  JULIET,
  ME,
  NODE,
  NURSE,
  nameOf,
  presence,
  presenceOf,
  quiet,
  type Stage,
  software,
  stage,
  TYBALT,
  until,
} from "./support.ts";

expectNoStrays();

const PC = software("PC", ["urn:example:a"]);
const PHONE = software("Phone", ["urn:example:b"]);

/** Whether looking an entity up sends nothing. */
async function isKnown(on: Stage, jid: string): Promise<boolean> {
  const { sent } = on.disco.stats;
  await on.disco.queryInfo(jid, { timeout: 20 }).catch(() => {});
  return on.disco.stats.sent === sent;
}

/** A client that knows what a PC and a phone can do. */
async function knowing(options: Parameters<typeof stage>[0] = {}): Promise<Stage> {
  const on = await stage(options);
  for (const [jid, info] of [
    [JULIET, PC],
    [TYBALT, PHONE],
  ] as const) {
    on.comes(jid, info);
    await quiet(2);
    await on.disco.queryInfo(jid);
  }
  on.server.received.length = 0;
  return on;
}

/** What capsChanged tells from now on. */
function changes(on: Stage): string[] {
  const jids: string[] = [];
  on.caps.on("capsChanged", (jid) => jids.push(jid));
  return jids;
}

describe("presence primes", () => {
  test("and nothing is sent until somebody asks", async () => {
    const on = await stage();
    for (let i = 0; i < 50; i += 1) on.comes(`contact${i}@capulet.example/x`, software(`${i}`));
    await quiet(10);
    expect(on.server.received).toEqual([]);
    expect(on.caps.cache.size).toBe(0);
    expect(on.disco.stats).toMatchObject({ sent: 0, primed: 0 });
  });

  test("and the store is left alone until somebody asks", async () => {
    const touched: string[] = [];
    const store = {
      get: (key: string) => void touched.push(key),
      set: (key: string) => void touched.push(key),
    };
    const on = await stage({ cache: new EntityCapsCache({ store }) });
    on.comes(JULIET, PC, c390(PC), c115(PC));
    await quiet();
    expect(touched).toEqual([]);
    await on.disco.queryInfo(JULIET);
    expect(touched.length).toBeGreaterThan(0);
  });

  test("the first who is asked is asked at the node of the hash", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    await quiet(2);
    const info = await on.disco.queryInfo(JULIET);
    expect(nameOf(info)).toBe("PC");
    expect([info.jid, info.node]).toEqual([JULIET, undefined]);
    expect(on.asked()).toEqual([JULIET]);
    expect(on.askedNodes()).toEqual([`${NODE}#${c115(PC).attrs.ver}`]);
  });

  test("everybody else with the same software is known", async () => {
    const on = await knowing();
    on.comes(NURSE, PC);
    await quiet(2);
    const info = await on.disco.queryInfo(NURSE);
    expect(nameOf(info)).toBe("PC");
    expect(info.jid).toBe(NURSE);
    expect(on.server.received).toEqual([]);
  });

  test("the same software at another address is the same", async () => {
    const on = await knowing();
    on.server.send(presence(NURSE, xml("c", { ...c115(PC).attrs, node: "https://fork.example" })));
    await quiet(2);
    expect(await isKnown(on, NURSE)).toBe(true);
  });

  test("supports() is answered without a query", async () => {
    const on = await knowing();
    on.comes(NURSE, PC);
    await quiet(2);
    expect(await on.disco.supports(NURSE, "urn:example:a")).toBe(true);
    expect(await on.disco.supports(NURSE, "urn:example:b")).toBe(false);
    expect(on.server.received).toEqual([]);
  });

  test("what was known before presence came makes place for it", async () => {
    const on = await knowing();
    on.answers(NURSE, PHONE);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("Phone");
    on.comes(NURSE, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
  });

  test("a plain query that is under way when presence comes leaves nothing behind", async () => {
    const on = await knowing();
    const plain = ask(on.disco.queryInfo(NURSE));
    await until(() => on.server.requests().length === 1);
    on.comes(NURSE, PC);
    await quiet(2);
    const [request] = on.server.requests();
    on.server.send(
      xml(
        "iq",
        { type: "result", id: request?.attrs.id, from: NURSE },
        xml("query", "http://jabber.org/protocol/disco#info", xml("feature", { var: "old" })),
      ),
    );
    await plain.end;
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
  });

  test("a node of the entity is asked for as ever", async () => {
    const on = await knowing();
    on.comes(NURSE, PC);
    await quiet(2);
    await on.disco.queryInfo(NURSE, { node: "http://jabber.org/protocol/commands" });
    expect(on.askedNodes()).toEqual(["http://jabber.org/protocol/commands"]);
  });

  test("its bare JID is asked as ever: that is the account", async () => {
    const on = await knowing();
    on.answers("juliet@capulet.example", software("Account"));
    expect(nameOf(await on.disco.queryInfo("juliet@capulet.example"))).toBe("Account");
    expect(on.asked()).toEqual(["juliet@capulet.example"]);
  });

  test("a JID in capitals is the same JID", async () => {
    const on = await knowing();
    on.server.send(presence("NURSE@Capulet.Example/kitchen", c115(PC)));
    await quiet(2);
    expect(await isKnown(on, NURSE)).toBe(true);
  });

  test("XEP-0390 is preferred, and one query serves both", async () => {
    const on = await stage();
    on.comes(JULIET, PC, c115(PC), c390(PC));
    on.comes(NURSE, PC, c115(PC));
    on.comes(TYBALT, PC, c390(PC));
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    expect(on.askedNodes()).toEqual([`urn:xmpp:caps#sha-256.${c390(PC).getChildText("hash")}`]);
    expect(await isKnown(on, NURSE)).toBe(true);
    expect(await isKnown(on, TYBALT)).toBe(true);
  });

  test("what is known by either hash is not asked for again", async () => {
    const on = await knowing();
    // The PC is known by XEP-0115 alone.
    on.comes(NURSE, PC, c390(PC), c115(PC));
    await quiet(2);
    expect(await isKnown(on, NURSE)).toBe(true);
  });

  test("occupants of a room are told by their occupant JIDs", async () => {
    const on = await knowing();
    on.comes("garden@muc.example/nurse", PC);
    on.comes("garden@muc.example/Tybalt", PHONE);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo("garden@muc.example/nurse"))).toBe("PC");
    expect(nameOf(await on.disco.queryInfo("garden@muc.example/Tybalt"))).toBe("Phone");
    expect(on.server.received).toEqual([]);
  });
});

describe("presence is handled before the application sees it", () => {
  test.each<[string, (on: Stage, seen: (stanza: Element) => void) => void]>([
    ["a listener of stanzas", (on, seen) => on.xmpp.on("stanza", seen)],
    ["a listener of elements", (on, seen) => on.xmpp.on("element", seen)],
    [
      "a middleware",
      (on, seen) =>
        void on.xmpp.middleware.use(async (context: { stanza: Element }, next: () => Promise<unknown>) => {
          seen(context.stanza);
          return next();
        }),
    ],
  ])("in %s supports() sends nothing", async (_what, listen) => {
    const on = await knowing();
    const answers: Promise<boolean>[] = [];
    listen(on, (stanza) => {
      if (stanza.is("presence")) answers.push(on.disco.supports(stanza.attrs.from, "urn:example:a"));
    });
    on.comes(NURSE, PC);
    await until(() => answers.length === 1);
    expect(await Promise.all(answers)).toEqual([true]);
    expect(on.server.received).toEqual([]);
  });

  test("also in a listener that is older than the service", async () => {
    const on = await knowing();
    const { cache } = on.caps;
    void on.xmpp.dismiss(EntityCapsService);
    const answers: Promise<boolean>[] = [];
    on.xmpp.on("element", (stanza: Element) => {
      if (stanza.is("presence")) answers.push(on.disco.supports(stanza.attrs.from, "urn:example:a"));
    });
    on.xmpp.summon(EntityCapsService, { cache });
    on.comes(NURSE, PC);
    await until(() => answers.length === 1);
    expect(await Promise.all(answers)).toEqual([true]);
    expect(on.server.received).toEqual([]);
  });
});

describe("who leaves is forgotten", () => {
  test.each(["unavailable", "error"])("with a presence of type %s", async (type) => {
    const on = await knowing();
    expect(await isKnown(on, JULIET)).toBe(true);
    on.server.send(presenceOf(type, JULIET));
    await quiet(2);
    expect(await isKnown(on, JULIET)).toBe(false);
  });

  test.each(["unavailable", "error"])("also where a presence of type %s has hashes", async (type) => {
    const on = await knowing();
    on.server.send(presenceOf(type, JULIET, c115(PC), c390(PC)));
    await quiet(2);
    expect(await isKnown(on, JULIET)).toBe(false);
  });

  test("an error that brings back our own hashes makes nobody us", async () => {
    const on = await stage();
    await on.send(xml("presence", { to: JULIET }));
    await until(() => on.presences().length === 1);
    const own = on.presences()[0]?.getChildElements() ?? [];
    on.server.send(presenceOf("error", JULIET, ...own));
    await quiet(2);
    on.answers(JULIET, PC);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
  });

  test("with all resources when the account leaves", async () => {
    const on = await knowing();
    on.comes("juliet@capulet.example/phone", PHONE);
    on.comes(NURSE, PC);
    await quiet(2);
    on.server.send(presenceOf("unavailable", "juliet@capulet.example"));
    await quiet(2);
    expect(await isKnown(on, JULIET)).toBe(false);
    expect(await isKnown(on, "juliet@capulet.example/phone")).toBe(false);
    expect(await isKnown(on, NURSE)).toBe(true);
  });

  test("alone when a room refuses something: its occupants are there yet", async () => {
    const on = await knowing();
    on.comes("garden@muc.example/nurse", PC);
    on.server.send(presenceOf("error", "garden@muc.example"));
    await quiet(2);
    expect(await isKnown(on, "garden@muc.example/nurse")).toBe(true);
  });

  test("one resource at a time", async () => {
    const on = await knowing();
    on.comes("juliet@capulet.example/phone", PHONE);
    on.server.send(presenceOf("unavailable", JULIET));
    await quiet(2);
    expect(await isKnown(on, "juliet@capulet.example/phone")).toBe(true);
  });

  test("and known again when back, by the same hash", async () => {
    const on = await knowing();
    on.server.send(presenceOf("unavailable", JULIET));
    on.comes(JULIET, PC);
    await quiet(2);
    expect(await isKnown(on, JULIET)).toBe(true);
  });
});

describe("presence that says nothing of capabilities", () => {
  test("changes nothing: a server may leave out what it sent before", async () => {
    const on = await knowing();
    on.server.send(presence(JULIET, xml("show", {}, "away")));
    await quiet(2);
    expect(await isKnown(on, JULIET)).toBe(true);
  });

  test.each(["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "invisible"])(
    "of type %s changes nothing, whatever is in it",
    async (type) => {
      const on = await knowing();
      on.server.send(presenceOf(type, JULIET, c115(PHONE)));
      on.server.send(presenceOf(type, NURSE, c115(PHONE)));
      await quiet(2);
      expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
      expect(await isKnown(on, NURSE)).toBe(false);
    },
  );

  test("from one who never announced anything primes nothing", async () => {
    const on = await knowing();
    on.answers(NURSE, PC);
    on.server.send(presence(NURSE));
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    expect(on.askedNodes()).toEqual([undefined]);
  });
});

describe("hashes of no use", () => {
  test.each<[string, Element]>([
    ["legacy, without a hash", xml("c", { xmlns: NS_CAPS, node: NODE, ver: "0.9", ext: "a b" })],
    ["of an unknown hash function", xml("c", { xmlns: NS_CAPS, node: NODE, ver: "abc", hash: "shake-128" })],
    ["MD5", c115(PC, "md5")],
    ["without a node", xml("c", { xmlns: NS_CAPS, ver: "abc", hash: "sha-1" })],
    ["without any hash", xml("c", { xmlns: NS_CAPS2 })],
    [
      "a hash that is none",
      xml("c", { xmlns: NS_CAPS2 }, xml("hash", { xmlns: NS_HASHES, algo: "sha-256" }, "?")),
    ],
    ["too long", xml("c", { xmlns: NS_CAPS, node: "n".repeat(5_000), ver: "abc", hash: "sha-1" })],
  ])("(%s) lead to a plain query, kept for that JID alone", async (_what, c) => {
    const on = await stage();
    on.comes(JULIET, PC, c);
    on.comes(NURSE, PHONE, c);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("Phone");
    expect(await isKnown(on, JULIET)).toBe(true);
    expect(on.asked()).toEqual([JULIET, NURSE]);
    expect(on.askedNodes()).toEqual([undefined, undefined]);
    expect(on.caps.cache.size).toBe(0);
  });

  test("beside one of use do no harm", async () => {
    const on = await knowing();
    const unknown = xml("c", { xmlns: NS_CAPS2 }, xml("hash", { xmlns: NS_HASHES, algo: "x" }, "AAAA"));
    on.comes(NURSE, PC, unknown, c115(PC));
    await quiet(2);
    expect(await isKnown(on, NURSE)).toBe(true);
  });

  test("make place for what was known of the entity before", async () => {
    const on = await knowing();
    on.comes(JULIET, PHONE, xml("c", { xmlns: NS_CAPS, node: NODE, ver: "0.9" }));
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Phone");
    on.comes(JULIET, software("Newer"), xml("c", { xmlns: NS_CAPS, node: NODE, ver: "1.0" }));
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Newer");
  });
});

describe("what nobody may say", () => {
  test("our own presence, which the server reflects, is ignored", async () => {
    const on = await knowing();
    const told = changes(on);
    on.server.send(presence(ME, c115(PC)));
    on.server.send(presenceOf("unavailable", ME));
    await quiet(2);
    expect(told).toEqual([]);
  });

  test("another resource of our own account is one like others", async () => {
    const on = await knowing();
    on.comes("romeo@montague.example/phone", PC);
    await quiet(2);
    expect(await isKnown(on, "romeo@montague.example/phone")).toBe(true);
  });

  test("presence from nobody, or from what is no address, is ignored", async () => {
    const on = await knowing();
    const told = changes(on);
    for (const from of [
      undefined,
      "",
      "@",
      "@example.org",
      "a@/b",
      "a b@example.org/x",
      "/x",
      "x".repeat(5_000),
    ]) {
      const stanza = presence(JULIET, c115(PHONE));
      stanza.attrs.from = from;
      expect(() => emitToService(on, stanza)).not.toThrow();
    }
    await quiet(2);
    expect(told).toEqual([]);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
  });

  test("a presence with elements as deep as can be ends nothing", async () => {
    const on = await knowing();
    const depth = 20_000;
    const deep = `${"<a>".repeat(depth)}${"</a>".repeat(depth)}`;
    const attrs = `xmlns='${NS_CAPS}' hash='sha-1' node='${NODE}' ver='${c115(PC).attrs.ver}'`;
    on.server.send(`<presence from='${NURSE}'><c ${attrs}>${deep}</c></presence>`);
    on.server.send(`<presence from='${TYBALT}'><c xmlns='${NS_CAPS2}'>${deep}</c></presence>`);
    await quiet(5);
    expect(await isKnown(on, NURSE)).toBe(true);
  });
});

describe("the server", () => {
  const SERVER = software("Server", ["urn:xmpp:carbons:2"]);
  const c = c115(SERVER).toString();

  test("is known by what it announces in its stream features", async () => {
    const on = await stage({ memory: { features: c } });
    on.answers("montague.example", SERVER);
    expect(await on.disco.supports("montague.example", "urn:xmpp:carbons:2")).toBe(true);
    expect(on.asked()).toEqual(["montague.example"]);
    expect(on.askedNodes()).toEqual([`${NODE}#${c115(SERVER).attrs.ver}`]);
  });

  test("is known in the next session without a query", async () => {
    const on = await stage({ memory: { features: c } });
    on.answers("montague.example", SERVER);
    await on.disco.queryInfo("montague.example");
    await on.reconnect();
    expect(await isKnown(on, "montague.example")).toBe(true);
  });

  test("is known in a listener of online, however old", async () => {
    const on = await stage({ memory: { features: c } });
    on.answers("montague.example", SERVER);
    await on.disco.queryInfo("montague.example");
    const { cache } = on.caps;
    void on.xmpp.dismiss(EntityCapsService);
    const answers: Promise<boolean>[] = [];
    on.xmpp.on("online", () => answers.push(on.disco.supports("montague.example", "urn:xmpp:carbons:2")));
    on.xmpp.summon(EntityCapsService, { cache });
    on.server.received.length = 0;
    await on.reconnect();
    expect(await Promise.all(answers)).toEqual([true]);
    expect(on.server.received).toEqual([]);
  });

  test("is known when the stream has resumed", async () => {
    const on = await stage({ memory: { features: c, streamManagement: true } });
    on.answers("montague.example", SERVER);
    await on.disco.queryInfo("montague.example");
    await on.reconnect();
    expect(await isKnown(on, "montague.example")).toBe(true);
  });

  test("is known by what it announces when the stream has resumed, where that is something else", async () => {
    const memory = { features: c, streamManagement: true };
    const on = await stage({ memory });
    on.answers("montague.example", SERVER);
    await on.disco.queryInfo("montague.example");
    memory.features = c115(PC).toString();
    on.answers("montague.example", PC);
    await on.reconnect();
    expect(nameOf(await on.disco.queryInfo("montague.example"))).toBe("PC");
  });

  test("is not known in a session whose features do not say so", async () => {
    const memory = { features: c };
    const on = await stage({ memory });
    on.answers("montague.example", SERVER);
    await on.disco.queryInfo("montague.example");
    memory.features = "";
    await on.reconnect();
    expect(await isKnown(on, "montague.example")).toBe(false);
  });

  test("that announces nothing is asked as ever", async () => {
    const on = await stage();
    on.answers("montague.example", SERVER);
    await on.disco.queryInfo("montague.example");
    expect(on.askedNodes()).toEqual([undefined]);
  });
});

describe("capsChanged tells", () => {
  test("who announces something new, and who does not announce it any more", async () => {
    const on = await stage();
    const told = changes(on);
    on.comes(JULIET, PC);
    on.comes(NURSE, PC);
    on.comes(JULIET, PHONE);
    on.server.send(presenceOf("unavailable", NURSE));
    on.server.send(presenceOf("error", JULIET));
    await quiet(3);
    expect(told).toEqual([JULIET, NURSE, JULIET, NURSE, JULIET]);
  });

  test("nothing of what is repeated, left out, or was never announced", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    await quiet(2);
    const told = changes(on);
    on.comes(JULIET, PC);
    on.server.send(presence(JULIET, xml("show", {}, "away"), c115(PC)));
    on.server.send(presence(JULIET));
    on.server.send(presenceOf("unavailable", NURSE));
    on.server.send(presenceOf("subscribe", NURSE, c115(PC)));
    await quiet(3);
    expect(told).toEqual([]);
  });

  test("before the application's listeners see the presence, and when it can be asked for", async () => {
    const on = await knowing();
    const order: string[] = [];
    on.xmpp.on("stanza", () => order.push("stanza"));
    let answer: Promise<boolean> | undefined;
    on.caps.on("capsChanged", (jid) => {
      order.push("capsChanged");
      answer = on.disco.supports(jid, "urn:example:a");
    });
    on.comes(NURSE, PC);
    await until(() => order.length === 2);
    expect(order).toEqual(["capsChanged", "stanza"]);
    expect(await answer).toBe(true);
    expect(on.server.received).toEqual([]);
  });

  test("of every resource when an account leaves", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.comes("juliet@capulet.example/phone", PHONE);
    await quiet(2);
    const told = changes(on);
    on.server.send(presenceOf("unavailable", "juliet@capulet.example"));
    await quiet(2);
    expect(told.sort()).toEqual([JULIET, "juliet@capulet.example/phone"].sort());
  });

  test("and a listener that throws disturbs nobody", async () => {
    const on = await knowing();
    const errors: unknown[] = [];
    on.caps.on("error", (error) => errors.push(error));
    on.caps.on("capsChanged", () => {
      throw new Error("not today");
    });
    const told = changes(on);
    on.comes(NURSE, PC);
    await quiet(2);
    expect(told).toEqual([NURSE]);
    expect(errors).toHaveLength(1);
    expect(await isKnown(on, NURSE)).toBe(true);
  });
});

describe("switched off", () => {
  test("XEP-0390 is not believed of others: XEP-0115 is asked for", async () => {
    const on = await stage();
    on.caps.xep390Support = false;
    on.comes(JULIET, PC, c390(PC), c115(PC));
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    expect(on.askedNodes()).toEqual([`${NODE}#${c115(PC).attrs.ver}`]);
  });

  test("with both, presence primes nothing", async () => {
    const on = await knowing();
    on.caps.xep115Support = false;
    on.caps.xep390Support = false;
    on.comes(NURSE, PC, c390(PC), c115(PC));
    await quiet(2);
    await on.disco.queryInfo(NURSE);
    expect(on.askedNodes()).toEqual([undefined]);
  });
});

/** Has the service see a stanza as it came, without what xmpp.js makes of it. */
function emitToService({ xmpp }: Stage, stanza: Element): void {
  const [first] = xmpp.listeners("element");
  first?.(stanza);
}
