import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { CapsAlgorithm } from "../../../src/caps/algorithm.ts";
import type { Capability } from "../../../src/caps/announcements.ts";
import {
  type CapsStore,
  DiscoInfo,
  EntityCapsCache,
  type EntityCapsCacheOptions,
  xep0115,
  xep0390,
} from "../../../src/index.ts";
import { readVectors } from "../../support/vectors.ts";
import { parse } from "../../support/xml.ts";
import { expectNoStrays, nameOf, present, software } from "./support.ts";

expectNoStrays();

const PC = software("PC");
const PHONE = software("Phone");

/** The hash of an information as somebody announces it. */
function capability(info: DiscoInfo, caps: CapsAlgorithm = xep0115, algorithm = "sha-1"): Capability {
  const value = caps.hash(info, algorithm);
  return { algorithm, value, node: `n#${value}`, key: present(caps.key(value, algorithm)), caps };
}

const pc = capability(PC);
const phone = capability(PHONE);

/** Under what a store keeps it. */
const storeKey = ({ key }: Capability) => `xmpp-disco:1:${key}`;

/** A store that counts, with what a test wants of it. */
function counting(map = new Map<string, unknown>()) {
  const reads: string[] = [];
  const writes: string[] = [];
  const store = {
    get: (key: string): unknown => {
      reads.push(key);
      return map.get(key);
    },
    set: (key: string, value: string): unknown => {
      writes.push(key);
      map.set(key, value);
      return undefined;
    },
  };
  return { map, reads, writes, store };
}

/** Stops timers; what it returns moves them on. */
function stoppedTimers(): (milliseconds: number) => Promise<unknown> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  return (milliseconds) => vi.advanceTimersByTimeAsync(milliseconds);
}

/** Lets what a store does right away be done. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a cache in memory", () => {
  test("knows what it was told, and nothing else", async () => {
    const cache = new EntityCapsCache();
    cache.set(pc, PC);
    expect(cache.peek(pc)).toBe(PC);
    expect(await cache.get(pc)).toBe(PC);
    expect(cache.peek(phone)).toBeUndefined();
    expect(await cache.get(phone)).toBeUndefined();
    expect(cache.size).toBe(1);
  });

  test("holds so many and no more, and lets go of what was not used for longest", () => {
    const cache = new EntityCapsCache({ maxEntries: 2 });
    const [a, b, c] = ["a", "b", "c"].map((name) => software(name)) as [DiscoInfo, DiscoInfo, DiscoInfo];
    cache.set(capability(a), a);
    cache.set(capability(b), b);
    cache.peek(capability(a));
    cache.set(capability(c), c);
    expect(cache.size).toBe(2);
    expect([a, b, c].map((info) => nameOf(cache.peek(capability(info))))).toEqual(["a", undefined, "c"]);
  });

  test("keeps the first of two: both were verified", () => {
    const cache = new EntityCapsCache();
    cache.set(pc, PC);
    cache.set(pc, PC.withSource({ jid: "other@example.org" }));
    expect(cache.peek(pc)).toBe(PC);
  });

  test("tells hashes of different functions and XEPs apart", () => {
    const cache = new EntityCapsCache();
    cache.set(capability(PC, xep0390, "sha-256"), PC);
    expect(cache.peek(capability(PC, xep0390, "sha3-256"))).toBeUndefined();
    expect(cache.peek(capability(PC, xep0115, "sha-256"))).toBeUndefined();
  });
});

describe("a store", () => {
  test("that is a Map gives to the next process what the first one learned", async () => {
    const store = new Map<string, string>();
    const keys = [pc, capability(PC, xep0390, "sha-256")];
    const first = new EntityCapsCache({ store });
    for (const key of keys) first.set(key, PC);
    const second = new EntityCapsCache({ store });
    for (const key of keys) {
      expect(second.peek(key)).toBeUndefined();
      expect((await second.get(key))?.toJSON()).toEqual(PC.toJSON());
      expect(second.peek(key)?.toJSON()).toEqual(PC.toJSON());
    }
  });

  test("that answers later does so as well", async () => {
    const map = new Map<string, string>();
    const store: CapsStore = {
      get: async (key) => {
        await settled();
        return map.get(key);
      },
      set: async (key, value) => {
        await settled();
        map.set(key, value);
      },
    };
    new EntityCapsCache({ store }).set(pc, PC);
    await settled();
    expect(nameOf(await new EntityCapsCache({ store }).get(pc))).toBe("PC");
  });

  test("holds strings that another program can read", () => {
    const { map, store } = counting();
    new EntityCapsCache({ store }).set(pc, PC);
    expect([...map.keys()]).toEqual([storeKey(pc)]);
    expect(JSON.parse(String(map.get(storeKey(pc))))).toEqual(PC.toJSON());
  });

  test("is asked once for a key, however many want to know", async () => {
    const { map, reads, store } = counting();
    map.set(storeKey(pc), JSON.stringify(PC));
    const cache = new EntityCapsCache({ store: { ...store, get: async (key) => store.get(key) } });
    const found = await Promise.all(Array.from({ length: 100 }, () => cache.get(pc)));
    expect(found.map(nameOf)).toEqual(Array(100).fill("PC"));
    await cache.get(pc);
    expect(reads).toEqual([storeKey(pc)]);
  });

  test("is asked again for what it did not have", async () => {
    const { map, store } = counting();
    const cache = new EntityCapsCache({ store });
    expect(await cache.get(pc)).toBeUndefined();
    map.set(storeKey(pc), JSON.stringify(PC));
    expect(nameOf(await cache.get(pc))).toBe("PC");
  });

  test("is asked again for what memory had no room for", async () => {
    const { reads, store } = counting();
    const cache = new EntityCapsCache({ store, maxEntries: 1 });
    cache.set(pc, PC);
    cache.set(phone, PHONE);
    expect(nameOf(await cache.get(pc))).toBe("PC");
    expect(reads).toEqual([storeKey(pc)]);
    expect(cache.size).toBe(1);
  });

  test.each<[string, (key: string) => unknown]>([
    [
      "throws",
      () => {
        throw new Error("no store today");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no store today"))],
    ["rejects with nothing", () => Promise.reject()],
    ["has nothing", () => undefined],
    ["has null", async () => null],
  ])("that %s when read has nothing, and costs no more", async (_what, get) => {
    const cache = new EntityCapsCache({ store: { get, set: () => {} } });
    expect(await cache.get(pc)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  test.each<[string, (key: string) => unknown]>([
    [
      "throws",
      () => {
        throw new Error("no store today");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no store today"))],
    ["never ends", () => new Promise(() => {})],
  ])("that %s when written to harms nobody: memory knows", async (_what, set) => {
    const cache = new EntityCapsCache({ store: { get: () => undefined, set } });
    cache.set(pc, PC);
    await settled();
    expect(cache.peek(pc)).toBe(PC);
  });

  test("that stalls has nothing after a second", async () => {
    const advance = stoppedTimers();
    const cache = new EntityCapsCache({ store: { get: () => new Promise(() => {}), set: () => {} } });
    let result: unknown = "open";
    void Promise.resolve(cache.get(pc)).then((info) => {
      result = info;
    });
    await advance(999);
    expect(result).toBe("open");
    await advance(2);
    expect(result).toBeUndefined();
  });

  test("that stalls together with the trusted one costs one second, not two", async () => {
    const advance = stoppedTimers();
    const get = () => new Promise(() => {});
    const cache = new EntityCapsCache({ store: { get, set: () => {} }, trusted: { get } });
    let result: unknown = "open";
    void Promise.resolve(cache.get(pc)).then((info) => {
      result = info;
    });
    await advance(1_001);
    expect(result).toBeUndefined();
  });

  test("that fails after it stalled is not heard any more", async () => {
    const advance = stoppedTimers();
    let fail = (_error: Error) => {};
    const get = () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      });
    const cache = new EntityCapsCache({ store: { get, set: () => {} } });
    const reading = Promise.resolve(cache.get(pc));
    await advance(1_001);
    expect(await reading).toBeUndefined();
    fail(new Error("too late"));
    await advance(1);
  });

  test("is written to when what it stalled with has been learned from a peer", async () => {
    const { writes, store } = counting();
    const cache = new EntityCapsCache({ store });
    const reading = cache.get(pc);
    cache.set(pc, PC);
    await reading;
    expect(writes).toEqual([storeKey(pc)]);
    expect(cache.peek(pc)).toBe(PC);
  });
});

describe("an entry of a store that is not what its key says", () => {
  const json = JSON.stringify(PC);
  const forged = JSON.stringify(new DiscoInfo({ ...PC, features: [...PC.features, "urn:example:forged"] }));
  const twice = JSON.stringify(new DiscoInfo({ ...PC, features: [...PC.features, ...PC.features] }));

  test.each<[string, unknown]>([
    ["another one's", JSON.stringify(PHONE)],
    ["cut short", json.slice(0, -10)],
    ["empty", ""],
    ["forged", forged],
    ["with repetitions", twice],
    ["of another shape", JSON.stringify({ version: 2, info: PC })],
    ["a list", JSON.stringify([PC])],
    ["a number", "7"],
    ["null in JSON", "null"],
    ["true in JSON", "true"],
    ["no JSON at all", "<query/>"],
    ["bytes", new Uint8Array([1, 2, 3])],
    ["a number, no string", 7],
    ["a function", () => json],
    ["an object of something else", new Date()],
    ["with features that are none", JSON.stringify({ ...PC.toJSON(), features: [7, {}, null] })],
    ["with forms that are none", JSON.stringify({ ...PC.toJSON(), forms: 7 })],
    ["full of what XML cannot carry", JSON.stringify({ ...PC.toJSON(), features: ["a\0b"] })],
    ["an information that is another's", PHONE],
    ["for another hash function", JSON.stringify({ ...PC.toJSON(), hash: "md5" })],
  ])("(%s) is not believed, and replaced when a peer tells the truth", async (_what, entry) => {
    const { map, store } = counting();
    map.set(storeKey(pc), entry);
    const cache = new EntityCapsCache({ store });
    expect(await cache.get(pc)).toBeUndefined();
    expect(cache.size).toBe(0);
    cache.set(pc, PC);
    expect(map.get(storeKey(pc))).toBe(json);
    expect(nameOf(await new EntityCapsCache({ store }).get(pc))).toBe("PC");
  });

  test("is not even looked for under the key of another version", async () => {
    const { reads, store } = counting(new Map([[`xmpp-disco:0:${pc.key}`, json]]));
    expect(await new EntityCapsCache({ store }).get(pc)).toBeUndefined();
    expect(reads).toEqual([storeKey(pc)]);
  });

  const { pairs } = JSON.parse(readVectors("caps115-collisions.json")) as {
    pairs: { name: string; ver: { "sha-1": string }; victim: string; attacker: string }[];
  };

  test.each(pairs)("is not believed where there is another with its hash ($name)", async (pair) => {
    const value = pair.ver["sha-1"];
    const hash = { ...pc, value, key: present(xep0115.key(value)) };
    const believed: unknown[] = [];
    for (const text of [pair.victim, pair.attacker]) {
      const store = new Map([[storeKey(hash), JSON.stringify(DiscoInfo.fromElement(parse(text)))]]);
      const info = await new EntityCapsCache({ store }).get(hash);
      if (info !== undefined) believed.push(info.toJSON());
    }
    // The one reading that can be told from all others, if any.
    expect(believed.length).toBeLessThan(2);
  });
});

describe("what is trusted", () => {
  /** Entries that no hash vouches for, to know them by. */
  const mine = new DiscoInfo({ ...PC, identities: [{ category: "client", type: "pc", name: "Mine" }] });
  const capsdb = {
    node: "https://software.example",
    hash: "sha-1",
    ver: pc.value,
    identities: [{ category: "client", type: "pc", name: "Mine", lang: "en" }],
    features: [...PC.features],
    forms: { "urn:xmpp:dataforms:softwareinfo": { os: ["Amiga"] } },
  };

  test.each<[string, string]>([
    ["the store's key", storeKey(pc)],
    ["the key of the algorithm", pc.key],
    ["the hash in base64", pc.value],
  ])("is found by %s, and believed without a check", async (_what, key) => {
    const cache = new EntityCapsCache({ trusted: new Map([[key, mine]]) });
    expect(nameOf(await cache.get(pc))).toBe("Mine");
    expect(nameOf(cache.peek(pc))).toBe("Mine");
    expect(await cache.get(phone)).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ["a DiscoInfo", mine],
    ["its JSON as an object", mine.toJSON()],
    ["its JSON as text", JSON.stringify(mine)],
    ["a promise of one", Promise.resolve(mine)],
    ["an entry of capsdb", capsdb],
    ["an entry of capsdb as text", JSON.stringify(capsdb)],
    ["an entry of capsdb with the hash function in capitals", { ...capsdb, hash: "SHA-1" }],
  ])("may be %s", async (_what, entry) => {
    const cache = new EntityCapsCache({ trusted: new Map([[pc.value, entry]]) });
    expect(nameOf(await cache.get(pc))).toBe("Mine");
  });

  test("keeps the forms of an entry of capsdb", async () => {
    const cache = new EntityCapsCache({ trusted: new Map([[pc.value, capsdb]]) });
    const info = await cache.get(pc);
    expect(info?.form("urn:xmpp:dataforms:softwareinfo")?.get("os")).toEqual(["Amiga"]);
  });

  test("belongs to nobody, whoever it was taken from", async () => {
    const taken = mine.withSource({ jid: "somebody@example.org/x", node: "n" });
    const cache = new EntityCapsCache({ trusted: new Map([[pc.value, taken]]) });
    const info = await cache.get(pc);
    expect([info?.jid, info?.node]).toEqual([undefined, undefined]);
  });

  test("is left alone where it is for another hash function", async () => {
    const cache = new EntityCapsCache({ trusted: new Map([[pc.value, { ...capsdb, hash: "md5" }]]) });
    expect(await cache.get(pc)).toBeUndefined();
  });

  test("wins over a store", async () => {
    const cache = new EntityCapsCache({
      store: new Map([[storeKey(pc), JSON.stringify(PC)]]),
      trusted: new Map([[pc.value, mine]]),
    });
    expect(nameOf(await cache.get(pc))).toBe("Mine");
  });

  test("wins over what a peer told, also where nobody had looked it up before", async () => {
    const cache = new EntityCapsCache({ trusted: new Map([[pc.value, mine]]) });
    cache.set(pc, PC);
    await settled();
    expect(nameOf(cache.peek(pc))).toBe("Mine");
  });

  test("is never written to, nor is what it says", async () => {
    const { writes, store } = counting();
    const set = vi.fn();
    const trusted = { get: (key: string) => (key === pc.value ? mine : undefined), set };
    const cache = new EntityCapsCache({ store, trusted });
    await cache.get(pc);
    await cache.get(phone);
    cache.set(phone, PHONE);
    await settled();
    expect(set).not.toHaveBeenCalled();
    expect(writes).toEqual([storeKey(phone)]);
  });

  test.each<[string, (key: string) => unknown]>([
    [
      "throws",
      () => {
        throw new Error("not today");
      },
    ],
    ["rejects", () => Promise.reject(new Error("not today"))],
    ["has junk", () => "junk"],
    [
      "has an object that throws",
      () => ({
        get hash() {
          throw new Error("not today");
        },
      }),
    ],
  ])("that %s leaves it to the store", async (_what, get) => {
    const store = new Map([[storeKey(pc), JSON.stringify(PC)]]);
    const cache = new EntityCapsCache({ store, trusted: { get } });
    expect(nameOf(await cache.get(pc))).toBe("PC");
  });
});

describe("bad options are clear errors", () => {
  test.each<[string, unknown, RegExp]>([
    [
      "a store without get",
      { store: { set: () => {} } },
      /store has no get and set: an object of class Object/,
    ],
    ["a store without set", { store: { get: () => {} } }, /store has no get and set/],
    ["a store that is null", { store: null }, /store has no get and set: null/],
    ["a store that is a path", { store: "caps.sqlite" }, /store has no get and set: "caps.sqlite"/],
    ["a plain object as trusted", { trusted: {} }, /trusted has no get/],
    ["trusted that is null", { trusted: null }, /trusted has no get: null/],
    ["room for nothing", { maxEntries: 0 }, /maxEntries is a whole number from 1 on, not 0/],
    ["room for half an entry", { maxEntries: 1.5 }, /maxEntries/],
    ["room without end", { maxEntries: Infinity }, /maxEntries/],
    ["room in words", { maxEntries: "10" }, /maxEntries/],
  ])("%s", (_what, options, message) => {
    expect(() => new EntityCapsCache(options as EntityCapsCacheOptions)).toThrow(message);
  });
});
