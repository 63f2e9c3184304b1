import { describe, expect, test } from "vitest";
import { DiscoClient, DiscoInfo, DiscoItems, withServices } from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import {
  ask,
  connect,
  counting,
  expectNoStrays,
  infoOf,
  markOf,
  PEER,
  query,
  requestsAt,
} from "./support.ts";

expectNoStrays();

/** What a caller who does not use TypeScript may hand over. */
const wrong = (value: unknown) => value as never;

const QUERIES = ["queryInfo", "queryItems", "supports", "hasIdentity"] as const;

/** Asks with any of the methods that ask. */
function askWith(disco: DiscoClient, method: (typeof QUERIES)[number], jid: unknown, options?: unknown) {
  switch (method) {
    case "supports":
      return ask<unknown>(disco.supports(wrong(jid), "feature", wrong(options)));
    case "hasIdentity":
      return ask<unknown>(disco.hasIdentity(wrong(jid), { category: "server" }, wrong(options)));
    default:
      return ask<unknown>(disco[method](wrong(jid), wrong(options)));
  }
}

describe("all methods that ask refuse, naming the value and sending nothing,", () => {
  const bad: [what: string, jid: unknown, options: object, error: typeof TypeError, named: string][] = [
    ["a JID that is none", "@@", {}, TypeError, '"@@"'],
    ["an empty JID", "", {}, TypeError, '""'],
    ["a JID with an empty resource", "a.example/", {}, TypeError, '"a.example/"'],
    ["a JID with an empty local part", "@a.example", {}, TypeError, '"@a.example"'],
    ["a JID with a space in its domain", "a example", {}, TypeError, '"a example"'],
    ["a JID with a control character", "a.example/\u0001", {}, TypeError, String.raw`"a.example/\u0001"`],
    ["a JID that is too long", `${"a".repeat(1_024)}@b.example`, {}, TypeError, '"aaaaaaaa'],
    ["no JID", undefined, {}, TypeError, "undefined"],
    ["null for a JID", null, {}, TypeError, "null"],
    ["a number for a JID", 42, {}, TypeError, "42"],
    ["an object for a JID", {}, {}, TypeError, "an object of class Object"],
    ["a negative timeout", PEER, { timeout: -1 }, RangeError, "-1"],
    ["NaN for a timeout", PEER, { timeout: Number.NaN }, RangeError, "NaN"],
    ["an infinite timeout", PEER, { timeout: Infinity }, RangeError, "Infinity"],
    ["a text for a timeout", PEER, { timeout: "5" }, RangeError, '"5"'],
    ["a signal that is none", PEER, { signal: { aborted: false } }, TypeError, "an object of class Object"],
    ["a controller for a signal", PEER, { signal: new AbortController() }, TypeError, "AbortController"],
    ["null for a signal", PEER, { signal: null }, TypeError, "null"],
    ["a number for a node", PEER, { node: 42 }, TypeError, "42"],
    ["an object for a node", PEER, { node: {} }, TypeError, "an object of class Object"],
    ["a node with a control character", PEER, { node: "a\u0000b" }, TypeError, String.raw`"a\u0000b"`],
    ["a node with half a character", PEER, { node: "a\ud800" }, TypeError, String.raw`"a\ud800"`],
    ["a from that is no JID", PEER, { from: "@@" }, TypeError, 'from is no JID: "@@"'],
    ["a local question with a bad JID", "@@", { local: true }, TypeError, '"@@"'],
  ];

  test.each(bad)("%s", async (_, jid, options, error, named) => {
    const stage = await connect();
    const asked = QUERIES.map((method) => askWith(stage.disco, method, jid, options));
    await requestsAt(stage.server, 0);
    for (const { error: refused } of asked) {
      expect(refused).toBeInstanceOf(error);
      expect((refused as Error).message).toContain(named);
    }
  });
});

test("a question with a bad argument leaves the cache as it is, also with requireFresh", async () => {
  const stage = await connect();
  stage.server.script = counting();
  await query(stage, "queryInfo").end;
  await query(stage, "queryInfo", PEER, { requireFresh: true, timeout: -1 }).end;
  const next = query(stage, "queryInfo");
  await next.end;
  expect(markOf(next.value)).toBe("1");
  await requestsAt(stage.server, 1);
});

test("a question with a bad argument is refused though the answer is cached", async () => {
  const stage = await connect();
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  const asked = query(stage, "queryInfo", PEER, { timeout: Number.NaN });
  await asked.end;
  expect(asked.error).toBeInstanceOf(RangeError);
});

test("a node may have any character that XML can carry", async () => {
  const stage = await connect();
  const node = "a\tb\n<&>\"'😀\u0085";
  query(stage, "queryInfo", PEER, { node });
  const [request] = await requestsAt(stage.server, 1);
  expect(request?.getChild("query")?.attrs["node"]).toContain("<&>\"'😀");
});

test.each([
  ["undefined", undefined],
  ["a number", 42],
  ["null", null],
])("supports refuses %s for a feature, and sends nothing", async (_, feature) => {
  const stage = await connect();
  const asked = ask(stage.disco.supports(PEER, wrong(feature)));
  await requestsAt(stage.server, 0);
  expect(asked.error).toBeInstanceOf(TypeError);
  expect((asked.error as Error).message).toContain(String(feature));
});

test.each([
  ["no identity", undefined, "undefined"],
  ["an identity without a category", { type: "im" }, "undefined"],
  ["a number for a category", { category: 42 }, "42"],
  ["a number for a type", { category: "server", type: 42 }, "42"],
  ["a number for a language", { category: "server", lang: 42 }, "42"],
])("hasIdentity refuses %s, and sends nothing", async (_, identity, named) => {
  const stage = await connect();
  const asked = ask(stage.disco.hasIdentity(PEER, wrong(identity)));
  await requestsAt(stage.server, 0);
  expect(asked.error).toBeInstanceOf(TypeError);
  expect((asked.error as Error).message).toContain(named);
});

const SIZES: [what: string, size: unknown, named: string][] = [
  ["a negative size", -1, "-1"],
  ["half a size", 1.5, "1.5"],
  ["NaN", Number.NaN, "NaN"],
  ["an infinite size", Infinity, "Infinity"],
  ["a text", "5", '"5"'],
  ["null", null, "null"],
  ["undefined", undefined, "undefined"],
  ["a size that no memory holds", Number.MAX_SAFE_INTEGER, String(Number.MAX_SAFE_INTEGER)],
];

const TTLS: [what: string, ttl: unknown, named: string][] = [
  ["a negative TTL", -1, "-1"],
  ["NaN", Number.NaN, "NaN"],
  ["a text", "5", '"5"'],
  ["null", null, "null"],
  ["undefined", undefined, "undefined"],
];

describe.each(["infoCacheSize", "itemsCacheSize"] as const)("%s", (name) => {
  test.each(SIZES)("refuses %s, naming it, and stays as it was", async (_, size, named) => {
    const stage = await connect({ disco: { [name]: 7 } });
    stage.server.script = counting();
    const method = name === "infoCacheSize" ? "queryInfo" : "queryItems";
    await query(stage, method).end;
    expect(() => {
      stage.disco[name] = wrong(size);
    }).toThrow(RangeError);
    expect(() => {
      stage.disco[name] = wrong(size);
    }).toThrow(named);
    expect(stage.disco[name]).toBe(7);
    await query(stage, method).end;
    await requestsAt(stage.server, 1);
  });

  test.each(SIZES.filter(([, size]) => size !== undefined))(
    "refuses %s when the service is summoned, and leaves nothing behind",
    (_, size, named) => {
      const xmpp = withServices(memoryClient(new MemoryServer()));
      expect(() => xmpp.summon(DiscoClient, { [name]: wrong(size) })).toThrow(named);
      expect(xmpp.summoned(DiscoClient)).toBeUndefined();
      expect(xmpp.summon(DiscoClient)).toBeInstanceOf(DiscoClient);
    },
  );
});

describe.each(["infoTtl", "itemsTtl"] as const)("%s", (name) => {
  test.each(TTLS)("refuses %s, naming it, and stays as it was", async (_, ttl, named) => {
    const { disco } = await connect({ disco: { [name]: 7 } });
    expect(() => {
      disco[name] = wrong(ttl);
    }).toThrow(RangeError);
    expect(() => {
      disco[name] = wrong(ttl);
    }).toThrow(named);
    expect(disco[name]).toBe(7);
  });

  test.each(TTLS.filter(([, ttl]) => ttl !== undefined))(
    "refuses %s when the service is summoned",
    (_, ttl, named) => {
      const xmpp = withServices(memoryClient(new MemoryServer()));
      expect(() => xmpp.summon(DiscoClient, { [name]: wrong(ttl) })).toThrow(named);
      expect(xmpp.summoned(DiscoClient)).toBeUndefined();
    },
  );
});

describe("setInfoCache refuses, naming the value,", () => {
  test.each([
    ["no information", undefined, "undefined"],
    ["null", null, "null"],
    ["what looks like information", { features: [], identities: [], forms: [] }, "an object of class Object"],
    ["items", new DiscoItems({}), "an object of class DiscoItems"],
    ["a promise", Promise.resolve(new DiscoInfo({})), "an object of class Promise"],
  ])("%s", async (_, info, named) => {
    const { disco } = await connect();
    expect(() => disco.setInfoCache(PEER, undefined, wrong(info))).toThrow(TypeError);
    expect(() => disco.setInfoCache(PEER, undefined, wrong(info))).toThrow(named);
    expect(disco.stats.primed).toBe(0);
  });
});

describe("setInfoFuture refuses, naming the value,", () => {
  test.each([
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["information", new DiscoInfo({}), "an object of class DiscoInfo"],
    ["a text", "text", '"text"'],
  ])("%s", async (_, future, named) => {
    const { disco } = await connect();
    expect(() => disco.setInfoFuture(PEER, undefined, wrong(future))).toThrow(TypeError);
    expect(() => disco.setInfoFuture(PEER, undefined, wrong(future))).toThrow(named);
    expect(disco.stats.primed).toBe(0);
  });
});

describe("setInfoCache and setInfoFuture refuse, naming the value,", () => {
  test.each([
    ["a JID that is none", "@@", undefined, '"@@"'],
    ["no JID", undefined, undefined, "undefined"],
    ["a node that is none", PEER, 42, "42"],
    ["a node with a control character", PEER, "a\u0001", String.raw`"a\u0001"`],
  ])("%s", async (_, jid, node, named) => {
    const { disco } = await connect();
    const rejected = Promise.reject(new Error("nobody cares"));
    const set = [
      () => disco.setInfoCache(wrong(jid), wrong(node), new DiscoInfo({})),
      () => disco.setInfoFuture(wrong(jid), wrong(node), async () => new DiscoInfo({})),
      () => disco.setInfoFuture(wrong(jid), wrong(node), rejected),
    ];
    for (const call of set) {
      expect(call).toThrow(TypeError);
      expect(call).toThrow(named);
    }
    expect(disco.stats.primed).toBe(0);
  });
});
