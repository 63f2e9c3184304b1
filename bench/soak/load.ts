// What goes on in a soak: a client that asks and is asked by everybody around it, in every way there is.
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, xml } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import {
  DiscoClient,
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  EntityCapsCache,
  EntityCapsService,
  IqError,
  StaticNode,
  withServices,
  XMPPError,
} from "../../src/index.ts";
import { LOOPBACK } from "../../test/support/ports.ts";
import { Prosody } from "../../test/support/prosody.ts";
import { Random } from "../../test/support/random.ts";
import { connect, connectComponent, type Ready } from "../../test/support/ready.ts";
import { beginAnew, survive } from "../../test/support/survive.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import { Programs } from "./programs.ts";

/** How many contacts the component plays, and how many items it has. */
const CONTACTS = 2_000;
const ITEMS = 300;
const WORKERS = 48;
const PEERS = 4;
/** Presences that are sent every so many milliseconds. */
const PRESENCES = 20;
const PRESENCE_PAUSE = 20;
/** Each change of the client is an answer that is written anew, of which a thousand are kept. */
const CHANGE_PAUSE = 40;
const CUT_PAUSE = 15_000;
const ACK_PAUSE = 250;
const HEARD_WITHIN = 8_000;
const NS_SM = "urn:xmpp:sm:3";
/** Fewer than what is asked, so that all of it is in motion. */
const INFO_CACHE = 2_000;
const CAPS_CACHE = 1_000;
const DOMAIN = "load.localhost";

const contact = (index: number) => `u${index}@${DOMAIN}/x`;

/** What has happened so far. */
export interface Counts {
  /** Look-ups that ended, by kind. */
  readonly asked: Record<string, number>;
  /** Look-ups that failed, by the name of the error and its condition. */
  readonly failed: Record<string, number>;
  /** Answers that were not what they should be, by kind. */
  readonly wrong: Record<string, number>;
  presences: number;
  /** What the client was asked by others and answered. */
  told: number;
  cuts: number;
  resumed: number;
  /** Streams that resumed, on which the server heard nothing. */
  deaf: number;
  sessions: number;
  /** How often the server ended the client's stream, by what it said. */
  readonly ended: Record<string, number>;
}

/** A server, a client under load, and those around it. */
export class Load implements AsyncDisposable {
  readonly counts: Counts = {
    asked: {},
    failed: {},
    wrong: {},
    presences: 0,
    told: 0,
    cuts: 0,
    resumed: 0,
    deaf: 0,
    sessions: 0,
    ended: {},
  };
  readonly client: Client;
  readonly disco: DiscoClient;
  readonly caps: EntityCapsCache;
  /** What is to be ended, the last one first. */
  readonly #parts: readonly AsyncDisposable[];
  readonly #random: Random;
  readonly #programs = new Programs();
  readonly #proxy: TcpProxy;
  readonly #component: Component;
  readonly #peers: readonly Client[];
  /** Aborted at the very end: who leaves a listener with it for each look-up would be seen. */
  readonly #end = new AbortController();
  readonly #tasks: Promise<unknown>[] = [];
  #next = 0;
  #isOver = false;

  private constructor(init: {
    seed: number;
    parts: readonly AsyncDisposable[];
    romeo: Client;
    component: Component;
    peers: readonly Client[];
    proxy: TcpProxy;
  }) {
    this.#random = new Random(init.seed);
    this.#parts = init.parts;
    this.#proxy = init.proxy;
    this.#component = init.component;
    this.#peers = init.peers;
    this.client = init.romeo;
    const services = withServices(init.romeo);
    this.disco = services.summon(DiscoClient);
    this.caps = services.summon(EntityCapsService).cache;
  }

  static async start(seed: number): Promise<Load> {
    const parts: AsyncDisposable[] = [];
    const use = <T extends AsyncDisposable>(part: T): T => {
      parts.push(part);
      return part;
    };
    try {
      const names = Array.from({ length: PEERS }, (_, index) => `peer${index}`);
      const prosody = use(
        await Prosody.start({
          smacks: true,
          accounts: ["romeo", ...names],
          components: { [DOMAIN]: "secret" },
        }),
      );
      const proxy = use(await TcpProxy.start(prosody.port));
      const component = use(await connectComponent({ service: prosody.componentService, domain: DOMAIN }));
      const peers: Ready<Client>[] = [];
      for (const username of names) {
        const prepare = (xmpp: Client) => {
          survive(xmpp);
          const services = withServices(xmpp);
          // What they know of a session that is over would fill a larger cache for hours.
          services.summon(DiscoClient, { infoCacheSize: 5, itemsCacheSize: 1 });
          services.summon(EntityCapsService);
        };
        const peer = await connect({ service: prosody.service, username, prepare, reconnectDelay: 100 });
        peers.push(use(peer));
      }
      const romeo = use(
        await connect({
          service: `xmpp://${LOOPBACK}:${proxy.port}`,
          username: "romeo",
          reconnectDelay: 50,
          prepare: (xmpp) => {
            survive(xmpp);
            const services = withServices(xmpp);
            services.summon(DiscoClient, { infoCacheSize: INFO_CACHE });
            services.summon(EntityCapsService, { cache: new EntityCapsCache({ maxEntries: CAPS_CACHE }) });
          },
        }),
      );
      const load = new Load({
        seed,
        parts,
        proxy,
        romeo: romeo.xmpp,
        component: component.xmpp,
        peers: peers.map(({ xmpp }) => xmpp),
      });
      load.#prepare();
      return load;
    } catch (error) {
      await endAll(parts);
      throw error;
    }
  }

  /** Begins; until it is ended. */
  run(): void {
    const tasks = [
      ...Array.from({ length: WORKERS }, () => () => this.#ask()),
      ...this.#peers.map((peer) => () => this.#askBack(peer)),
      () => this.#sendPresences(),
      () => this.#change(),
      () => this.#cut(),
      () => this.#acknowledge(),
    ];
    for (const task of tasks) {
      const loop = async () => {
        while (!this.#isOver) await task();
      };
      this.#tasks.push(loop());
    }
  }

  /** Ends the load and waits for what is under way. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#end.abort();
    await Promise.all(this.#tasks);
  }

  /** See {@link TcpProxy.lost}. */
  get socketsLost(): number {
    return this.#proxy.lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAll(this.#parts);
  }

  #prepare(): void {
    const component = withServices(this.#component).summon(DiscoServer);
    component.setNodeHandler("getInfo", async ({ jid, node }) => {
      if (node === undefined) return this.#programs.of(Number(/^u(\d+)@/.exec(jid ?? "")?.[1] ?? -1));
      if (node === "gone") throw new IqError("item-not-found");
      if (node === "never") return new Promise<never>(() => {});
      if (node.startsWith("late")) await sleep(150);
      return this.#programs.at(node) ?? named(node);
    });
    const items = Array.from({ length: ITEMS }, (_, index) => ({
      jid: contact(index),
      name: `Item ${index}`,
    }));
    component.setNodeHandler("getItems", async ({ jid, node }) => {
      return new DiscoItems({ jid, node, items: jid === DOMAIN ? items : [] });
    });
    const own = withServices(this.client).summon(DiscoServer);
    own.setNodeHandler("getInfo", async ({ from, node }, next) => {
      if (from !== undefined) this.counts.told += 1;
      return node?.startsWith("made-") ? named(node) : next();
    });
    own.registerFeature("urn:soak:always");
    const list = new StaticNode();
    list.registerIdentity("hierarchy", "branch");
    list.setItems(Array.from({ length: 200 }, (_, index) => ({ jid: contact(index), node: `n${index}` })));
    own.mountNode("list", list);
    this.client.on("online", () => {
      this.counts.sessions += 1;
      void this.client.send(xml("presence")).catch(() => {});
    });
    const management = this.client.streamManagement as unknown as NodeJS.EventEmitter;
    management.on("resumed", () => {
      this.counts.resumed += 1;
    });
    this.client.on("error", (error: Error) => {
      if (error.name === "StreamError") count(this.counts.ended, error.message);
    });
    this.#component.on("error", () => {});
  }

  /** One look-up of any kind, and whether its answer is right. */
  async #ask(): Promise<void> {
    const [kind, act] = this.#pick();
    try {
      if (!(await act())) count(this.counts.wrong, kind);
    } catch (error) {
      const failure = error instanceof IqError ? `IqError ${error.condition}` : String(Object(error).name);
      count(this.counts.failed, failure);
      // Only what a network or a peer may do; all else is a mistake of this program or the package.
      if (!(error instanceof XMPPError) && !this.#isEnd(error)) throw error;
      // Off line nothing takes any time.
      if (this.client.status !== "online") await sleep(10);
    }
    count(this.counts.asked, kind);
  }

  #isEnd(error: unknown): boolean {
    return error instanceof Error && ["AbortError", "TimeoutError"].includes(error.name);
  }

  #pick(): readonly [kind: string, act: () => Promise<boolean>] {
    const { disco } = this;
    const random = this.#random;
    const { signal } = this.#end;
    const dice = random.below(100);
    const someone = contact(random.below(CONTACTS));
    this.#next += 1;
    const node = `q${this.#next}`;
    if (dice < 25) {
      return ["cached or by hash", async () => (await disco.queryInfo(someone, { signal })).has("urn:soak")];
    }
    if (dice < 30) {
      const jid = contact(random.below(20));
      return ["cached, of a few", async () => disco.supports(jid, "urn:soak")];
    }
    if (dice < 55) {
      const query = async () => (await disco.queryInfo(DOMAIN, { node, signal })).name() === node;
      return ["not cached", query];
    }
    if (dice < 60) {
      const query = () => disco.queryInfo("localhost", { requireFresh: true, signal });
      return ["asked anew", async () => (await query()).hasIdentity("server", "im")];
    }
    if (dice < 66) {
      const queries = () =>
        Promise.all(Array.from({ length: 8 }, () => disco.queryInfo(DOMAIN, { node, noCache: true })));
      return ["shared by eight", async () => (await queries()).every((info) => info.name() === node)];
    }
    if (dice < 71) {
      // Some lists are left before their end.
      const last = random.below(2 * ITEMS);
      return ["items, page by page", () => this.#iterate(last)];
    }
    if (dice < 75) {
      const query = async () => (await disco.queryItems(DOMAIN, { requireFresh: random.happens(0.1) })).items;
      return ["items", async () => (await query()).length === ITEMS];
    }
    if (dice < 78) {
      return ["a domain's services", () => this.#find()];
    }
    if (dice < 80) {
      return ["a walk", () => this.#walk()];
    }
    if (dice < 84) {
      const late = `late${this.#next}`;
      return ["too late", () => disco.queryInfo(DOMAIN, { node: late, timeout: 50 }).then(() => false)];
    }
    if (dice < 86) {
      return ["never", () => disco.queryInfo(DOMAIN, { node: "never", timeout: 50 }).then(() => false)];
    }
    if (dice < 89) {
      return ["refused", () => disco.queryInfo(DOMAIN, { node: "gone", signal }).then(() => false)];
    }
    if (dice < 92) {
      const soon = AbortSignal.timeout(random.below(20));
      const query = async () => (await disco.queryInfo(DOMAIN, { node, signal: soon })).name() === node;
      return ["given up", query];
    }
    if (dice < 95) {
      return ["off line", async () => !(await disco.supports("romeo@localhost/nowhere", "urn:soak"))];
    }
    return [
      "oneself",
      async () => (await disco.queryInfo(this.#jid(), { node: "list" })).hasIdentity("hierarchy"),
    ];
  }

  #jid(): string {
    return this.client.jid?.toString() ?? "romeo@localhost/x";
  }

  async #iterate(last: number): Promise<boolean> {
    let index = 0;
    for await (const { name } of this.disco.iterItems(DOMAIN, { pageSize: 50, signal: this.#end.signal })) {
      if (name !== `Item ${index}`) return false;
      if (index === last) break;
      index += 1;
    }
    return index === Math.min(last, ITEMS);
  }

  async #find(): Promise<boolean> {
    let failure: Error | undefined;
    const onError = (_jid: string, error: Error) => {
      failure ??= error;
    };
    const found = await this.disco.findServices({ feature: "urn:soak" }, { onError });
    if (failure !== undefined) throw failure;
    return found.length === 1;
  }

  async #walk(): Promise<boolean> {
    const found = new Set<string>();
    for await (const { jid, error } of this.disco.walk("localhost", { depth: 1 })) {
      if (error !== undefined) throw error;
      found.add(jid);
    }
    return found.has(DOMAIN);
  }

  /** The others ask the client. */
  async #askBack(peer: Client): Promise<void> {
    const disco = withServices(peer).summon(DiscoClient);
    const jid = this.#jid();
    this.#next += 1;
    const node = `made-${this.#next}`;
    try {
      const [made, info, list] = await Promise.all([
        disco.queryInfo(jid, { node, noCache: true }),
        disco.queryInfo(jid, { requireFresh: true }),
        disco.queryItems(jid, { node: "list", requireFresh: this.#random.happens(0.1) }),
      ]);
      const isRight = made.name() === node && info.has("urn:soak:always") && list.items.length === 200;
      if (!isRight) count(this.counts.wrong, "asked by others");
    } catch (error) {
      // It may have a new session since, and its JID be nobody's.
      if (!(error instanceof XMPPError)) throw error;
    }
    await sleep(this.#random.below(20));
  }

  /** Contacts come, go, and change their software. */
  async #sendPresences(): Promise<void> {
    const random = this.#random;
    const to = this.#jid();
    if (this.client.status === "online") {
      const stanzas = Array.from({ length: PRESENCES }, () => {
        const index = random.below(CONTACTS);
        const from = contact(index);
        if (random.happens(0.1)) return xml("presence", { from, to, type: "unavailable" });
        if (random.happens(0.3)) this.#programs.change(index, random);
        return xml("presence", { from, to }, ...this.#programs.announce(index));
      });
      await Promise.all(stanzas.map((stanza) => this.#component.send(stanza)));
      this.counts.presences += stanzas.length;
    }
    await sleep(PRESENCE_PAUSE);
  }

  /** The client and its peers change what they tell, and announce it. */
  async #change(): Promise<void> {
    const random = this.#random;
    const changing = random.happens(0.3) ? this.client : random.pick(this.#peers);
    const server = withServices(changing).summon(DiscoServer);
    const feature = `urn:soak:extra:${random.below(50)}`;
    if (server.registeredFeatures().includes(feature)) server.unregisterFeature(feature);
    else server.registerFeature(feature);
    const mountpoint = `node-${random.below(50)}`;
    if (server.nodeAt(mountpoint) === undefined)
      server.mountNode(mountpoint, new StaticNode(), { listed: true });
    else server.unmountNode(mountpoint);
    // The client's own presence is sent again by itself.
    if (changing !== this.client && changing.status === "online") {
      await changing.send(xml("presence", { to: this.#jid() })).catch(() => {});
    }
    await sleep(CHANGE_PAUSE);
  }

  /**
   * xmpp.js keeps each stanza until the server has acknowledged it, and asks for that when nothing was sent for 250 ms:
   * never, under such a load.
   */
  async #acknowledge(): Promise<void> {
    await sleep(ACK_PAUSE);
    for (const xmpp of [this.client, ...this.#peers]) {
      if (xmpp.status === "online") await xmpp.send(xml("r", { xmlns: NS_SM })).catch(() => {});
    }
  }

  /** The network fails in turns: the stream resumes; the client begins a new session; a peer does. */
  async #cut(): Promise<void> {
    await sleep(CUT_PAUSE, undefined, { signal: this.#end.signal }).catch(() => {});
    if (this.#isOver) return;
    this.counts.cuts += 1;
    const turn = this.counts.cuts % 3;
    if (turn === 0) {
      this.#proxy.cut();
      await this.#beHeard();
    } else if (turn === 1) await this.client.disconnect().catch(() => {});
    else
      await this.#random
        .pick(this.#peers)
        .disconnect()
        .catch(() => {});
  }

  /**
   * Waits until the server answers, and begins a new session where it does not: Prosody 0.12 may go on within the stanza that
   * was cut, and then takes all that comes for parts of it.
   */
  async #beHeard(): Promise<void> {
    const end = performance.now() + HEARD_WITHIN;
    while (performance.now() < end && !this.#isOver) {
      try {
        await this.disco.queryInfo("localhost", { requireFresh: true, timeout: HEARD_WITHIN / 4 });
        return;
      } catch {
        await sleep(ACK_PAUSE);
      }
    }
    if (this.#isOver) return;
    this.counts.deaf += 1;
    await beginAnew(this.client);
  }
}

function count(record: Record<string, number>, key: string): void {
  record[key] = (record[key] ?? 0) + 1;
}

async function endAll(parts: readonly AsyncDisposable[]): Promise<void> {
  for (const part of [...parts].reverse()) await part[Symbol.asyncDispose]();
}

function named(name: string): DiscoInfo {
  return new DiscoInfo({
    identities: [{ category: "hierarchy", type: "leaf", name }],
    features: ["urn:soak"],
  });
}
