// What happens to a program that runs for long: nobody reads on, the clock is set, the process stands still, the
// computer sleeps. `npm run soak` runs for long itself.
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, xml } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  IqTimeout,
  NS_DISCO_INFO,
  SessionLost,
  withServices,
} from "../../src/index.ts";
import { ChaosProxy } from "../support/chaos-proxy.ts";
import type { Ended } from "../support/line-client.ts";
import { LOOPBACK } from "../support/ports.ts";
import { Prosody } from "../support/prosody.ts";
import { JsonProcess } from "../support/python-client.ts";
import { connect, connectComponent, type Ready } from "../support/ready.ts";
import { survive } from "../support/survive.ts";

const POLL = { interval: 5, timeout: 20_000 };

const DOMAIN = "long.localhost";
const ITEMS = 300;
const CLIENT = new URL("../support/line-client.ts", import.meta.url);

let prosody: Prosody;
let component: Ready<Component>;
/** How often a node, or what there is without one, was asked for. */
const asked = new Map<string, number>();
let requests = 0;

/** Lets those go on who are told nothing yet. */
const held = new Map<string, () => void>();

const item = (index: number) => `item-${index}@${DOMAIN}`;

beforeAll(async () => {
  prosody = await Prosody.start({ smacks: true, components: { [DOMAIN]: "secret" } });
  component = await connectComponent({ service: prosody.componentService, domain: DOMAIN });
  const server = withServices(component.xmpp).summon(DiscoServer);
  const items = Array.from({ length: ITEMS }, (_, index) => ({ jid: item(index) }));
  const note = (node = "") => {
    requests += 1;
    asked.set(node, (asked.get(node) ?? 0) + 1);
  };
  server.setNodeHandler("getInfo", async ({ jid, node }) => {
    note(node);
    if (node?.startsWith("held")) await new Promise<void>((resolve) => held.set(node, resolve));
    return new DiscoInfo({
      identities: [{ category: "hierarchy", type: "leaf", name: node ?? jid ?? "" }],
      features: [NS_DISCO_INFO],
    });
  });
  server.setNodeHandler("getItems", ({ jid, node }) => {
    note(node);
    return new DiscoItems({ jid, node, items: jid === DOMAIN ? items : [] });
  });
});

afterAll(async () => {
  await component?.stop();
  await prosody?.stop();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A client that asks. */
async function asker(service = prosody.service): Promise<{ ready: Ready<Client>; disco: DiscoClient }> {
  const ready = await connect({ service, username: "romeo", reconnectDelay: 20, prepare: survive });
  return { ready, disco: withServices(ready.xmpp).summon(DiscoClient) };
}

describe("a consumer that is slow", () => {
  test("has no page asked for before it looks at it, and one that stops none at all", async () => {
    const { ready, disco } = await asker();
    await using _romeo = ready;
    const iterator = disco.iterItems(DOMAIN, { pageSize: 50 })[Symbol.asyncIterator]();
    const before = requests;
    for (let count = 0; count < 50; count += 1) await iterator.next();
    await sleep(200);
    expect(requests).toBe(before + 1);
    expect((await iterator.next()).value).toEqual({ jid: item(50) });
    await sleep(200);
    expect(requests).toBe(before + 2);
    await iterator.return?.(undefined);
    await sleep(200);
    expect(requests).toBe(before + 2);
  });

  test("gets every item of a long list, each once and in its order", async () => {
    const { ready, disco } = await asker();
    await using _romeo = ready;
    const found: string[] = [];
    for await (const { jid } of disco.iterItems(DOMAIN, { pageSize: 25 })) {
      found.push(jid);
      if (found.length % 25 === 0) await sleep(20);
    }
    expect(found).toEqual(Array.from({ length: ITEMS }, (_, index) => item(index)));
  });

  test.each([
    {
      what: "queryDomain",
      begin: (disco: DiscoClient) => disco.queryDomain(DOMAIN, { concurrency: 5 }),
      // The domain, its list, and as many as are asked at once.
      most: 2 + 5,
    },
    {
      what: "walk",
      begin: (disco: DiscoClient) => disco.walk(DOMAIN, { depth: 2, concurrency: 5 }),
      // For each the information and the items.
      most: 2 * (1 + 5),
    },
  ])(
    "of $what has no more asked ahead than are asked at once, and loses nothing",
    async ({ begin, most }) => {
      const { ready, disco } = await asker();
      await using _romeo = ready;
      const before = requests;
      const iterator = begin(disco);
      const found = new Set<string>();
      const take = async () => {
        const { value, done } = await iterator.next();
        if (done || value === undefined) return false;
        expect(value.error).toBeUndefined();
        found.add(value.jid);
        return true;
      };
      await take();
      await sleep(300);
      expect(requests - before).toBeLessThanOrEqual(most);
      // Each that is taken makes room for one.
      for (let count = 0; count < 10; count += 1) await take();
      await sleep(300);
      expect(requests - before).toBeLessThanOrEqual(most + 2 * 10);
      while (await take());
      expect(found.size).toBe(1 + ITEMS);
    },
  );

  test("that leaves a walk has nothing more asked for it", async () => {
    const { ready, disco } = await asker();
    await using _romeo = ready;
    for await (const { depth } of disco.walk(DOMAIN, { concurrency: 5 })) if (depth === 1) break;
    // What was under way when it left.
    await sleep(200);
    const before = requests;
    await sleep(200);
    expect(requests).toBe(before);
    expect(disco.stats.sent).toBeLessThan(40);
  });
});

describe("a clock that jumps", () => {
  const YEAR = 365 * 24 * 3_600_000;

  test.each([
    ["forward", YEAR],
    ["back", -YEAR],
  ])("a year %s makes no answer older or younger", async (_how, jump) => {
    const { ready, disco } = await asker();
    await using _romeo = ready;
    disco.infoTtl = 600;
    const ask = () => disco.queryInfo(DOMAIN, { node: "dated" });
    const answeredAt = performance.now();
    await ask();
    const { sent } = disco.stats;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jump });
    await ask();
    // Unless this machine has stood still for that long.
    if (performance.now() - answeredAt < 500) expect(disco.stats.sent).toBe(sent);
    await sleep(650);
    await ask();
    expect(disco.stats.sent).toBe(sent + 1);
  });

  test.each([
    ["forward", YEAR],
    ["back", -YEAR],
  ])("a year %s ends no wait early or late", async (_how, jump) => {
    const { ready, disco } = await asker();
    await using _romeo = ready;
    const startedAt = performance.now();
    const ended = disco
      .queryInfo(DOMAIN, { node: `held-clock-${jump}`, timeout: 400 })
      .catch((error: unknown) => error);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jump });
    expect(await ended).toBeInstanceOf(IqTimeout);
    expect(performance.now() - startedAt).toBeGreaterThan(390);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe("a process that stands still for five seconds", () => {
  interface State {
    readonly sessions: number;
    readonly resumed: number;
    readonly status: string;
    readonly resumable: boolean;
  }

  /** Starts a client in a process of its own, whose answers are old after three seconds. */
  async function start(service: string) {
    const client = await JsonProcess.run({
      name: "the client",
      command: process.execPath,
      args: ["--import", "tsx", CLIENT.pathname, service, "3000"],
    });
    const { pid } = client.greeting as { pid: number };
    const ask = (node: string, timeout = 10_000) =>
      client.request<Ended>("ask", { jid: DOMAIN, node, timeout });
    const state = () => client.request<State>("state");
    return { client, pid, ask, state };
  }

  test("ends what is overdue at once, keeps what was answered meanwhile, and believes what is old no longer", async () => {
    const { client, pid, ask, state } = await start(prosody.service);
    await using _client = client;
    expect(await ask("kept")).toMatchObject({ with: "kept", sent: 1 });
    const mute = ask("held-for-ever", 3_000);
    const answered = ask("held-meanwhile", 3_000);
    const patient = ask("held-patient", 60_000);
    await expect.poll(() => held.has("held-patient"), POLL).toBe(true);
    process.kill(pid, "SIGSTOP");
    held.get("held-meanwhile")?.();
    held.get("held-patient")?.();
    await sleep(5_000);
    process.kill(pid, "SIGCONT");
    const continuedAt = performance.now();
    expect(await mute).toMatchObject({ with: "IqTimeout" });
    // It was there in time, and the process could not look: either end is right.
    expect(["IqTimeout", "held-meanwhile"]).toContain((await answered).with);
    expect(await patient).toMatchObject({ with: "held-patient" });
    expect(performance.now() - continuedAt).toBeLessThan(2_000);
    // The answer has come, whoever waited for it.
    const again = await ask("held-meanwhile");
    expect(again).toMatchObject({ with: "held-meanwhile", sent: 4 });
    expect(asked.get("held-meanwhile")).toBe(1);
    // Five seconds are more than three.
    expect(await ask("kept")).toMatchObject({ with: "kept", sent: 5 });
    expect(await state()).toMatchObject({ sessions: 1, resumed: 0, status: "online" });
  });

  test("and finds its connection cut goes on where it was, and gets what was answered meanwhile", async () => {
    await using proxy = await ChaosProxy.start(prosody.port, { seed: 1, unrest: 0 });
    const { client, pid, ask, state } = await start(`xmpp://${LOOPBACK}:${proxy.port}`);
    await using _client = client;
    await expect.poll(async () => (await state()).resumable, POLL).toBe(true);
    const answered = ask("held-cut", 60_000);
    await expect.poll(() => held.has("held-cut"), POLL).toBe(true);
    process.kill(pid, "SIGSTOP");
    proxy.cut("reset");
    await sleep(200);
    held.get("held-cut")?.();
    await sleep(4_800);
    process.kill(pid, "SIGCONT");
    expect(await answered).toMatchObject({ with: "held-cut", sent: 1 });
    expect(await state()).toMatchObject({ sessions: 1, resumed: 1, status: "online" });
    expect(asked.get("held-cut")).toBe(1);
  });
});

describe("a computer that slept, and its connection is dead without a word", () => {
  test("has its next question end in a timeout; when xmpp.js finds out the stream resumes, and the answer comes", async () => {
    await using proxy = await ChaosProxy.start(prosody.port, { seed: 1, unrest: 0 });
    const { ready, disco } = await asker(`xmpp://${LOOPBACK}:${proxy.port}`);
    await using romeo = ready;
    const { streamManagement } = romeo.xmpp;
    await expect.poll(() => streamManagement.id, POLL).not.toBe("");
    // How long xmpp.js waits for an acknowledgement, a minute by itself, and for the end of a stream.
    Object.assign(streamManagement, { timeout: 500 });
    romeo.xmpp.timeout = 300;
    proxy.freeze();
    const ask = (timeout: number) => disco.queryInfo(DOMAIN, { node: "asleep", timeout });
    await expect(ask(200)).rejects.toBeInstanceOf(IqTimeout);
    expect((await ask(15_000)).name()).toBe("asleep");
    expect(disco.stats.sent).toBe(1);
    expect(asked.get("asleep")).toBe(1);
    expect(proxy.made).toBe(2);
  });

  test("without resumption has it end in a timeout, all else in SessionLost when it connects anew, and then works", async () => {
    await using plain = await Prosody.start();
    await using proxy = await ChaosProxy.start(plain.port, { seed: 1, unrest: 0 });
    const { ready, disco } = await asker(`xmpp://${LOOPBACK}:${proxy.port}`);
    await using romeo = ready;
    romeo.xmpp.timeout = 300;
    expect((await disco.queryInfo("localhost")).hasIdentity("server", "im")).toBe(true);
    proxy.freeze();
    // What is cached is told yet; nobody knows better.
    await disco.queryInfo("localhost");
    await expect(disco.queryInfo("muc.localhost", { timeout: 200 })).rejects.toBeInstanceOf(IqTimeout);
    const open = disco.queryInfo("muc.localhost").catch((error: unknown) => error);
    // Nothing in xmpp.js finds out: this is what an application does then.
    const online = new Promise((resolve) => romeo.xmpp.once("online", resolve));
    await romeo.xmpp.disconnect().catch(() => {});
    expect(await open).toBeInstanceOf(SessionLost);
    await online;
    const { sent } = disco.stats;
    expect((await disco.queryInfo("localhost")).hasIdentity("server", "im")).toBe(true);
    expect((await disco.queryInfo("muc.localhost")).hasIdentity("conference")).toBe(true);
    expect(disco.stats.sent).toBe(sent + 2);
  });
});

describe("a client that never rests", () => {
  const NS_SM = "urn:xmpp:sm:3";

  test("has to ask for acknowledgements itself: xmpp.js 0.14 asks when nothing was sent for 250 ms, and keeps all until then", async () => {
    const { ready, disco } = await asker();
    await using romeo = ready;
    const management = romeo.xmpp.streamManagement as unknown as { id: string; outbound_q: unknown[] };
    await expect.poll(() => management.id, POLL).not.toBe("");
    let count = 0;
    const work = async (milliseconds: number) => {
      for (const end = performance.now() + milliseconds; performance.now() < end; await sleep(20)) {
        count += 1;
        await disco.queryInfo(DOMAIN, { node: `work-${count}` });
      }
    };
    await work(1_500);
    expect(management.outbound_q.length).toBe(count);
    await romeo.xmpp.send(xml("r", { xmlns: NS_SM }));
    await work(200);
    expect(management.outbound_q.length).toBeLessThan(count / 2);
  });
});
