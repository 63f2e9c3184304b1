import xml, { type Element } from "@xmpp/xml";
import { LRUCache } from "lru-cache";
import { IqError, IqTimeout, MalformedResponse, type SessionLost, XMPPError } from "../iq/errors.js";
import type { Exchange, IqService } from "../iq/iq-service.js";
import { type Awaited, toTimeout, Waiters, wait } from "../iq/wait.js";
import { OwnJid } from "../services/entity.js";
import { type Address, show, toJid } from "../xml/jid.js";
import { toOptionalText } from "../xml/text.js";
import type { Source } from "./info.js";

/** How something is asked. */
export interface QueryOptions {
  /** The node of the entity; the entity itself where it is left out. */
  readonly node?: string | null | undefined;
  /** Asks again, whatever the cache has; who asks meanwhile shares that request. */
  readonly requireFresh?: boolean | undefined;
  /** Takes an answer from the cache, and leaves none there. */
  readonly noCache?: boolean | undefined;
  /** How long this caller waits, in milliseconds; by default the `responseTimeout` of the IqService. */
  readonly timeout?: number | undefined;
  /** Ends this caller's wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The JID to ask as, for a component with many. */
  readonly from?: Address | undefined;
  /** Asks this client or component itself, without a stanza. */
  readonly local?: boolean | undefined;
}

/** What happened to the look-ups of a {@link DiscoClient} since it was summoned. */
export interface DiscoStats {
  /** Look-ups answered from the cache. */
  hits: number;
  /** Look-ups that caused a request. */
  misses: number;
  /** Look-ups that joined a running request. */
  aliased: number;
  /** Requests sent. */
  sent: number;
  /** Answers that came when nobody waited for them any more. */
  late: number;
  /** Entries that were set, with `setInfoCache` or `setInfoFuture`. */
  primed: number;
  /** Entries that went because the cache was full or made smaller. */
  evicted: number;
}

/** Who is told an answer, or why there is none: once, and what comes later does nothing. */
export interface Inquiry<T> {
  resolve(answer: T): void;
  reject(error: unknown): void;
}

/** Finds an answer out; where it throws, that is why there is none. */
export type Finder<T> = (inquiry: Inquiry<T>) => void;

/**
 * What is known of an entity from elsewhere: the answer, or how to get it, or undefined where nothing is known.
 *
 * It is asked before a request is sent, for an entity itself and none of its nodes. A look-up that calls a function is
 * for the provider to count.
 */
export type Provider<T> = (jid: string) => T | Finder<T> | undefined;

/** The two kinds of question differ in this. */
export interface Kind<T> {
  readonly xmlns: string;
  parse(element: Element, source: Source): T;
  /** Asks for the rest of an answer that says it is a part; undefined where it is whole. */
  rest?(first: T, ask: (part: Element) => Promise<T>): Promise<T> | undefined;
  /** The answer as it is to be kept for long. */
  keep?(answer: T): T;
  /** Whether a primed future gave what it should. */
  is(value: unknown): value is T;
  arrived(jid: string, node: string | undefined, answer: T): void;
}

/** What the cache holds for a target. */
interface Entry<T> {
  /** Undefined while a primed future is open or after it failed. */
  value: T | undefined;
  prime: Prime<T> | undefined;
  /** When the answer arrived; undefined where none has. */
  at: number | undefined;
  /** The session that it belongs to. */
  session: number;
  /** Whether it came from the provider, which is asked again when it failed. */
  readonly provided: boolean;
  /** Whether it is of an entity itself, so that its key is a JID. */
  readonly plain: boolean;
}

/** Where primed futures tell how they end. */
interface PrimeOwner<T> {
  settle(prime: Prime<T>, value: T): void;
  fail(prime: Prime<T>, error: unknown): void;
}

/** A primed future, started on first use. */
class Prime<T> implements Inquiry<T> {
  readonly key: string;
  readonly entry: Entry<T>;
  readonly find: Finder<T>;
  readonly #owner: PrimeOwner<T>;
  /** Undefined before it is started. */
  waiters: Waiters<T> | undefined;
  /** Why it failed. */
  failure: { readonly error: unknown } | undefined;

  constructor(key: string, entry: Entry<T>, find: Finder<T>, owner: PrimeOwner<T>) {
    this.key = key;
    this.entry = entry;
    this.find = find;
    this.#owner = owner;
  }

  resolve(answer: T): void {
    this.#owner.settle(this, answer);
  }

  reject(error: unknown): void {
    this.#owner.fail(this, error);
  }
}

/** One request and those who wait for it. */
interface Flight<T> {
  readonly exchange: Exchange;
  readonly target: Target<T>;
  readonly waiters: Waiters<T>;
  readonly sentAt: number;
  /** Its place in the order of all requests and primes. */
  readonly order: number;
  store: boolean;
  settled: boolean;
}

/** What is under way for one target. */
interface Target<T> {
  readonly jid: string;
  readonly node: string | undefined;
  /** The request that callers join. */
  running: Flight<T> | undefined;
  readonly open: Set<Flight<T>>;
  /** What was asked before this leaves nothing in the cache. */
  barrier: number;
}

/** What a Map of V8 holds. */
const MAX_SIZE = 2 ** 24 - 1;

/** Whole milliseconds: a fraction takes twice the memory. */
const now = () => Math.trunc(performance.now());

/**
 * Asks one kind of question: cached, shared between callers, each with a wait of their own.
 *
 * Running requests are apart from the cache, so that a full cache neither doubles nor loses one.
 */
export class Lookup<T> {
  readonly #iq: IqService;
  readonly #kind: Kind<T>;
  readonly #stats: DiscoStats;
  readonly #targets = new Map<string, Target<T>>();
  /** The primed futures that are waited for. */
  readonly #primes = new Set<Prime<T>>();
  readonly #primeOwner: PrimeOwner<T> = {
    settle: (prime, value) => this.#settlePrime(prime, value),
    fail: (prime, error) => this.#failPrime(prime, error),
  };
  /** Reject the local questions that are open. */
  readonly #local = new Set<(error: Error) => void>();
  #ended: Error | undefined;
  #cache: LRUCache<string, Entry<T>> | undefined;
  #size = 0;
  #ttl = Infinity;
  #order = 0;
  readonly #own: OwnJid;
  provider: Provider<T> | undefined;

  constructor(iq: IqService, kind: Kind<T>, stats: DiscoStats, size: number) {
    this.#iq = iq;
    this.#own = new OwnJid(iq.client);
    this.#kind = kind;
    this.#stats = stats;
    this.size = size;
  }

  get size(): number {
    return this.#size;
  }

  set size(size: number) {
    if (!Number.isInteger(size) || size < 0 || size > MAX_SIZE) {
      throw new RangeError(`the size of a cache is a whole number from 0 to ${MAX_SIZE}, not ${show(size)}`);
    }
    const old = this.#cache;
    this.#size = size;
    this.#cache =
      size === 0
        ? undefined
        : new LRUCache({
            max: size,
            dispose: (_entry, _key, reason) => {
              if (reason === "evict") this.#stats.evicted += 1;
            },
          });
    if (old === undefined) return;
    if (size === 0) this.#stats.evicted += old.size;
    old.rforEach((entry, key) => this.#cache?.set(key, entry));
  }

  get ttl(): number {
    return this.#ttl;
  }

  set ttl(ttl: number) {
    if (typeof ttl !== "number" || Number.isNaN(ttl) || ttl < 0) {
      throw new RangeError(`a TTL is a number of milliseconds from 0 on, or Infinity, not ${show(ttl)}`);
    }
    this.#ttl = ttl;
  }

  query(address: Address, options?: QueryOptions): Promise<T> {
    // Most look-ups: a text that is a key is a JID already, and with no options there is nothing to check.
    if (options === undefined && typeof address === "string" && this.#ended === undefined) {
      const entry = this.#cached(address);
      if (entry?.plain && entry.prime === undefined && address !== this.#own.text) {
        this.#stats.hits += 1;
        return Promise.resolve(entry.value as T);
      }
    }
    try {
      return this.#query(address, options ?? {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #query(address: Address, options: QueryOptions): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended;
    const jid = toJid(address);
    const { node, from, timeout, signal, own } = this.#resolve(options);
    const { requireFresh, noCache, local } = options;

    if (local || jid === own) {
      const answer = this.#askHere(jid, node, from);
      if (answer !== undefined) return wait(answer, timeout, signal, () => new IqTimeout(undefined, timeout));
      if (local) throw noServer();
    }

    const key = targetKey(jid, node, from === own ? undefined : from);
    if (requireFresh) {
      this.#cache?.delete(key);
    } else {
      const entry = this.#cached(key);
      if (entry !== undefined) {
        this.#stats.hits += 1;
        return this.#tell(entry, timeout, signal);
      }
      const running = this.#targets.get(key)?.running;
      if (running !== undefined && this.#isJoinable(running)) {
        this.#stats.aliased += 1;
        if (!noCache) running.store = true;
        return this.#join(running, timeout, signal);
      }
      const provided = key === jid ? this.provider?.(jid) : undefined;
      if (provided !== undefined) {
        const entry = this.#entry(key, provided, true);
        this.#stats.primed += 1;
        if (!noCache) this.#cache?.set(key, entry);
        if (entry.prime === undefined) this.#stats.hits += 1;
        return this.#tell(entry, timeout, signal);
      }
    }
    const flight = this.#send(key, jid, node, from);
    flight.store = !noCache;
    // What was asked before is not fresh; the late answer to an overdue request is better than none.
    if (requireFresh) flight.target.barrier = flight.order;
    this.#stats.misses += 1;
    return this.#join(flight, timeout, signal);
  }

  /** Sets what the next look-up is answered with; a running request leaves nothing behind. */
  prime(address: Address, node: string | null | undefined, value: T | Future<T>): void {
    const key = targetKey(toJid(address), toOptionalText(node, "node"), undefined);
    const entry = this.#entry(key, typeof value === "function" ? finder(value as Future<T>) : value, false);
    this.#stats.primed += 1;
    this.#order += 1;
    const target = this.#targets.get(key);
    if (target !== undefined) target.barrier = this.#order;
    if (this.#cache === undefined) this.#stats.evicted += 1;
    else this.#cache.set(key, entry);
  }

  #entry(key: string, value: T | Finder<T>, provided: boolean): Entry<T> {
    const isFuture = typeof value === "function";
    const entry: Entry<T> = {
      value: isFuture ? undefined : value,
      prime: undefined,
      at: isFuture ? undefined : now(),
      // What was announced before a cut is no news of the next session.
      session: provided ? this.#iq.session.number : this.#iq.session.numberForPrimes,
      provided,
      plain: !key.includes("\0"),
    };
    if (isFuture) entry.prime = new Prime(key, entry, value as Finder<T>, this.#primeOwner);
    return entry;
  }

  /** Forgets what is known of an entity itself; a running request leaves nothing behind, and nobody joins it. */
  forget(jid: string): void {
    this.#cache?.delete(jid);
    const target = this.#targets.get(jid);
    if (target === undefined) return;
    this.#order += 1;
    target.barrier = this.#order;
    target.running = undefined;
  }

  /** Asks without the cache and without sharing; not told by the event where it asks for a part of the answer only. */
  async fetch(address: Address, options: QueryOptions, part?: Element): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended;
    const jid = toJid(address);
    const { node, from, timeout, signal, own } = this.#resolve(options);
    if (options.local || jid === own) {
      const answer = this.#askHere(jid, node, from, part);
      if (answer !== undefined) return wait(answer, timeout, signal, () => new IqTimeout(undefined, timeout));
      if (options.local) throw noServer();
    }
    this.#stats.sent += 1;
    const iq = await this.#iq.request(this.#request(jid, node, from, part), { timeout, signal });
    const answer = this.#parse(iq, { jid, node });
    if (part === undefined) this.#kind.arrived(jid, node, answer);
    return answer;
  }

  #request(jid: string, node: string | undefined, from: string | undefined, part?: Element): Element {
    const query = xml("query", { xmlns: this.#kind.xmlns, node });
    if (part !== undefined) query.append(part);
    return xml("iq", { type: "get", to: jid, from }, query);
  }

  /** The options of a caller, checked. */
  #resolve(options: QueryOptions) {
    const { signal } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError(`signal is no AbortSignal: ${show(signal)}`);
    }
    signal?.throwIfAborted();
    return {
      node: toOptionalText(options.node, "node"),
      from: options.from === undefined ? undefined : toJid(options.from, "from"),
      timeout: toTimeout(options.timeout ?? this.#iq.responseTimeout),
      signal,
      own: this.#own.text,
    };
  }

  /** Empties the cache; running requests go on, and leave nothing in it. */
  flush(): void {
    this.#cache?.clear();
    this.#order += 1;
    for (const target of this.#targets.values()) {
      target.barrier = this.#order;
      target.running = undefined;
    }
  }

  /** Forgets what belonged to a session that is lost. */
  lose(error: SessionLost): void {
    const { number } = this.#iq.session;
    this.#cache?.forEach((entry, key, cache) => {
      if (entry.session < number) cache.delete(key);
    });
    this.#rejectAll(error);
  }

  /** The session goes on: what was set while it was cut belongs to it. */
  resume(): void {
    const { number } = this.#iq.session;
    for (const entry of this.#cache?.values() ?? []) entry.session = Math.min(entry.session, number);
  }

  /** Ends all waits and forgets everything. */
  end(error: SessionLost): void {
    this.#ended = error;
    this.#cache?.clear();
    this.#rejectAll(error);
    for (const reject of this.#local) reject(error);
  }

  #rejectAll(error: SessionLost): void {
    const flights = [...this.#targets.values()].flatMap((target) => [...target.open]);
    this.#targets.clear();
    for (const flight of flights) {
      flight.settled = true;
      flight.waiters.reject(error);
      this.#iq.abandon(flight.exchange);
    }
    for (const prime of this.#primes) {
      // What was set for the next session waits on.
      const isLost = this.#ended !== undefined || prime.entry.session < this.#iq.session.number;
      if (isLost) this.#endPrime(prime, error);
    }
  }

  #tell(entry: Entry<T>, timeout: number, signal: AbortSignal | undefined): Promise<T> {
    const { prime } = entry;
    if (prime === undefined) return Promise.resolve(entry.value as T);
    if (prime.failure !== undefined) return Promise.reject(prime.failure.error);
    if (prime.waiters !== undefined) return prime.waiters.wait(timeout, signal);
    prime.waiters = new Waiters(PRIMED);
    const answer = prime.waiters.wait(timeout, signal);
    this.#primes.add(prime);
    try {
      // Only now: it may ask for its own target.
      prime.find(prime);
    } catch (error) {
      prime.reject(error);
    }
    return answer;
  }

  #parse(iq: Element, source: Source): T {
    try {
      return this.#kind.parse(iq, source);
    } catch (error) {
      throw error instanceof XMPPError
        ? error
        : new MalformedResponse(`the answer is unusable: ${error}`, iq);
    }
  }

  #cached(key: string): Entry<T> | undefined {
    const entry = this.#cache?.get(key);
    if (entry?.at === undefined || this.#ttl === Infinity || now() - entry.at < this.#ttl) return entry;
    this.#cache?.delete(key);
    return undefined;
  }

  #settlePrime(prime: Prime<T>, value: T): void {
    if (!this.#primes.has(prime)) return;
    if (!this.#kind.is(value)) {
      this.#failPrime(prime, new TypeError(`a primed future gave ${show(value)}`));
      return;
    }
    this.#primes.delete(prime);
    const { entry } = prime;
    entry.value = value;
    entry.prime = undefined;
    entry.at = now();
    prime.waiters?.resolve(value);
  }

  #failPrime(prime: Prime<T>, error: unknown): void {
    if (!this.#endPrime(prime, error)) return;
    const { entry, key } = prime;
    if (entry.provided && this.#cache?.peek(key) === entry) this.#cache.delete(key);
  }

  /** Returns whether it was open. */
  #endPrime(prime: Prime<T>, error: unknown): boolean {
    if (!this.#primes.delete(prime)) return false;
    prime.failure = { error };
    prime.waiters?.reject(error);
    return true;
  }

  /** A request that all callers left stays joinable until its answer is overdue. */
  #isJoinable(flight: Flight<T>): boolean {
    return flight.waiters.count > 0 || now() - flight.sentAt < this.#iq.responseTimeout;
  }

  #join(flight: Flight<T>, timeout: number, signal: AbortSignal | undefined): Promise<T> {
    if (flight.waiters.count === 0) this.#iq.revive(flight.exchange);
    return flight.waiters.wait(timeout, signal);
  }

  #send(key: string, jid: string, node: string | undefined, from: string | undefined): Flight<T> {
    const exchange = this.#iq.open(this.#request(jid, node, from));
    this.#stats.sent += 1;
    this.#order += 1;
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = { jid, node, running: undefined, open: new Set(), barrier: 0 };
      this.#targets.set(key, target);
    }
    const flight: Flight<T> = {
      exchange,
      target,
      waiters: new Waiters({
        timedOut: (timeout) => new IqTimeout(exchange.iq, timeout),
        deserted: () => this.#iq.abandon(exchange),
      }),
      sentAt: now(),
      order: this.#order,
      store: false,
      settled: false,
    };
    target.running = flight;
    target.open.add(flight);
    exchange.answer.then(
      (iq) => this.#arrived(key, flight, iq, from),
      (error: Error) => this.#failed(key, flight, error),
    );
    return flight;
  }

  #arrived(key: string, flight: Flight<T>, iq: Element, from: string | undefined): void {
    if (flight.settled) return;
    const { jid, node } = flight.target;
    let first: T;
    try {
      first = this.#parse(iq, { jid, node });
    } catch (error) {
      this.#failed(key, flight, error as Error);
      return;
    }
    const whole = this.#kind.rest?.(first, (part) => {
      // A late answer is welcome; page after page for nobody is not.
      if (flight.waiters.count > 0) return this.fetch(jid, { node, from }, part);
      return Promise.reject(new IqTimeout(flight.exchange.iq, this.#iq.responseTimeout));
    });
    if (whole === undefined) {
      this.#complete(key, flight, first);
      return;
    }
    whole.then(
      (answer) => this.#complete(key, flight, answer),
      (error: Error) => this.#failed(key, flight, error),
    );
  }

  #complete(key: string, flight: Flight<T>, given: T): void {
    const target = this.#settle(key, flight);
    if (target === undefined) return;
    const answer = flight.store ? (this.#kind.keep?.(given) ?? given) : given;
    if (flight.waiters.count === 0) this.#stats.late += 1;
    if (flight.store && flight.order >= target.barrier) {
      target.barrier = flight.order;
      const session = this.#iq.session.number;
      const plain = key === target.jid;
      this.#cache?.set(key, { value: answer, prime: undefined, at: now(), session, provided: false, plain });
    }
    flight.waiters.resolve(answer);
    this.#kind.arrived(target.jid, target.node, answer);
  }

  #failed(key: string, flight: Flight<T>, error: Error): void {
    if (this.#settle(key, flight) !== undefined) flight.waiters.reject(error);
  }

  #settle(key: string, flight: Flight<T>): Target<T> | undefined {
    const target = this.#targets.get(key);
    if (flight.settled || target === undefined) return undefined;
    flight.settled = true;
    target.open.delete(flight);
    if (target.running === flight) target.running = undefined;
    if (target.open.size === 0) this.#targets.delete(key);
    return target;
  }

  #askHere(
    jid: string,
    node: string | undefined,
    from: string | undefined,
    part?: Element,
  ): Promise<T> | undefined {
    const iq = this.#request(jid, node, from, part);
    const answer = this.#iq.answerLocally(iq)?.then((query) => this.#kind.parse(query, { jid, node }));
    if (answer === undefined) return undefined;
    return new Promise<T>((resolve, reject) => {
      this.#local.add(reject);
      answer.then(resolve, reject).then(() => this.#local.delete(reject));
    });
  }
}

/** How to get an answer, as an application gives it. */
type Future<T> = () => PromiseLike<T> | T;

function finder<T>(future: Future<T>): Finder<T> {
  return (inquiry) => {
    Promise.resolve(future()).then(
      (answer) => inquiry.resolve(answer),
      (error: unknown) => inquiry.reject(error),
    );
  };
}

/** There is no request that nobody wants any more. */
const PRIMED: Awaited = {
  timedOut: (timeout) => new IqTimeout(undefined, timeout),
  deserted: () => {},
};

function noServer(): IqError {
  return new IqError("service-unavailable", { text: "no DiscoServer is summoned" });
}

function targetKey(jid: string, node: string | undefined, from: string | undefined): string {
  // No JID has the separator in it, and no node an XML stream can carry.
  if (node === undefined && from === undefined) return jid;
  return from === undefined ? `${jid}\0${node}` : `${jid}\0${node ?? ""}\0${from}`;
}

/** What a caller gave with a question that is asked later, checked. @throws TypeError · RangeError */
export function checkQuery({ node, timeout, signal, from }: QueryOptions): void {
  toOptionalText(node, "node");
  if (timeout !== undefined) toTimeout(timeout);
  if (from !== undefined) toJid(from, "from");
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal is no AbortSignal: ${show(signal)}`);
  }
}
