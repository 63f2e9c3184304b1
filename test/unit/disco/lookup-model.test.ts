import xml, { type Element } from "@xmpp/xml";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DiscoClient, type DiscoInfo, IqService, withServices } from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import {
  type Answer,
  type Asked,
  ask,
  expectNoStrays,
  infoOf,
  markOf,
  present,
  refusal,
  reply,
} from "./support.ts";

expectNoStrays();

// The clock stands still but for WAIT milliseconds at a time, and the few in which stanzas travel: what is compared
// with it lies half a WAIT off.
const WAIT = 5_000;
const TTL = 2.5 * WAIT;
const RESPONSE_TIMEOUT = 6.5 * WAIT;
const SHORT = 1.5 * WAIT;
const LONG = 9.5 * WAIT;

const TARGETS = ["a.example", "b.example"] as const;

type Step =
  | { do: "ask"; target: number; fresh: boolean; noCache: boolean; short: boolean }
  | { do: "answer" | "refuse" | "garble" | "abort" | "resolve" | "reject"; which: number }
  | { do: "flush" | "travel" }
  | { do: "set" | "setFuture"; target: number }
  | { do: "wait"; times: number };

const target = fc.nat({ max: TARGETS.length - 1 });
const which = fc.nat({ max: 9 });
const askStep = fc.record({
  do: fc.constant("ask" as const),
  target,
  fresh: fc.boolean(),
  noCache: fc.boolean(),
  short: fc.boolean(),
});
const plainAskStep = askStep.map((step) => ({ ...step, fresh: false, noCache: false }));
const stepsWithWhich = ["answer", "refuse", "garble", "abort", "resolve", "reject"] as const;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: plainAskStep },
  { weight: 5, arbitrary: askStep },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("answer" as const), which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom(...stepsWithWhich), which }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("wait" as const), times: fc.integer({ min: 1, max: 7 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("flush" as const, "travel" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("set" as const, "setFuture" as const), target }) },
);

/** A caller, and how its question should end; it is open until then. */
interface Caller {
  readonly asked: Asked<Answer>;
  readonly controller: AbortController;
  readonly deadline: number;
  end: { mark: string } | { error: string } | undefined;
}

/** A request that should have been sent, of which the answer has not arrived. */
interface Request {
  readonly target: number;
  /** Its place among all requests. */
  readonly number: number;
  readonly sentAt: number;
  readonly callers: Set<Caller>;
  store: boolean;
}

/** A promise that was set. */
interface Future {
  readonly mark: string;
  readonly callers: Set<Caller>;
  readonly resolve: (info: DiscoInfo) => void;
  readonly reject: (reason: Error) => void;
  started: boolean;
  calls: number;
  state: "open" | "resolved" | "rejected";
}

type Entry = { mark: string; at: number } | { future: Future };

/** What is known of a target. */
interface TargetModel {
  entry: Entry | undefined;
  /** The request that is joined. */
  running: Request | undefined;
  /** Requests of a lower number leave nothing in the cache. */
  barrier: number;
  /** The number of the request whose answer was seen last in the cache. */
  seen: number;
}

/** The client, and beside it the model of what it should do. */
class Play {
  readonly #server: MemoryServer;
  readonly #disco: DiscoClient;
  readonly #targets: TargetModel[] = TARGETS.map(() => ({
    entry: undefined,
    running: undefined,
    barrier: 0,
    seen: -1,
  }));
  readonly #callers: Caller[] = [];
  readonly #open: Request[] = [];
  readonly #futures: Future[] = [];
  readonly #stats = { hits: 0, misses: 0, aliased: 0, sent: 0, late: 0, primed: 0, evicted: 0 };
  #sets = 0;
  #told = 0;
  #events = 0;

  constructor(server: MemoryServer, disco: DiscoClient) {
    this.#server = server;
    this.#disco = disco;
    disco.on("info", () => {
      this.#told += 1;
    });
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "ask":
        return this.#ask(step);
      case "answer":
      case "refuse":
      case "garble":
        return this.#reply(step.do, step.which);
      case "abort":
        return this.#abort(step.which);
      case "resolve":
      case "reject":
        return this.#settle(step.do, step.which);
      case "flush":
        return this.#flush();
      case "set":
        return this.#set(step.target);
      case "setFuture":
        return this.#setFuture(step.target);
      case "travel":
        return this.#check();
      case "wait":
        return this.#wait(step.times);
    }
  }

  /** Has everything end that is under way. */
  async finish(): Promise<void> {
    while (this.#open.length > 0) await this.#reply("answer", 0);
    while (this.#futures.some(({ state }) => state === "open")) await this.#settle("resolve", 0);
    await this.#check();
    expect(this.#callers.filter(({ asked }) => asked.state === "open")).toEqual([]);
  }

  #ask({ target: index, fresh, noCache, short }: Step & { do: "ask" }): void {
    const controller = new AbortController();
    const timeout = short ? SHORT : LONG;
    const options = { requireFresh: fresh, noCache, timeout, signal: controller.signal };
    const asked = ask<Answer>(this.#disco.queryInfo(present(TARGETS[index]), options));
    const caller: Caller = { asked, controller, deadline: now() + timeout, end: undefined };
    this.#callers.push(caller);

    const model = this.#target(index);
    const { entry } = model;
    if (fresh || (entry !== undefined && "at" in entry && now() - entry.at >= TTL)) model.entry = undefined;
    if (model.entry !== undefined) {
      this.#stats.hits += 1;
      this.#read(model, model.entry, caller);
    } else if (!fresh && model.running !== undefined && isJoinable(model.running)) {
      this.#stats.aliased += 1;
      model.running.callers.add(caller);
      if (!noCache) model.running.store = true;
    } else {
      const number = this.#stats.sent;
      this.#stats.sent += 1;
      this.#stats.misses += 1;
      const request = { target: index, number, sentAt: now(), callers: new Set([caller]), store: !noCache };
      model.running = request;
      if (fresh) model.barrier = number;
      this.#open.push(request);
    }
  }

  #read(model: TargetModel, entry: Entry, caller: Caller): void {
    if ("mark" in entry) {
      caller.end = { mark: entry.mark };
      // An older answer never takes the place of a newer one.
      if (!entry.mark.startsWith("set")) {
        expect(Number(entry.mark)).toBeGreaterThanOrEqual(model.seen);
        model.seen = Number(entry.mark);
      }
      return;
    }
    const { future } = entry;
    future.started = true;
    if (future.state === "open") future.callers.add(caller);
    else if (future.state === "rejected") caller.end = { error: future.mark };
    else {
      caller.end = { mark: future.mark };
      model.entry = { mark: future.mark, at: now() };
    }
  }

  async #reply(how: "answer" | "refuse" | "garble", which: number): Promise<void> {
    await this.#check();
    const request = this.#open.splice(which % Math.max(1, this.#open.length), 1)[0];
    if (request === undefined) return;
    const model = this.#target(request.target);
    if (model.running === request) model.running = undefined;
    const stanza = this.#server.requests()[request.number];
    const mark = String(request.number);
    if (how === "answer") {
      this.#server.send(reply(stanza, mark));
      this.#events += 1;
      if (request.callers.size === 0) this.#stats.late += 1;
      if (request.store && request.number >= model.barrier) {
        model.barrier = request.number;
        model.entry = { mark, at: now() };
      }
      for (const caller of request.callers) caller.end = { mark };
    } else {
      this.#server.send(how === "refuse" ? refusal(stanza, "forbidden") : garbled(present(stanza)));
      for (const caller of request.callers) {
        caller.end = { error: how === "refuse" ? "IqError" : "MalformedResponse" };
      }
    }
    await this.#check();
  }

  async #abort(which: number): Promise<void> {
    const waiting = this.#callers.filter(({ end }) => end === undefined);
    const caller = waiting[which % Math.max(1, waiting.length)];
    caller?.controller.abort();
    if (caller !== undefined) this.#leave(caller, "AbortError");
    await this.#check();
  }

  #leave(caller: Caller, error: string): void {
    caller.end = { error };
    for (const { callers } of [...this.#open, ...this.#futures]) callers.delete(caller);
  }

  async #settle(how: "resolve" | "reject", which: number): Promise<void> {
    const open = this.#futures.filter(({ state }) => state === "open");
    const future = open[which % Math.max(1, open.length)];
    if (future === undefined) return;
    if (how === "resolve") future.resolve(infoOf(future.mark));
    else future.reject(named(future.mark));
    future.state = how === "resolve" ? "resolved" : "rejected";
    for (const caller of future.callers) {
      caller.end = how === "resolve" ? { mark: future.mark } : { error: future.mark };
    }
    for (const model of this.#targets) {
      if (how === "reject" || !future.started || model.entry === undefined) continue;
      if ("future" in model.entry && model.entry.future === future) {
        model.entry = { mark: future.mark, at: now() };
      }
    }
    await this.#check();
  }

  #flush(): void {
    this.#disco.flushCache();
    for (const model of this.#targets) {
      Object.assign(model, { entry: undefined, running: undefined, barrier: this.#stats.sent });
    }
  }

  #set(index: number): void {
    const mark = `set ${this.#sets++}`;
    this.#disco.setInfoCache(present(TARGETS[index]), undefined, infoOf(mark));
    this.#prime(index, { mark, at: now() });
  }

  #setFuture(index: number): void {
    const mark = `set ${this.#sets++}`;
    let settle: Pick<Future, "resolve" | "reject"> | undefined;
    const promise = new Promise<DiscoInfo>((resolve, reject) => {
      settle = { resolve, reject };
    });
    promise.catch(() => {});
    const state = { mark, callers: new Set<Caller>(), started: false, calls: 0, state: "open" as const };
    const future: Future = { ...state, ...present(settle) };
    this.#futures.push(future);
    this.#disco.setInfoFuture(present(TARGETS[index]), undefined, () => {
      future.calls += 1;
      return promise;
    });
    this.#prime(index, { future });
  }

  #prime(index: number, entry: Entry): void {
    this.#stats.primed += 1;
    Object.assign(this.#target(index), { entry, barrier: this.#stats.sent });
  }

  async #wait(times: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(times * WAIT);
    for (const caller of this.#callers) {
      if (caller.end === undefined && caller.deadline <= now()) this.#leave(caller, "IqTimeout");
    }
    await this.#check();
  }

  /** Lets stanzas travel, and compares. */
  async #check(): Promise<void> {
    await vi.advanceTimersByTimeAsync(4);
    expect(this.#callers.map(({ asked }) => endOf(asked))).toEqual(this.#callers.map(({ end }) => end));
    expect(this.#disco.stats).toEqual(this.#stats);
    expect(this.#server.requests()).toHaveLength(this.#stats.sent);
    expect(this.#told).toBe(this.#events);
    expect(this.#futures.map(({ calls }) => calls)).toEqual(
      this.#futures.map(({ started }) => Number(started)),
    );
  }

  #target(index: number): TargetModel {
    return present(this.#targets[index]);
  }
}

const now = () => performance.now();

function isJoinable({ callers, sentAt }: Request): boolean {
  return callers.size > 0 || now() - sentAt < RESPONSE_TIMEOUT;
}

function endOf({ state, value, error }: Asked<Answer>): Caller["end"] {
  if (state === "open") return undefined;
  return state === "answered" ? { mark: String(markOf(value)) } : { error: (error as Error).name };
}

function named(name: string): Error {
  return Object.assign(new Error("rejected"), { name });
}

function garbled(request: Element): Element {
  const { id, to } = request.attrs;
  return xml("iq", { type: "result", id, from: to }, xml("query", "urn:example:other"));
}

const server = new MemoryServer();
const xmpp = withServices(memoryClient(server));

beforeAll(async () => {
  await xmpp.start();
  xmpp.summon(IqService).responseTimeout = RESPONSE_TIMEOUT;
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
});

afterAll(async () => {
  vi.useRealTimers();
  await xmpp.stop();
});

test("whatever is asked, answered, refused, aborted, set and flushed in whatever order, all is as the model has it", async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), async (steps) => {
    server.received.length = 0;
    const play = new Play(server, xmpp.summon(DiscoClient, { infoTtl: TTL }));
    try {
      for (const one of steps) await play.take(one);
      await play.finish();
    } finally {
      xmpp.dismiss(DiscoClient);
    }
  });
  await fc.assert(property, { seed: 30, numRuns: 200 });
});
