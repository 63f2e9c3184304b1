import { LRUCache } from "lru-cache";
import { IqError, ServiceDismissed, SessionLost } from "../iq/errors.js";
import { IqService } from "../iq/iq-service.js";
import type { SessionListener } from "../iq/session.js";
import { pageRequestElement, parseResultSet } from "../rsm/result-set.js";
import type { Entity } from "../services/entity.js";
import { onDismissal } from "../services/registry.js";
import { Service } from "../services/service.js";
import { type Address, bareJid, domainOf, show, toJid } from "../xml/jid.js";
import {
  type DomainOptions,
  type DomainResult,
  type FindOptions,
  findServices,
  queryDomain,
  type ServiceQuery,
  toServiceQuery,
  type WalkOptions,
  type WalkResult,
  walk,
} from "./finding.js";
import { DiscoInfo, hasIdentity, type IdentityQuery, NO_SUCH_THING } from "./info.js";
import { type AskPage, ItemPages, type PageOptions, restOf } from "./item-pages.js";
import { DiscoItems } from "./items.js";
import { type AnswerLimits, checkInfo, checkItems, toLimits } from "./limits.js";
import { checkQuery, type DiscoStats, Lookup, type Provider, type QueryOptions } from "./lookup.js";
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from "./namespaces.js";

/** What a {@link DiscoClient} is summoned with. */
export interface DiscoClientOptions {
  /** How many answers to disco#info are kept. @default 10000 */
  readonly infoCacheSize: number;
  /** How many answers to disco#items are kept. @default 100 */
  readonly itemsCacheSize: number;
  /** How long an answer to disco#info is believed, in milliseconds. @default Infinity */
  readonly infoTtl: number;
  /** How long an answer to disco#items is believed, in milliseconds. @default Infinity */
  readonly itemsTtl: number;
  /** What an answer may have at the most; those that are left out keep their defaults. */
  readonly limits: Partial<AnswerLimits>;
}

/** What a {@link DiscoClient} tells: every answer that arrived, also one that came after its caller gave up. */
export type DiscoClientEvents = {
  info: [jid: string, node: string | undefined, info: DiscoInfo];
  items: [jid: string, node: string | undefined, items: DiscoItems];
};

const MAX_UNPAGED = 1_000;

/**
 * Asks other entities what they are and can do (XEP-0030), and pays once for what it asked before.
 *
 * All queries fail with an {@link IqError}, {@link IqTimeout}, {@link SessionLost} or {@link MalformedResponse}, the
 * reason of the caller's signal, or a TypeError or RangeError for bad arguments.
 *
 * @example
 * const disco = xmpp.summon(DiscoClient);
 * const info = await disco.queryInfo("example.org");
 * if (info.has("urn:xmpp:carbons:2")) …
 */
export class DiscoClient extends Service<DiscoClientOptions, DiscoClientEvents> {
  readonly #iq: IqService;
  readonly #info: Lookup<DiscoInfo>;
  readonly #items: Lookup<DiscoItems>;
  readonly #stats: DiscoStats = { hits: 0, misses: 0, aliased: 0, sent: 0, late: 0, primed: 0, evicted: 0 };
  /** Who has no pages, as far as this session has shown. */
  readonly #unpaged = new LRUCache<string, true>({ max: MAX_UNPAGED });
  readonly #session: SessionListener;
  #limits: AnswerLimits;

  constructor(client: Entity, options: Partial<DiscoClientOptions> = {}) {
    super(client, options);
    const { infoCacheSize = 10_000, itemsCacheSize = 100, infoTtl = Infinity, itemsTtl = Infinity } = options;
    this.#limits = toLimits(options.limits);
    this.#iq = this.summon(IqService);
    this.#info = new Lookup(
      this.#iq,
      {
        xmlns: NS_DISCO_INFO,
        parse: (element, source) => checkInfo(DiscoInfo.fromElement(element, source), this.#limits, element),
        keep: (info) => info.kept(),
        is: (value) => value instanceof DiscoInfo,
        arrived: (jid, node, info) => this.emit("info", jid, node, info),
      },
      this.#stats,
      infoCacheSize,
    );
    this.#items = new Lookup(
      this.#iq,
      {
        xmlns: NS_DISCO_ITEMS,
        parse: (element, source) =>
          checkItems(DiscoItems.fromElement(element, source), this.#limits, element),
        rest: (first, ask) => restOf(first, (start) => ask(pageRequestElement(start)), this.#limits.items),
        is: (value) => value instanceof DiscoItems,
        arrived: (jid, node, items) => this.emit("items", jid, node, items),
      },
      this.#stats,
      itemsCacheSize,
    );
    this.infoTtl = infoTtl;
    this.itemsTtl = itemsTtl;
    this.#session = {
      lost: (reason) => {
        const error = new SessionLost(reason);
        this.#info.lose(error);
        this.#items.lose(error);
        this.#unpaged.clear();
      },
      resumed: () => {
        this.#info.resume();
        this.#items.resume();
      },
    };
    this.#iq.session.subscribe(this.#session);
    onDismissal(this, () => this.#end());
  }

  /**
   * What an entity, or a node of it, is and can do.
   *
   * One request to a (from, jid, node): the answer is cached, and who asks meanwhile shares it. A caller's timeout or
   * signal ends that caller's wait alone; the answer that comes later is cached and told by the event `info`.
   */
  queryInfo(jid: Address, options?: QueryOptions): Promise<DiscoInfo> {
    return this.#info.query(jid, options);
  }

  /**
   * The items of an entity, or of a node of it; like {@link queryInfo}, with a cache of its own.
   *
   * Where the answer says that it is a first page (XEP-0059), the others are asked for, and the whole is one answer;
   * rejects with a {@link MalformedResponse} beyond {@link AnswerLimits.items}.
   */
  queryItems(jid: Address, options?: QueryOptions): Promise<DiscoItems> {
    return this.#items.query(jid, options);
  }

  /**
   * Whether an entity has a feature.
   *
   * Resolves with false also where there is no such entity or node, or one that does not know service discovery
   * (`item-not-found`, `service-unavailable`, `feature-not-implemented`); rejects with any other failure.
   */
  async supports(jid: Address, feature: string, options?: QueryOptions): Promise<boolean> {
    if (typeof feature !== "string") throw new TypeError(`feature is no string: ${show(feature)}`);
    const info = await this.#infoIfAny(jid, options);
    return info?.has(feature) ?? false;
  }

  /** Whether an entity has an identity; like {@link supports}. */
  async hasIdentity(jid: Address, identity: IdentityQuery, options?: QueryOptions): Promise<boolean> {
    const { category, type, lang }: Partial<Record<keyof IdentityQuery, unknown>> = identity ?? {};
    for (const [part, value] of Object.entries({ category, type, lang })) {
      if (typeof value === "string" || (value === undefined && part !== "category")) continue;
      throw new TypeError(`${part} of the identity is no string: ${show(value)}`);
    }
    const info = await this.#infoIfAny(jid, options);
    return info !== undefined && hasIdentity(info, identity);
  }

  async #infoIfAny(jid: Address, options?: QueryOptions): Promise<DiscoInfo | undefined> {
    try {
      return await this.queryInfo(jid, options);
    } catch (error) {
      if (error instanceof IqError && NO_SUCH_THING.has(error.condition)) return undefined;
      throw error;
    }
  }

  /**
   * The items of an entity, asked for page by page as they are iterated (XEP-0059); all at once where the peer has no
   * pages. For lists that are too long to be asked for, or kept, whole.
   *
   * @throws TypeError and RangeError for bad arguments
   * @example
   * for await (const room of disco.iterItems("conference.example.org", { pageSize: 50 })) …
   */
  iterItems(jid: Address, options: PageOptions = {}): ItemPages {
    const target = toJid(jid);
    const { pageSize, after, index, backwards, ...query } = options;
    checkQuery(query);
    // Also a check of what the caller gave.
    pageRequestElement({ max: pageSize ?? 0, after, index });
    if (after !== undefined && index !== undefined) {
      throw new TypeError("a list starts behind an item or at a place: after goes without index");
    }
    if (backwards && (after !== undefined || index !== undefined)) {
      throw new TypeError("backwards starts at the end: it goes with neither after nor index");
    }
    const ask: AskPage = async (start) => {
      const isUnpaged = this.#unpaged.has(target);
      const answer = await this.#items.fetch(
        target,
        query,
        isUnpaged ? undefined : pageRequestElement(start),
      );
      if (
        answer.element !== undefined &&
        answer.items.length > 0 &&
        parseResultSet(answer.element) === undefined
      ) {
        this.#unpaged.set(target, true);
      }
      return answer;
    };
    return new ItemPages(ask, options);
  }

  /**
   * What the services of a domain are, in order of arrival: the domain itself, its items, and one's own account where
   * it is one's own domain. One that fails neither sinks nor delays the rest: its error is what is yielded for it.
   *
   * @example
   * for await (const { jid, info, error } of disco.queryDomain()) console.log(jid, info?.identities ?? error.message);
   */
  queryDomain(domain?: Address, options: DomainOptions = {}): AsyncGenerator<DomainResult, void, undefined> {
    const own = this.client.jid?.toString();
    const ownDomain = own === undefined ? this.client.options?.domain : domainOf(own);
    const target = toJid(domain ?? ownDomain, "domain");
    const account = own !== undefined && target === ownDomain ? bareJid(own) : undefined;
    return queryDomain(this, target, account, options);
  }

  /**
   * The services of a domain that have a feature, or an identity of a category and type, in order of arrival.
   *
   * @example
   * const [upload] = await disco.findServices({ feature: "urn:xmpp:http:upload:0" });
   */
  async findServices(query: ServiceQuery, options: FindOptions = {}): Promise<DiscoInfo[]> {
    return this.#find(query, options, () => false);
  }

  /** The first of {@link findServices} that answers, undefined where there is none; the others are not waited for. */
  async findService(query: ServiceQuery, options: FindOptions = {}): Promise<DiscoInfo | undefined> {
    const [first] = await this.#find(query, options, (found) => found > 0);
    return first;
  }

  #find(
    query: ServiceQuery,
    options: FindOptions,
    isEnough: (found: number) => boolean,
  ): Promise<DiscoInfo[]> {
    const { domain, onError, ...rest } = options;
    return findServices(this.queryDomain(domain, rest), toServiceQuery(query), onError, isEnough);
  }

  /**
   * The tree under an entity: itself, its items, their items and so on, in order of arrival, the root first. No JID and
   * node is visited twice; what fails is yielded with its error.
   *
   * @throws TypeError and RangeError for bad arguments
   * @example
   * for await (const { jid, node, info, error, depth } of disco.walk("example.org", { depth: 2 })) …
   */
  walk(jid: Address, options: WalkOptions = {}): AsyncGenerator<WalkResult, void, undefined> {
    return walk(this, jid, options);
  }

  /** Answers queries from now on with what is known from elsewhere. @throws TypeError when `info` is no DiscoInfo */
  setInfoCache(jid: Address, node: string | null | undefined, info: DiscoInfo): void {
    if (!(info instanceof DiscoInfo)) throw new TypeError(`info is no DiscoInfo: ${show(info)}`);
    this.#info.prime(jid, node, info);
  }

  /**
   * Answers queries from now on with what a promise will give; a function that returns one is called on first use.
   *
   * A future that rejects answers with its rejection until `requireFresh`.
   */
  setInfoFuture(
    jid: Address,
    node: string | null | undefined,
    future: PromiseLike<DiscoInfo> | (() => PromiseLike<DiscoInfo>),
  ): void {
    if (typeof future === "function") {
      this.#info.prime(jid, node, future);
    } else {
      if (typeof future?.then !== "function") {
        throw new TypeError(`future is no promise, and no function that returns one: ${show(future)}`);
      }
      // It may reject before anybody asks.
      const promise = Promise.resolve(future);
      promise.catch(() => {});
      this.#info.prime(jid, node, () => promise);
    }
  }

  /** Has somebody asked who may know of an entity, before a request is sent. @internal */
  setInfoProvider(provider: Provider<DiscoInfo> | undefined): void {
    this.#info.provider = provider;
  }

  /** Forgets what is known of an entity itself. @internal */
  forgetInfo(jid: string): void {
    this.#info.forget(jid);
  }

  /** Counts a look-up that a provider's function was called for. @internal */
  countLookup(outcome: "hits" | "misses" | "aliased"): void {
    this.#stats[outcome] += 1;
  }

  /** Asks without the cache and without sharing. @internal */
  fetchInfo(jid: string, node: string | undefined, signal: AbortSignal): Promise<DiscoInfo> {
    return this.#info.fetch(jid, { node, signal });
  }

  /** Empties both caches. Running queries go on; the next one for each target is fresh. */
  flushCache(): void {
    this.#info.flush();
    this.#items.flush();
  }

  /** How many answers to disco#info are kept; a smaller number evicts at once. @throws RangeError when it is no count */
  get infoCacheSize(): number {
    return this.#info.size;
  }

  set infoCacheSize(size: number) {
    this.#info.size = size;
  }

  /** How many answers to disco#items are kept; a smaller number evicts at once. @throws RangeError when it is no count */
  get itemsCacheSize(): number {
    return this.#items.size;
  }

  set itemsCacheSize(size: number) {
    this.#items.size = size;
  }

  /**
   * How long an answer to disco#info is believed, in milliseconds from its arrival.
   *
   * Setting the clock changes nothing. The time that a computer sleeps may not count; what was cached goes with the session.
   *
   * @throws RangeError when it is no time
   */
  get infoTtl(): number {
    return this.#info.ttl;
  }

  set infoTtl(ttl: number) {
    this.#info.ttl = ttl;
  }

  /** Like {@link infoTtl}, for answers to disco#items. @throws RangeError when it is no time */
  get itemsTtl(): number {
    return this.#items.ttl;
  }

  set itemsTtl(ttl: number) {
    this.#items.ttl = ttl;
  }

  /**
   * What an answer may have at the most. Those that are left out when it is set get their defaults; what is cached stays.
   *
   * @throws TypeError · RangeError when it has a limit that there is none of, or that is no number
   */
  get limits(): AnswerLimits {
    return this.#limits;
  }

  set limits(limits: Partial<AnswerLimits>) {
    this.#limits = toLimits(limits);
  }

  /** What happened to the look-ups so far. */
  get stats(): Readonly<DiscoStats> {
    return { ...this.#stats };
  }

  #end(): void {
    this.#iq.session.unsubscribe(this.#session);
    const error = new ServiceDismissed("DiscoClient was dismissed");
    this.#info.end(error);
    this.#items.end(error);
  }
}
