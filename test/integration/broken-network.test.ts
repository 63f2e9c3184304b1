// A client behind a bad network, at real servers: see test/support/chaos-proxy.ts for what breaks.
//
// Settable by the environment: CHAOS_SEED (what happens, in which order, and where it breaks), CHAOS_QUERIES and
// CHAOS_CUTS (how many of each; as many presences as queries). `npm test` has a small size, `npm run chaos` the full one.
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Client, client, xml } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import type { Element } from "@xmpp/xml";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  EntityCapsService,
  IqError,
  IqTimeout,
  NS_DISCO_INFO,
  SessionLost,
  withServices,
  xep0115,
  xep0390,
} from "../../src/index.ts";
import { ChaosProxy, CUTS } from "../support/chaos-proxy.ts";
import { Ejabberd } from "../support/ejabberd.ts";
import { LOOPBACK } from "../support/ports.ts";
import { Prosody } from "../support/prosody.ts";
import { Random } from "../support/random.ts";
import { type ConnectOptions, connect, connectComponent, type Ready } from "../support/ready.ts";
import { beginAnew, type Connection, survive } from "../support/survive.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const SEED = Number(process.env["CHAOS_SEED"] ?? 1);
const QUERIES = Number(process.env["CHAOS_QUERIES"] ?? 400);
const BREAKS = Number(process.env["CHAOS_CUTS"] ?? 8);
const PER_BREAK = Math.ceil(QUERIES / BREAKS);

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
const POLL = { interval: 5, timeout: 30_000 };
/**
 * How long a server may take that may be deaf: Prosody 0.12 reads a stream that is resumed as if it went on in the middle
 * of the stanza that was cut, in which all that comes may be held for a part of it.
 */
const DEAF = 3_000;
/** How long a client may take until it is back. */
const PATIENCE = 30_000;
/**
 * How long a negotiation may take until it is given up. xmpp.js 0.14 does not do that itself, and hangs where one was cut:
 * what waited for its answers acts on those of the next one, too.
 */
const STUCK = 2_000;
/**
 * The same with ejabberd 23.01 over WebSocket, where a stream may be resumed: what it was about to write when the connection
 * broke, it tries to write for 15 seconds, and hears of no resumption meanwhile. Then it resumes the stream, or begins a new
 * session. To give up and come again sooner is of no use.
 */
const STALLED = 20_000;
/** How much time a cut may take, all in all. */
const PER_CUT = { normal: 3_000, stalled: 20_000 };

const ECHO = "echo.localhost";
const CONTACTS = 100;
const VARIANTS = 40;
const SOFTWARE = "https://software.example/";
/** How much more heap there may be at the end than at the beginning. */
const TOLERANCE = 3e6;

const contact = (index: number) => `c${index}@${ECHO}/x`;

/** What a kind of software tells. */
const variants = Array.from(
  { length: VARIANTS },
  (_, index) =>
    new DiscoInfo({
      identities: [{ category: "client", type: "pc", name: `Software ${index}` }],
      features: [NS_DISCO_INFO, ...Array.from({ length: 10 }, (_, at) => `urn:feature:${index + at}`)],
    }),
);
const variantByNode = new Map(
  variants.flatMap((info, index) => [
    [xep0115.node(SOFTWARE, xep0115.hash(info)), index] as const,
    ...xep0390.hashSet(info).map((hash) => [xep0390.node(hash), index] as const),
  ]),
);

const variantOf = (info: DiscoInfo) => Number(/^Software (\d+)$/.exec(info.name() ?? "")?.[1] ?? -1);

function isAnswer(element: Element): boolean {
  return element.is("iq") && ["result", "error"].includes(element.attrs["type"]);
}

/** Remembers what those who are asked really said, to whom and when. */
class Witness {
  /** By the number that each answer has in it. */
  readonly said = new Map<string, { readonly from: string; readonly to: string; readonly node: string }>();
  /** How often each target was asked in a session, which has a JID of its own. */
  readonly asked = new Map<string, number>();
  /** The ids of the answers that were handed to the server, and of those that came from it. */
  readonly told = new Set<unknown>();
  readonly heard = new Set<unknown>();
  /** What each contact has run so far, the latest last. */
  readonly history: number[][] = Array.from({ length: CONTACTS }, (_, index) => [index % VARIANTS]);
  #serial = 0;

  /** The name of an answer that is given now. */
  note(kind: string, from: string | undefined, to: string, node: string): string {
    const key = [kind, from, to, node].join("\n");
    this.asked.set(key, (this.asked.get(key) ?? 0) + 1);
    this.#serial += 1;
    const name = `${node}#${this.#serial}`;
    this.said.set(name, { from: from ?? "", to, node });
    return name;
  }

  /** What was asked more than once within a session. */
  repeated(): string[] {
    return [...this.asked].filter(([, count]) => count > 1).map(([key]) => key);
  }

  forget(): void {
    this.said.clear();
    this.asked.clear();
    this.told.clear();
    this.heard.clear();
    this.history.length = 0;
  }

  /** Has a client or component tell what it is asked, and notes it. */
  attend(xmpp: Client | Component): void {
    xmpp.on("send", (stanza: Element) => {
      if (isAnswer(stanza)) this.told.add(stanza.attrs["id"]);
    });
    const server = withServices(xmpp).summon(DiscoServer);
    server.setNodeHandler("getInfo", ({ jid = "", node = "", from }) => {
      const name = this.note("info", from, jid, node);
      const index = Number(/^c(\d+)@/.exec(jid)?.[1] ?? -1);
      const known = node === "" ? this.history[index]?.at(-1) : variantByNode.get(node);
      const variant = known === undefined ? undefined : variants[known];
      return (
        variant ??
        new DiscoInfo({
          identities: [{ category: "hierarchy", type: "leaf", name }],
          features: [NS_DISCO_INFO],
        })
      );
    });
    server.setNodeHandler("getItems", ({ jid = "", node = "", from }) => {
      const name = this.note("items", from, jid, node);
      return new DiscoItems({ jid, node, items: [{ jid: ECHO, node: name }] });
    });
  }
}

/** What is done in one step: queries and presences, and how the network breaks meanwhile. */
interface Step {
  readonly queries: readonly Query[];
  readonly presences: readonly { readonly contact: number; readonly variant: number }[];
  readonly how: (typeof CUTS)[number];
  readonly direction: "up" | "down";
  readonly bytes: number;
  /** After how many bytes the connection after it breaks, too. */
  readonly again: number | undefined;
  readonly pause: number;
  /** Whether the next ten are asked when the ten before are answered, and while the client is on line. */
  readonly waits: boolean;
}

type Query =
  | { readonly kind: "info" | "items"; readonly of: "component" | "client"; readonly node: string }
  | { readonly kind: "contact"; readonly contact: number };

/** The whole course of a run follows from its seed. */
function plan(seed: number): Step[] {
  const random = new Random(seed);
  let next = 0;
  const query = (): Query => {
    if (random.happens(0.25)) return { kind: "contact", contact: random.below(CONTACTS) };
    const kind = random.happens(0.2) ? "items" : "info";
    const of = random.happens(0.25) ? "client" : "component";
    // One in ten was asked shortly before: it is known, under way, or was lost.
    if (!random.happens(0.1) || next === 0) next += 1;
    return { kind, of, node: `q${next - random.below(Math.min(3, next))}` };
  };
  return Array.from({ length: BREAKS }, () => {
    const direction = random.pick(["up", "down"] as const);
    return {
      queries: Array.from({ length: PER_BREAK }, query),
      presences: Array.from({ length: PER_BREAK }, () => ({
        contact: random.below(CONTACTS),
        variant: random.below(VARIANTS),
      })),
      how: random.pick(CUTS),
      direction,
      bytes: 1 + random.below(PER_BREAK * (direction === "up" ? 200 : 500)),
      again: random.happens(0.25) ? 1 + random.below(1_500) : undefined,
      pause: random.below(4),
      waits: random.happens(0.7),
    };
  });
}

/** How many of each kind there are. */
function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function listeners(emitter: NodeJS.EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));
}

const streamManagement = (xmpp: Client) => xmpp.streamManagement as unknown as NodeJS.EventEmitter;

/** The heap in use, after what is not has gone. */
async function heap(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let pass = 0; pass < 4; pass += 1) {
    collect();
    await sleep(5);
  }
  return process.memoryUsage().heapUsed;
}

/** A client whose network breaks, and those whom it asks. */
class Storm implements AsyncDisposable {
  readonly witness = new Witness();
  readonly failures: string[] = [];
  readonly outcomes = { answered: 0, lost: 0, withheld: 0 };
  sessions = 0;
  resumed = 0;
  presences = 0;
  /** How often a negotiation hung. */
  stuck = 0;
  /** How often the server heard nothing more in a stream that was resumed. */
  deaf = 0;
  /** Whether it is a server that does that. */
  readonly mayBeDeaf: boolean;
  /** How long each disconnection took, in seconds. */
  readonly outages: number[] = [];
  /**
   * Whether it may take 15 seconds over a resumption: {@link STALLED}. Of the answers that come to ejabberd meanwhile, it
   * loses some.
   */
  readonly stalls: boolean;
  readonly #stuck: number;
  #brokenAt: number | undefined;
  /** For each contact the place in its history that was announced last in this session, or that it began with. */
  #floor: number[] = [];

  readonly proxy: ChaosProxy;
  readonly romeo: Ready<Client>;
  readonly juliet: Ready<Client>;
  readonly component: Ready<Component>;
  readonly disco: DiscoClient;

  private constructor(
    proxy: ChaosProxy,
    romeo: Ready<Client>,
    juliet: Ready<Client>,
    component: Ready<Component>,
    disco: DiscoClient,
    faults: { readonly mayBeDeaf: boolean; readonly stalls: boolean },
  ) {
    this.proxy = proxy;
    this.romeo = romeo;
    this.juliet = juliet;
    this.component = component;
    this.disco = disco;
    this.mayBeDeaf = faults.mayBeDeaf;
    this.stalls = faults.stalls;
    this.#stuck = faults.stalls ? STALLED : STUCK;
    this.witness.attend(component.xmpp);
    this.witness.attend(juliet.xmpp);
    romeo.xmpp.on("element", (element: Element) => {
      if (isAnswer(element)) this.witness.heard.add(element.attrs["id"]);
    });
    const begin = () => {
      this.sessions += 1;
      this.#floor = this.witness.history.map((variants) => variants.length - 1);
    };
    begin();
    const connected = () => {
      if (this.#brokenAt !== undefined) this.outages.push((performance.now() - this.#brokenAt) / 1_000);
      this.#brokenAt = undefined;
    };
    romeo.xmpp.on("disconnect", () => {
      this.#brokenAt ??= performance.now();
    });
    romeo.xmpp.on("online", () => {
      connected();
      begin();
    });
    streamManagement(romeo.xmpp).on("resumed", () => {
      connected();
      this.resumed += 1;
    });
    romeo.xmpp.on("stanza", (stanza: Element) => {
      const index = stanza.is("presence") ? Number(/^c(\d+)@/.exec(stanza.attrs["from"])?.[1] ?? -1) : -1;
      if (index < 0) return;
      this.presences += 1;
      this.#floor[index] = Number(stanza.getChildText("status"));
    });
  }

  static async start(
    server: Prosody | Ejabberd,
    transport: string,
    smacks: boolean,
    seed: number,
  ): Promise<Storm> {
    const isTcp = transport === "TCP";
    // Prosody 0.12 goes on with the frames of the old connection where a stream is resumed: see the test below.
    const isFragile = server instanceof Prosody && !isTcp;
    const proxy = await ChaosProxy.start(isTcp ? server.port : server.httpPort, {
      seed,
      ...(isFragile ? { whole: "up" } : {}),
    });
    const component = await connectComponent({ service: server.componentService, domain: ECHO });
    const juliet = await connect({ service: isTcp ? server.service : server.webSocket, username: "juliet" });
    let disco: DiscoClient | undefined;
    const romeo = await connect({
      service: isTcp ? `xmpp://${LOOPBACK}:${proxy.port}` : `ws://${LOOPBACK}:${proxy.port}/xmpp-websocket`,
      username: "romeo",
      reconnectDelay: 10,
      prepare: (xmpp) => {
        survive(xmpp);
        const services = withServices(xmpp);
        disco = services.summon(DiscoClient);
        services.summon(EntityCapsService, { node: "https://romeo.example/" });
      },
    });
    // What xmpp.js waits for in a negotiation that is cut.
    romeo.xmpp.timeout = 2_000;
    if (disco === undefined) throw new Error("nothing was prepared");
    const isProsody = server instanceof Prosody;
    return new Storm(proxy, romeo, juliet, component, disco, {
      mayBeDeaf: isProsody && smacks,
      stalls: !isProsody && smacks && !isTcp,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.romeo.stop(), this.juliet.stop(), this.component.stop()]);
    await this.proxy.stop();
  }

  get jid(): string {
    return this.romeo.xmpp.jid?.toString() ?? "";
  }

  get cuts(): number {
    return Object.values(this.proxy.cuts).reduce((sum, count) => sum + count, 0);
  }

  /** Does one step, until all of its queries have ended and the client is back. */
  async step(step: Step, canResume: boolean): Promise<void> {
    const { sessions, cuts } = this;
    const { lost } = this.outcomes;
    this.proxy.cutAfter(step.how, step.direction, step.bytes);
    if (step.again !== undefined && !this.stalls) this.proxy.cutNext(step.how, step.direction, step.again);
    const running: Promise<void>[] = [];
    for (const [index, query] of step.queries.entries()) {
      running.push(this.#ask(query));
      const change = step.presences[index];
      if (change !== undefined) await this.#announce(change.contact, change.variant);
      if (index % 10 < 9) continue;
      await sleep(step.pause);
      if (!step.waits) continue;
      await Promise.race([Promise.all(running), sleep(50)]);
      if (this.romeo.xmpp.status !== "online") await this.back();
    }
    const settled = Promise.all(running);
    // There may have been too few bytes.
    await Promise.race([settled, sleep(150)]);
    while (this.cuts === cuts) {
      await this.back();
      this.proxy.cut(step.how);
    }
    // Meanwhile, since what is asked may not end before.
    await Promise.all([settled, this.back()]);
    const hasCause = canResume ? this.sessions > sessions : this.cuts > cuts;
    if (this.outcomes.lost > lost && !hasCause) {
      this.failures.push(`${this.outcomes.lost - lost} queries were lost in a session that went on`);
    }
  }

  /** Resolves when the client is connected and asks with success. */
  async back(): Promise<void> {
    const { xmpp } = this.romeo;
    const deadline = performance.now() + PATIENCE;
    let stuckAt = performance.now() + this.#stuck;
    for (let probe = 1; ; probe += 1) {
      if (xmpp.status === "online") {
        const node = `probe-${this.cuts}-${this.presences}-${probe}`;
        const timeout = this.mayBeDeaf || this.stalls ? DEAF : PATIENCE;
        const answer = await this.disco.queryInfo(ECHO, { node, timeout }).catch((error: unknown) => error);
        if (answer instanceof DiscoInfo) return;
        if (answer instanceof IqTimeout && this.mayBeDeaf) {
          this.deaf += 1;
          await beginAnew(xmpp);
        } else if (!(answer instanceof SessionLost || (answer instanceof IqTimeout && this.stalls))) {
          throw answer;
        }
        stuckAt = performance.now() + this.#stuck;
      }
      if (performance.now() > deadline)
        throw new Error(`the client does not come back: it is ${xmpp.status}`);
      if (performance.now() > stuckAt && xmpp.status !== "online") {
        stuckAt = performance.now() + this.#stuck;
        this.stuck += 1;
        await xmpp.disconnect().catch(() => {});
      }
      await sleep(5);
    }
  }

  async #announce(index: number, variant: number): Promise<void> {
    const history = this.witness.history[index];
    const info = variants[variant];
    if (history === undefined || info === undefined) return;
    history.push(variant);
    await this.component.xmpp.send(
      xml(
        "presence",
        { from: contact(index), to: this.jid },
        xml("status", {}, String(history.length - 1)),
        xep0115.element({ node: SOFTWARE, info }),
        xep0390.element({ info, algorithms: ["sha-256"] }),
      ),
    );
  }

  async #ask(query: Query): Promise<void> {
    const asked = query.kind === "contact" ? this.#askContact(query.contact) : this.#askNode(query);
    try {
      const wrong = await asked;
      this.outcomes.answered += 1;
      if (wrong !== undefined) this.failures.push(wrong);
    } catch (error) {
      if (error instanceof SessionLost) this.outcomes.lost += 1;
      else if (this.#isWithheld(error)) this.outcomes.withheld += 1;
      else this.failures.push(`${JSON.stringify(query)}: ${error}`);
    }
  }

  /** Whether no answer came as the server was handed one and has not passed it on. */
  #isWithheld(error: unknown): boolean {
    if (!this.stalls || !(error instanceof IqTimeout) || error.request === undefined) return false;
    const id: unknown = error.request.attrs["id"];
    return this.witness.told.has(id) && !this.witness.heard.has(id);
  }

  /** Resolves with what is wrong with the answer. */
  async #askNode({ kind, of, node }: Exclude<Query, { kind: "contact" }>): Promise<string | undefined> {
    const to = of === "component" ? ECHO : this.juliet.jid;
    const name =
      kind === "info"
        ? (await this.disco.queryInfo(to, { node })).name()
        : (await this.disco.queryItems(to, { node })).items[0]?.node;
    const said = this.witness.said.get(name ?? "");
    const isRight = said?.node === node && said.to === to && said.from === this.jid;
    return isRight
      ? undefined
      : `${node} of ${to} is answered with ${name}, which was ${JSON.stringify(said)}`;
  }

  async #askContact(index: number): Promise<string | undefined> {
    const floor = this.#floor[index] ?? 0;
    const variant = variantOf(await this.disco.queryInfo(contact(index)));
    const since = this.witness.history[index]?.slice(floor) ?? [];
    return since.includes(variant) ? undefined : `contact ${index} has ${variant}, and not one of ${since}`;
  }
}

describe.each([
  { name: "Prosody", Server: Prosody },
  { name: "ejabberd", Server: Ejabberd },
])("a bad network between a client and $name", ({ name, Server }) => {
  describe.each([
    { how: "with resumption", smacks: true },
    { how: "without resumption", smacks: false },
  ])("$how", ({ how, smacks }) => {
    let server: Prosody | Ejabberd;

    beforeAll(async () => {
      server = await Server.start({ smacks, components: { [ECHO]: "secret" } });
    });

    afterAll(() => server?.stop());

    test.each(["TCP", "WebSocket"])(
      `over %s: ${QUERIES} queries over ${BREAKS} cuts end with what was really said or with the session, each asked once, and leave nothing behind (seed ${SEED})`,
      async (transport) => {
        const startedAt = performance.now();
        await using storm = await Storm.start(server, transport, smacks, SEED);
        const { xmpp } = storm.romeo;
        const steps = plan(SEED);
        if (smacks) await expect.poll(() => xmpp.streamManagement.id, POLL).not.toBe("");
        // What is compiled and allocated once is not the storm's.
        const warmUp = steps.splice(0, Math.max(1, Math.floor(BREAKS / 10)));
        for (const step of warmUp) await storm.step(step, smacks);
        storm.disco.flushCache();
        storm.witness.asked.clear();
        await quiet(xmpp);
        const before = {
          heap: await heap(),
          listeners: listeners(xmpp),
          sm: listeners(streamManagement(xmpp)),
        };
        const resources = tally(process.getActiveResourcesInfo());
        for (const step of steps) await storm.step(step, smacks);
        const cuts = { ...storm.proxy.cuts };

        expect({ failures: storm.failures, repeated: storm.witness.repeated() }).toEqual({
          failures: [],
          repeated: [],
        });
        const { answered, lost, withheld } = storm.outcomes;
        expect(answered + lost + withheld).toBe(PER_BREAK * BREAKS);
        // Only with ejabberd, and only what it was handed and has lost: now and then some of one cut.
        expect(withheld).toBeLessThan(Math.max(QUERIES / 50, PER_BREAK));
        expect(storm.cuts).toBeGreaterThanOrEqual(BREAKS);
        if (smacks) expect(storm.resumed).toBeGreaterThan(0);
        else expect(storm.sessions).toBeGreaterThan(BREAKS / 2);

        storm.disco.flushCache();
        storm.witness.forget();
        await quiet(xmpp);
        // An end or a beginning that xmpp.js gave up on waits for its timeout.
        await expect.poll(() => listeners(xmpp), POLL).toEqual(before.listeners);
        expect(listeners(streamManagement(xmpp))).toEqual(before.sm);
        await until(() => {
          // What xmpp.js asked in a negotiation that was cut has a timer of half a minute.
          const { size } = (xmpp.iqCaller as unknown as { handlers: Map<string, unknown> }).handlers;
          const timers = (tally(process.getActiveResourcesInfo())["Timeout"] ?? 0) - size;
          return timers <= (resources["Timeout"] ?? 0);
        }, "the timers are as many as before");
        const grown = (await heap()) - before.heap;
        // biome-ignore lint/suspicious/noConsole: the figures of a run are what `npm run chaos` is for
        console.log(
          `${name} over ${transport} ${how}, seed ${SEED}: ${answered} answered, ${lost} lost with their session, ` +
            `${withheld} withheld by the server, ${storm.presences} presences received; ${storm.cuts} cuts (${JSON.stringify(cuts)}), ` +
            `${storm.resumed} resumed, ${storm.sessions} sessions, ${storm.stuck} negotiations hung, ` +
            `${storm.deaf} times deaf, ${storm.outages.filter((seconds) => seconds > 10).length} times away for ` +
            `more than 10 s, ${Math.max(...storm.outages).toFixed(1)} s at most; ` +
            `heap ${(grown / 1e6).toFixed(2)} MB more, ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
        );
        expect(grown).toBeLessThan(TOLERANCE);
      },
      60_000 + BREAKS * (name === "ejabberd" && smacks ? PER_CUT.stalled : PER_CUT.normal),
    );
  });
});

/** Waits for something without a timer that is there while it looks. */
async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not so: ${what}`);
    await sleep(5);
  }
}

/**
 * What is answered in the session that lasts: xmpp.js 0.14 may begin another one soon after it has come back, as the end of
 * an old stream, for which it waits yet, ends the new one.
 */
async function lasting<T>(
  ask: () => Promise<T>,
  isPassing: (error: unknown) => boolean = (error) => error instanceof SessionLost,
): Promise<T> {
  for (const deadline = performance.now() + PATIENCE; ; await sleep(5)) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || performance.now() > deadline) throw error;
    }
  }
}

/** Whether whom was asked, or who asks, is between two sessions. */
function isAway(error: unknown): boolean {
  return (
    error instanceof SessionLost ||
    (error instanceof IqError && ["recipient-unavailable", "service-unavailable"].includes(error.condition))
  );
}

/** Resolves when xmpp.js waits for nothing that was sent. */
async function quiet(xmpp: Client): Promise<void> {
  const management = xmpp.streamManagement as unknown as { enabled: boolean; outbound_q: unknown[] };
  await expect.poll(() => management.outbound_q.length, POLL).toBe(0);
}

describe("a server that is replaced by another one on the same port", () => {
  const CARBONS = "urn:xmpp:carbons:2";

  /** A client that comes back by itself, with capabilities. */
  function comesBack(options: ConnectOptions): Promise<Ready<Client>> {
    return connect({
      reconnectDelay: 20,
      ...options,
      prepare: (xmpp) => {
        survive(xmpp);
        withServices(xmpp).summon(EntityCapsService, { node: SOFTWARE });
      },
    });
  }

  const online = (...clients: readonly Ready<Client>[]) =>
    Promise.all(clients.map(({ xmpp }) => new Promise((resolve) => xmpp.once("online", resolve))));

  test.each([
    { how: "stopped", signal: "SIGTERM", smacks: false },
    { how: "stopped", signal: "SIGTERM", smacks: true },
    { how: "killed", signal: "SIGKILL", smacks: false },
    { how: "killed", signal: "SIGKILL", smacks: true },
  ] as const)(
    "$how, and started with other modules: what was known of it and of contacts is not believed (stream management: $smacks)",
    async ({ signal, smacks }) => {
      await using prosody = await Prosody.start({ smacks });
      await using romeo = await comesBack({ service: prosody.service, username: "romeo" });
      await using juliet = await comesBack({
        service: prosody.service,
        username: "juliet",
        resource: "balcony",
      });
      const services = withServices(romeo.xmpp);
      const [disco, caps] = [services.summon(DiscoClient), services.summon(EntityCapsService)];
      const told = withServices(juliet.xmpp).summon(DiscoServer);
      told.registerFeature("urn:example:before");
      await juliet.xmpp.send(xml("presence", { to: romeo.jid }));
      await expect.poll(() => caps.announces(juliet.jid), POLL).toBe(true);
      // Prosody tells its own hash in its stream features.
      expect(caps.announces("localhost")).toBe(true);
      expect(await disco.supports("localhost", CARBONS)).toBe(false);
      expect(await disco.supports(juliet.jid, "urn:example:before")).toBe(true);
      const { sent } = disco.stats;
      await disco.queryInfo("localhost");
      await disco.queryInfo(juliet.jid);
      expect(disco.stats.sent).toBe(sent);

      const back = online(romeo, juliet);
      if (prosody.pid !== undefined) process.kill(prosody.pid, signal);
      await expect.poll(() => prosody.pid, POLL).toBeUndefined();
      const file = join(prosody.folder, "prosody.cfg.lua");
      const config = await readFile(file, "utf8");
      expect(config).toContain(`"ping"; "version";`);
      await writeFile(file, config.replace(`"ping"; "version";`, `"carbons";`));
      // Meanwhile a contact has become something else, and says so to nobody.
      told.unregisterFeature("urn:example:before");
      told.registerFeature("urn:example:after");
      await prosody.restart();
      await back;

      expect(juliet.xmpp.jid?.toString()).toBe(juliet.jid);
      expect(caps.announces(juliet.jid)).toBe(false);
      const [info, contact] = await Promise.all([
        lasting(() => disco.queryInfo("localhost")),
        lasting(() => disco.queryInfo(juliet.jid), isAway),
      ]);
      expect([CARBONS, "urn:xmpp:ping", "jabber:iq:version"].map((feature) => info.has(feature))).toEqual([
        true,
        false,
        false,
      ]);
      expect(["before", "after"].map((when) => contact.has(`urn:example:${when}`))).toEqual([false, true]);
    },
  );

  test("by ejabberd in place of Prosody and by Prosody again: each time it is known for what it is", async () => {
    await using prosody = await Prosody.start({ smacks: true });
    await using ejabberd = await Ejabberd.start({ smacks: true });
    await using proxy = await ChaosProxy.start(prosody.port, { seed: SEED });
    await using romeo = await comesBack({ service: `xmpp://${LOOPBACK}:${proxy.port}`, username: "romeo" });
    const disco = withServices(romeo.xmpp).summon(DiscoClient);
    const who = async () => [
      (await disco.queryInfo("localhost")).name(),
      (await disco.queryItems("localhost")).items.length,
      await disco.supports("localhost", "http://jabber.org/protocol/pubsub"),
    ];
    const first = await who();
    expect(first[0]).toBe("Prosody");
    for (const [server, name] of [
      [ejabberd, "ejabberd"],
      [prosody, "Prosody"],
    ] as const) {
      const back = online(romeo);
      proxy.target = server.port;
      proxy.cut("reset");
      await back;
      const now = await lasting(who);
      expect(now[0]).toBe(name);
      if (name === "Prosody") expect(now).toEqual(first);
      else expect(now).not.toEqual(first);
    }
  });
});

// None of it can be mended from outside for good: when one of these fails, xmpp.js or Prosody has been.
describe("what a bad network does to xmpp.js 0.14", () => {
  test("bytes after the end of the stream throw out of its socket, unless one looks after it", async () => {
    const greeting =
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " +
      "id='s' from='localhost' version='1.0'><stream:features/>";
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", async () => {
        socket.write(greeting);
        await sleep(20);
        socket.write("</stream:stream>");
        await sleep(20);
        socket.end("\n");
      });
    }).listen(0, LOOPBACK);
    await once(server, "listening");
    const thrownBy = async (prepare: (xmpp: Client) => void) => {
      const { port } = server.address() as AddressInfo;
      const xmpp = client({ service: `xmpp://${LOOPBACK}:${port}`, domain: "localhost" });
      xmpp.reconnect.stop();
      xmpp.on("error", () => {});
      prepare(xmpp);
      const thrown: unknown[] = [];
      const connection = xmpp as unknown as Connection;
      const { _onData } = connection;
      connection._onData = (bytes) => {
        try {
          _onData.call(connection, bytes);
        } catch (error) {
          thrown.push(error);
        }
      };
      const disconnected = new Promise((resolve) => xmpp.once("disconnect", resolve));
      xmpp.start().catch(() => {});
      await disconnected;
      return thrown;
    };
    try {
      expect(await thrownBy(() => {})).toEqual([expect.any(TypeError)]);
      expect(await thrownBy(survive)).toEqual([]);
    } finally {
      server.close();
    }
  });

  test("a socket that does not close in time is left without a listener for its errors, unless one looks after it", async () => {
    await using prosody = await Prosody.start();
    const listenersLeft = async (prepare: (xmpp: Client) => void) => {
      await using proxy = await ChaosProxy.start(prosody.port, { seed: SEED });
      const service = `xmpp://${LOOPBACK}:${proxy.port}`;
      await using romeo = await connect({ service, username: "romeo", reconnect: false, prepare });
      romeo.xmpp.timeout = 50;
      const { socket } = romeo.xmpp as unknown as Connection;
      proxy.freeze();
      await romeo.xmpp.disconnect().catch(() => {});
      const count = socket?.listenerCount("error");
      // The proxy resets it when it ends.
      socket?.on("error", () => {});
      return count;
    };
    expect(await listenersLeft(() => {})).toBe(0);
    expect(await listenersLeft(survive)).toBe(1);
  });

  test("a stream over WebSocket that was cut in the middle of a frame is resumed by Prosody 0.12 with that half: what is asked is lost or overdue, and works in a new session", async () => {
    await using prosody = await Prosody.start({ smacks: true });
    await using proxy = await ChaosProxy.start(prosody.httpPort, { seed: SEED, unrest: 0 });
    await using romeo = await connect({
      service: `ws://${LOOPBACK}:${proxy.port}/xmpp-websocket`,
      username: "romeo",
      reconnectDelay: 20,
    });
    const disco = withServices(romeo.xmpp).summon(DiscoClient);
    await expect.poll(() => romeo.xmpp.streamManagement.id, POLL).not.toBe("");
    const resumed = new Promise((resolve) => streamManagement(romeo.xmpp).once("resumed", resolve));
    proxy.cutAfter("reset", "up", 20);
    const asked = disco.queryInfo("localhost", { timeout: 2_000 }).catch((error: unknown) => error);
    await resumed;
    // The first of the new bytes complete the old frame. What comes then may be taken for a frame that never ends.
    const error = await asked;
    expect(error instanceof IqTimeout || error instanceof SessionLost).toBe(true);
    if (error instanceof IqTimeout) {
      romeo.xmpp.timeout = 500;
      await beginAnew(romeo.xmpp);
    }
    await expect.poll(() => romeo.xmpp.status, POLL).toBe("online");
    const info = await lasting(() => disco.queryInfo("localhost"));
    expect(info.hasIdentity("server", "im")).toBe(true);
  });

  test("where <r/> comes in the same bytes as <enabled/>, the stanzas of the stream before are acknowledged: Prosody ends the stream, and what is asked works in the next session", async () => {
    await using prosody = await Prosody.start({ smacks: true });
    await using proxy = await TcpProxy.start(prosody.port);
    await using romeo = await connect({
      service: `xmpp://${LOOPBACK}:${proxy.port}`,
      username: "romeo",
      reconnectDelay: 20,
      prepare: survive,
    });
    const { xmpp } = romeo;
    const disco = withServices(xmpp).summon(DiscoClient);
    for (let count = 0; count < 10; count += 1) await disco.queryInfo("localhost", { requireFresh: true });
    const isEnabling = new Promise<void>((resolve) => {
      xmpp.on("send", (stanza: Element) => {
        if (stanza.name === "enable") resolve();
      });
    });
    const ended = new Promise((resolve) => xmpp.once("error", resolve));
    await xmpp.disconnect();
    await isEnabling;
    proxy.hold("down");
    const asked = disco.queryInfo("localhost").catch((error: unknown) => error);
    await sleep(200);
    proxy.release();
    expect(String(await ended)).toContain("Client acknowledged more stanzas than sent by server");
    const answer = await asked;
    expect(answer instanceof DiscoInfo || answer instanceof SessionLost).toBe(true);
    const info = await lasting(() => disco.queryInfo("localhost", { requireFresh: true }));
    expect(info.hasIdentity("server", "im")).toBe(true);
  });
});
