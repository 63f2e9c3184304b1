import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import KeyvRedis from "@keyv/redis";
import { type Client, xml } from "@xmpp/client";
import { Keyv } from "keyv";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type CapsStore,
  DiscoClient,
  DiscoServer,
  EntityCapsCache,
  EntityCapsService,
  withServices,
} from "../../src/index.ts";
import { KeyvSqlite } from "../support/keyv-sqlite.ts";
import { Prosody } from "../support/prosody.ts";
import { type JsonProcess, runScript } from "../support/python-client.ts";
import { connect, type Ready } from "../support/ready.ts";
import { Redis } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

// For a busy machine; without other work no test takes longer than four seconds.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const POLL = { interval: 10, timeout: 20_000 };

/** Both XEPs have a hash, and each has an entry. */
const ENTRIES = 2;

const PROCESS = new URL("./python/caps-process.ts", import.meta.url);

let prosody: Prosody;

beforeAll(async () => {
  prosody = await Prosody.start({ accounts: ["romeo", "juliet"] });
});

afterAll(() => prosody?.stop());

/** A contact that runs a program which no other contact has, unless it is of the same name. */
function contact(software: string): Promise<Ready<Client>> {
  return connect({
    service: prosody.service,
    username: "juliet",
    prepare: (xmpp) => {
      const services = withServices(xmpp);
      services.summon(DiscoServer).registerFeature(feature(software));
      services.summon(EntityCapsService, { node: "https://contact.example/" });
    },
  });
}

function feature(software: string): string {
  return `urn:example:software:${software}`;
}

function contacts(softwares: readonly string[]): Promise<Ready<Client>[]> {
  return Promise.all(softwares.map(contact));
}

async function leave(some: readonly Ready<Client>[]): Promise<void> {
  await Promise.all(some.map((ready) => ready.stop()));
}

async function* none(): AsyncGenerator<[string, string]> {}

/** A store, and how to look at what is in it, and to change it, behind the cache's back. */
interface Fixture extends AsyncDisposable {
  readonly store: CapsStore;
  entries(): Promise<Map<string, string>>;
  write(key: string, value: string): unknown;
  delete(key: string): unknown;
}

/** One that belongs to a Keyv. */
function keyvFixture(adapter: KeyvSqlite | KeyvRedis<unknown>, dispose: () => Promise<void>): Fixture {
  const store = new Keyv(adapter);
  return {
    store,
    async entries() {
      const entries = new Map<string, string>();
      for await (const [key, value] of adapter.iterator?.("keyv") ?? none()) {
        entries.set(String(key), String(value));
      }
      return entries;
    },
    write: (key, value) => adapter.set(key, value),
    delete: (key) => adapter.delete(key),
    async [Symbol.asyncDispose]() {
      await store.disconnect();
      await dispose();
    },
  };
}

const fixtures: readonly [string, () => Promise<Fixture>][] = [
  [
    "a Map",
    async () => {
      const store = new Map<string, string>();
      return {
        store,
        entries: async () => new Map(store),
        write: (key, value) => store.set(key, value),
        delete: (key) => store.delete(key),
        async [Symbol.asyncDispose]() {},
      };
    },
  ],
  [
    "Keyv on SQLite",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-sqlite-"));
      const adapter = new KeyvSqlite(join(folder, "caps.sqlite"));
      return keyvFixture(adapter, () => rm(folder, { recursive: true }));
    },
  ],
  [
    "Keyv on Redis",
    async () => {
      const redis = await Redis.start();
      return keyvFixture(new KeyvRedis(redis.url), () => redis.stop());
    },
  ],
];

describe.each(fixtures)("%s", (_name, open) => {
  const SOFTWARES = ["a", "b", "c", "d"];
  let fixture: Fixture;
  let people: Ready<Client>[];
  /** What the store has when all is as it should be. */
  let right: Map<string, string>;

  beforeAll(async () => {
    people = await contacts(SOFTWARES);
  });

  afterAll(() => leave(people ?? []));

  beforeEach(async () => {
    fixture = await open();
    expect(await asks()).toBe(SOFTWARES.length);
    await filled(SOFTWARES.length * ENTRIES);
    right = await fixture.entries();
    return () => fixture[Symbol.asyncDispose]();
  });

  /** How many questions a client sends whose memory is empty, until it knows what all the contacts can do. */
  async function asks(): Promise<number> {
    const announced = new Set<string>();
    const cache = new EntityCapsCache({ store: fixture.store });
    await using romeo = await connect({
      service: prosody.service,
      username: "romeo",
      prepare: (xmpp) => {
        const caps = withServices(xmpp).summon(EntityCapsService, { cache });
        caps.on("capsChanged", (jid) => announced.add(jid));
      },
    });
    await Promise.all(people.map(({ xmpp }) => xmpp.send(xml("presence", { to: romeo.jid }))));
    const disco = withServices(romeo.xmpp).summon(DiscoClient);
    await until(() => people.every(({ jid }) => announced.has(jid)));
    const infos = await Promise.all(people.map(({ jid }) => disco.queryInfo(jid)));
    for (const [index, software] of SOFTWARES.entries()) {
      expect(infos[index]?.features).toContain(feature(software));
      expect(infos[index]?.features.filter((name) => name.startsWith("urn:example:"))).toHaveLength(1);
    }
    return disco.stats.sent;
  }

  async function filled(count: number): Promise<void> {
    await until(async () => (await fixture.entries()).size === count);
  }

  test("what one client learnt the next one knows", async () => {
    expect(await asks()).toBe(0);
    expect(await fixture.entries()).toEqual(right);
  });

  test.each<[string, (raw: string, other: string) => string]>([
    ["swapped with others", (_raw, other) => other],
    ["cut short", (raw) => raw.slice(0, raw.length / 2)],
    ["emptied", () => ""],
    ["with a feature replaced", (raw) => raw.replace("urn:example:software:", "urn:example:forged:")],
    // Keyv puts JSON into JSON.
    [
      "with a feature added",
      (raw) => raw.replace(/(\\?")urn:example:software:/, "$1urn:example:forged$1,$&"),
    ],
    ["of another kind", () => '{"value":"[1,null]"}'],
  ])("entries that are %s are ignored, and replaced", async (_what, tamper) => {
    const values = [...right.values()];
    for (const [key, raw] of right) {
      const other = values.find((value) => softwareOf(value) !== softwareOf(raw)) ?? "";
      await fixture.write(key, tamper(raw, other));
    }
    expect(await fixture.entries()).not.toEqual(right);
    expect(await asks()).toBe(SOFTWARES.length);
    await until(async () => equal(await fixture.entries(), right));
    expect(await asks()).toBe(0);
  });

  test("entries of another version are left alone", async () => {
    const others = new Map([...right].map(([key, raw]) => [key.replace(":1:", ":0:"), `not ours ${raw}`]));
    for (const [key, raw] of others) await fixture.write(key, raw);
    for (const key of right.keys()) await fixture.delete(key);
    expect(await asks()).toBe(SOFTWARES.length);
    await filled(2 * SOFTWARES.length * ENTRIES);
    expect(await fixture.entries()).toEqual(new Map([...others, ...right]));
  });
});

describe("several processes", () => {
  const processes: JsonProcess[] = [];
  let people: Ready<Client>[];

  beforeAll(async () => {
    people = await contacts(["a", "b", "c", "d", "e", "f"]);
  });

  afterAll(() => leave(people ?? []));

  beforeEach(() => async () => {
    await Promise.all(processes.splice(0).map((process) => process.stop()));
  });

  /** A process with a client, which sees the contacts. */
  async function start(store: string): Promise<(jids: readonly string[]) => Promise<number>> {
    return (await startProcess(store)).ask;
  }

  /** A process with a client, which sees the contacts; `ask` returns how many questions it has sent so far. */
  async function startProcess(store: string) {
    const process = await runScript(PROCESS, [prosody.service, "romeo", store]);
    processes.push(process);
    const meet = (some: readonly Ready<Client>[]) =>
      Promise.all(some.map(({ xmpp }) => xmpp.send(xml("presence", { to: String(process.greeting) }))));
    await meet(people);
    const ask = async (jids: readonly string[]) => {
      const answers = await Promise.all(
        jids.map((jid) => process.request<{ features: string[]; sent: number }>("ask", { jid })),
      );
      for (const [index, { features }] of answers.entries()) {
        expect(
          features.filter((name) => name.startsWith("urn:example:")),
          jids[index],
        ).toHaveLength(1);
      }
      return Math.max(...answers.map(({ sent }) => sent));
    };
    return { process, meet, ask };
  }

  test("SQLite: what one process learnt the next one knows", async () => {
    const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-sqlite-"));
    try {
      const file = join(folder, "caps.sqlite");
      const jids = people.map(({ jid }) => jid);
      const first = await startProcess(file);
      expect(await first.ask(jids.slice(0, 4))).toBe(4);
      await using fixture = keyvFixture(new KeyvSqlite(file), async () => {});
      await until(async () => (await fixture.entries()).size === 4 * ENTRIES);
      await first.process.kill();
      const [second, third] = await Promise.all([start(file), start(file)]);
      expect(await second(jids.slice(0, 4))).toBe(0);
      expect(await second(jids)).toBe(2);
      expect(await third(jids.slice(0, 4))).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("Redis: what one process queried the other never asks; without Redis, both ask and are answered", async () => {
    await using redis = await Redis.start();
    await using proxy = await TcpProxy.start(redis.port);
    const adapter = new KeyvRedis({ url: redis.url, socket: { reconnectStrategy: 50 } });
    adapter.on("error", () => {});
    await using fixture = keyvFixture(adapter, async () => {});
    const stored = async () => {
      const keys = [...(await fixture.entries()).keys()];
      return keys.filter((key) => key.includes("xmpp-disco:")).length;
    };
    const [one, two] = await Promise.all([
      startProcess(redis.url),
      startProcess(`redis://127.0.0.1:${proxy.port}`),
    ]);
    const jids = people.map(({ jid }) => jid);

    expect(await one.ask(jids.slice(0, 4))).toBe(4);
    await until(async () => (await stored()) === 4 * ENTRIES);
    expect(await two.ask(jids)).toBe(2);
    await until(async () => (await stored()) === 6 * ENTRIES);
    expect(await one.ask(jids)).toBe(4);

    // Redis falls silent in the middle of a look-up, and dies.
    const newcomers = await contacts(["g", "h", "i"]);
    try {
      const [g = "", h = "", i = ""] = newcomers.map(({ jid }) => jid);
      await Promise.all([one.meet(newcomers), two.meet(newcomers)]);
      proxy.hold("down");
      const asked = two.ask([g]);
      await redis.kill();
      expect(await asked).toBe(3);
      expect(await one.ask([g, h])).toBe(6);
      expect(await one.ask(jids)).toBe(6);

      // It is back, empty, and shared again.
      proxy.release();
      await redis.restart();
      await Promise.all([keeps(one.process), keeps(two.process)]);
      const before = await stored();
      expect(await two.ask([i])).toBe(4);
      await until(async () => (await stored()) === before + ENTRIES);
      expect(await one.ask([i])).toBe(6);
    } finally {
      await leave(newcomers);
    }
  });
});

/** Which program an entry of a store is about. */
function softwareOf(raw: string): string | undefined {
  return /urn:example:software:\w/.exec(raw)?.[0];
}

/** Waits until the store of a process keeps what it is given. */
async function keeps(process: JsonProcess): Promise<void> {
  await until(() => process.request<boolean>("keeps"));
}

/** Waits for a condition, in hooks as well. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + POLL.timeout;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, POLL.interval));
  }
}

function equal(a: Map<string, string>, b: Map<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
