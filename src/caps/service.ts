import type { Element } from "@xmpp/xml";
import { DiscoClient } from "../disco/client.js";
import type { DiscoInfo } from "../disco/info.js";
import type { Finder, Inquiry } from "../disco/lookup.js";
import { type RegisteredFeature, registerFeature } from "../disco/registration.js";
import { DiscoServer } from "../disco/server.js";
import { IqError, ServiceDismissed, SessionLost } from "../iq/errors.js";
import { IqService } from "../iq/iq-service.js";
import type { SessionListener } from "../iq/session.js";
import { MAX_DELAY } from "../iq/wait.js";
import { type Entity, isComponent, OwnJid } from "../services/entity.js";
import { onDismissal } from "../services/registry.js";
import { Service } from "../services/service.js";
import { childElements, cloneElement } from "../xml/element.js";
import { type Address, canonicalJid, domainOf, show, toJid } from "../xml/jid.js";
import { toNonEmptyText } from "../xml/text.js";
import type { CapsAlgorithm } from "./algorithm.js";
import { type Announcement, Announcements } from "./announcements.js";
import { EntityCapsCache } from "./cache.js";
import { hashFunction } from "./digest.js";
import { HashQuery, type HashQueryContext } from "./hash-query.js";
import { interceptSend } from "./intercept-send.js";
import { OwnCaps } from "./own-caps.js";
import { Slots } from "./slots.js";
import { NS_CAPS, xep0115 } from "./xep0115.js";
import { NS_CAPS2, xep0390 } from "./xep0390.js";

/** What an {@link EntityCapsService} is summoned with. */
export interface EntityCapsOptions {
  /** The address of the software, such as `https://my.app/` (XEP-0115 §4). @default "urn:xmpp-disco" */
  readonly node: string;
  /** What hashes stand for; may be shared between clients. @default one of its own */
  readonly cache: EntityCapsCache;
  /** Whether the last broadcast presence is sent again when the own hash changes. @default true */
  readonly rebroadcast: boolean;
  /** How long changes are gathered before that, in milliseconds. @default 100 */
  readonly rebroadcastDelay: number;
  /** The hash functions to announce with XEP-0390, one at least, by their names in XEP-0300. @default ["sha-256"] */
  readonly hashes: readonly string[];
  /** How many hashes are looked up at once. @default 8 */
  readonly lookupConcurrency: number;
  /** How long an announcer may take until the next one is asked as well, in milliseconds. @default 5000 */
  readonly hedgeDelay: number;
  /** How many entities are remembered that were asked for, and as many that merely announced. @default 10000 */
  readonly maxJids: number;
}

/** What an {@link EntityCapsService} tells. */
export type EntityCapsEvents = {
  /** The own hash has changed. */
  verChanged: [];
  /** What an entity announces is new, or gone. */
  capsChanged: [jid: string];
};

const DEFAULT_NODE = "urn:xmpp-disco";
const NS_STREAMS = "http://etherx.jabber.org/streams";

/** The best first: the hash of XEP-0115 can be forged. */
const ALGORITHMS: readonly CapsAlgorithm[] = [xep0390, xep0115];

/** How often an entity may change what it announces while it is looked up by hash. */
const MAX_CHANGES = 5;

/**
 * Entity capabilities, both ways (XEP-0115, XEP-0390): presence tells what contacts can do, so that one query for
 * each kind of software serves everyone who runs it.
 *
 * Out: every available presence carries the current hashes. In: `queryInfo` of a full JID is answered from what its
 * presence announced. Nothing is sent until somebody asks.
 *
 * @example
 * xmpp.summon(EntityCapsService, { node: "https://my.app/" });
 * xmpp.on("stanza", async (stanza) => {
 *   if (stanza.is("presence") && (await disco.supports(stanza.attrs.from, "urn:xmpp:jingle:1"))) …
 * });
 */
export class EntityCapsService extends Service<EntityCapsOptions, EntityCapsEvents> {
  /** What hashes stand for. */
  readonly cache: EntityCapsCache;
  readonly #disco: DiscoClient;
  readonly #server: DiscoServer;
  readonly #iq: IqService;
  readonly #node: string;
  readonly #hashes: readonly string[];
  readonly #announcements: Announcements;
  readonly #ownJid: OwnJid;
  /** The running look-ups, by the keys of their hashes. */
  readonly #queries = new Map<string, HashQuery>();
  readonly #running = new Set<HashQuery>();
  readonly #queryContext: HashQueryContext;
  readonly #own: OwnCaps;
  readonly #features: Readonly<Record<"xep115" | "xep390", RegisteredFeature>>;
  readonly #restoreSend: () => void;
  readonly #session: SessionListener;
  /** What the server announced in the latest stream features. */
  #serverAnnouncement: Announcement | undefined;
  readonly #rebroadcastDelay: number | undefined;
  /** The last broadcast presence of the session, without hashes. */
  #lastPresence: Element | undefined;
  /** Which hashes it was sent with. */
  #broadcastId: string | undefined;
  #rebroadcastTimer: ReturnType<typeof setTimeout> | undefined;
  /** The `<c/>` that were put into stanzas, which may be sent again. */
  readonly #inserted = new WeakSet<Element>();
  #isDirty = true;
  #updates = 0;
  #isScheduled = false;
  #isDismissed = false;

  constructor(client: Entity, options: Partial<EntityCapsOptions> = {}) {
    super(client, options);
    const { node = DEFAULT_NODE, cache = new EntityCapsCache(), hashes = ["sha-256"] } = options;
    const { lookupConcurrency = 8, hedgeDelay = 5_000, maxJids = 10_000, rebroadcastDelay = 100 } = options;
    if (!(cache instanceof EntityCapsCache))
      throw new TypeError(`cache is no EntityCapsCache: ${show(cache)}`);
    this.#node = toNonEmptyText(node, "node");
    this.#hashes = toHashes(hashes);
    assertCount(lookupConcurrency, "lookupConcurrency");
    assertCount(maxJids, "maxJids");
    assertDelay(hedgeDelay, "hedgeDelay");
    assertDelay(rebroadcastDelay, "rebroadcastDelay");
    this.#rebroadcastDelay = options.rebroadcast === false ? undefined : rebroadcastDelay;
    this.cache = cache;
    this.#iq = this.summon(IqService);
    this.#disco = this.summon(DiscoClient);
    this.#server = this.summon(DiscoServer);
    this.#own = new OwnCaps(this.#server);
    this.#announcements = new Announcements(ALGORITHMS, maxJids);
    this.#ownJid = new OwnJid(client);
    this.#queryContext = {
      slots: new Slots(lookupConcurrency),
      hedgeDelay,
      recall: (announcement) => this.#recall(announcement),
      announcersOf: (keys) => this.#announcements.announcersOf(keys),
      fetch: (jid, asked, signal) => this.#disco.fetchInfo(jid, asked, signal),
      count: (outcome) => this.#disco.countLookup(outcome),
      learn: (announcement, info) => this.#learn(announcement, info),
    };
    this.#features = {
      xep115: registerFeature(this, NS_CAPS),
      xep390: registerFeature(this, NS_CAPS2),
    };
    this.#session = {
      lost: (reason) => this.#forgetSession(new SessionLost(reason)),
      resumed: () => {
        this.#announceServer();
        this.#scheduleRebroadcast();
      },
    };
    this.#iq.session.subscribe(this.#session);
    this.#server.on("infoChanged", this.#onInfoChanged);
    this.#disco.setInfoProvider((jid) => this.#provide(jid));
    // Before the application's own listeners, so that what they ask is known.
    client.prependListener("element", this.#onElement);
    client.prependListener("online", this.#announceServer);
    this.#restoreSend = interceptSend(client, (stanza) => this.#annotate(stanza));
    onDismissal(this, () => this.#end());
    this.#schedule();
  }

  /** Whether XEP-0115 is announced, and believed of others. True at first. */
  get xep115Support(): boolean {
    return this.#features.xep115.enabled;
  }

  set xep115Support(supported: boolean) {
    this.#features.xep115.enabled = supported;
    this.#onInfoChanged();
  }

  /** Whether XEP-0390 is announced, and believed of others. True at first. */
  get xep390Support(): boolean {
    return this.#features.xep390.enabled;
  }

  set xep390Support(supported: boolean) {
    this.#features.xep390.enabled = supported;
    this.#onInfoChanged();
  }

  /** Whether an entity announces capabilities in its presence, or for a server in its stream features. */
  announces(jid: Address): boolean {
    return this.#announcements.get(toJid(jid)) !== undefined;
  }

  #end(): void {
    this.#isDismissed = true;
    this.#restoreSend();
    this.client.removeListener("element", this.#onElement);
    this.client.removeListener("online", this.#announceServer);
    this.#server.off("infoChanged", this.#onInfoChanged);
    this.#iq.session.unsubscribe(this.#session);
    this.#disco.setInfoProvider(undefined);
    this.#own.clear();
    this.#forgetSession(new ServiceDismissed("EntityCapsService was dismissed"));
  }

  #forgetSession(error: SessionLost): void {
    this.#forgetPresence();
    this.#announcements.clear();
    for (const query of this.#running) query.fail(error);
  }

  // Out

  readonly #onInfoChanged = (): void => {
    this.#isDirty = true;
    this.#schedule();
  };

  /** One hash for all changes that are made at once. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#update();
    });
  }

  #update(): void {
    if (!this.#isDirty || this.#isDismissed) return;
    this.#isDirty = false;
    try {
      const info = this.#server.tellOwnInfo();
      this.#updates += 1;
      if (info instanceof Promise) {
        const number = this.#updates;
        info
          .then((told) => {
            // Another may have been faster.
            if (number === this.#updates) this.#hash(told);
          })
          .catch((error: unknown) => this.emit("error", error));
      } else {
        this.#hash(info);
      }
    } catch (error) {
      this.emit("error", error);
    }
  }

  #hash(info: DiscoInfo): void {
    if (this.#isDismissed) return;
    const options = {
      node: this.#node,
      hashes: this.#hashes,
      xep115: this.xep115Support,
      xep390: this.xep390Support,
    };
    if (!this.#own.update(info, options)) return;
    this.emit("verChanged");
    this.#scheduleRebroadcast();
  }

  /** Has the last broadcast presence sent again soon, if it was sent with other hashes. */
  #scheduleRebroadcast(): void {
    if (this.#rebroadcastDelay === undefined || this.#rebroadcastTimer !== undefined || !this.#isOutdated)
      return;
    this.#rebroadcastTimer = setTimeout(() => {
      this.#rebroadcastTimer = undefined;
      // Where the stream is cut, it is due when the stream resumes.
      if (this.#isOutdated && this.client.status === "online") void this.#rebroadcast();
    }, this.#rebroadcastDelay);
  }

  get #isOutdated(): boolean {
    return this.#lastPresence !== undefined && this.#broadcastId !== this.#own.id;
  }

  async #rebroadcast(): Promise<void> {
    if (this.#lastPresence === undefined) return;
    try {
      await this.client.send(cloneElement(this.#lastPresence));
    } catch {
      // The connection is going. Where the stream resumes, it is due again.
      this.#broadcastId = undefined;
    }
  }

  #forgetPresence(): void {
    clearTimeout(this.#rebroadcastTimer);
    this.#rebroadcastTimer = undefined;
    this.#lastPresence = undefined;
  }

  /** Puts the current hashes into a presence that is about to be sent, in place of old ones. */
  #annotate(stanza: Element): void {
    // What is no element is for xmpp.js to refuse.
    if (stanza?.name !== "presence") return;
    const { type, to, from } = stanza.attrs as Record<string, string | undefined>;
    if (!this.#isOwn(from)) return;
    const isBroadcast = to === undefined;
    if (isBroadcast && (type === undefined || type === "unavailable")) this.#forgetPresence();
    if (type !== undefined) return;
    this.#update();
    for (const child of childElements(stanza)) {
      const isReplaced =
        this.#inserted.has(child) ||
        (this.xep115Support && child.is("c", NS_CAPS)) ||
        (this.xep390Support && child.is("c", NS_CAPS2));
      if (isReplaced) stanza.remove(child);
    }
    // What is sent before there is a session fails.
    if (isBroadcast && (this.#iq.session.ready || this.#iq.session.suspended)) {
      this.#lastPresence = cloneElement(stanza);
      this.#broadcastId = this.#own.id;
    }
    for (const element of this.#own.announce()) {
      this.#inserted.add(element);
      stanza.append(element);
    }
  }

  /** A component's other JIDs have capabilities of their own. */
  #isOwn(from: unknown): boolean {
    if (from === undefined || !isComponent(this.client)) return true;
    return canonicalJid(from) === this.#ownJid.text;
  }

  // In

  readonly #onElement = (element: Element): void => {
    if (element.name === "presence") this.#onPresence(element);
    else if (element.is("features", NS_STREAMS)) this.#serverAnnouncement = this.#read(element);
  };

  readonly #announceServer = (): void => {
    const jid = this.#ownJid.text;
    if (jid !== undefined && this.#serverAnnouncement !== undefined) {
      this.#announce(domainOf(jid), this.#serverAnnouncement);
    }
  };

  #onPresence(presence: Element): void {
    const { from, type } = presence.attrs as Record<string, string | undefined>;
    const jid = canonicalJid(from);
    if (jid === undefined || jid === this.#ownJid.text) return;
    if (type === undefined) {
      // Without `<c/>` it says nothing: a server may leave out what it sent before (XEP-0115 §8.4).
      const announcement = this.#read(presence);
      if (announcement !== undefined) this.#announce(jid, announcement);
    } else if (type === "unavailable" || type === "error") {
      this.#forget(jid);
      // An error is about one address: the room that refuses a nickname has not lost its occupants.
      if (type === "unavailable" && !jid.includes("/")) {
        for (const resource of this.#announcements.resourcesOf(jid)) this.#forget(resource);
      }
    }
  }

  #read(element: Element): Announcement | undefined {
    return this.#announcements.read(element, (algorithm) =>
      algorithm === xep0115 ? this.xep115Support : this.xep390Support,
    );
  }

  #announce(jid: string, announcement: Announcement): void {
    if (!this.#announcements.set(jid, announcement)) return;
    this.#disco.forgetInfo(jid);
    // Those who asked may begin another.
    for (const query of [...this.#running]) {
      const asker = query.changed(jid);
      if (asker === undefined) continue;
      for (const inquiry of asker.inquiries) this.#find(jid, announcement, inquiry, asker.changes + 1);
    }
    this.emit("capsChanged", jid);
  }

  #forget(jid: string): void {
    const wasKnown = this.#announcements.delete(jid);
    this.#disco.forgetInfo(jid);
    const error = new IqError("recipient-unavailable", { text: `${jid} has gone off line` });
    for (const query of this.#running) query.left(jid, error);
    if (wasKnown) this.emit("capsChanged", jid);
  }

  // Looking up

  /** What is known of an entity, or how to find out; undefined where its announcement is of no help. */
  #provide(jid: string): DiscoInfo | Finder<DiscoInfo> | undefined {
    const announcement = this.#announcements.use(jid);
    if (announcement === undefined || announcement.capabilities.length === 0) return undefined;
    for (const capability of announcement.capabilities) {
      const known = this.cache.peek(capability);
      if (known !== undefined) return known.withSource({ jid });
    }
    return (inquiry) => this.#find(jid, announcement, inquiry, 0);
  }

  #find(jid: string, announcement: Announcement, inquiry: Inquiry<DiscoInfo>, changes: number): void {
    const { length } = announcement.capabilities;
    if (length > 0 && changes <= MAX_CHANGES) {
      this.#queryFor(announcement).ask(jid, announcement, inquiry, changes);
      return;
    }
    // No hash, or another one all the time.
    this.#disco.queryInfo(jid, { requireFresh: length > 0 }).then(
      (info) => inquiry.resolve(info),
      (error: unknown) => inquiry.reject(error),
    );
  }

  /** The running look-up of a hash that is announced, or a new one. */
  #queryFor({ capabilities }: Announcement): HashQuery {
    for (const { key } of capabilities) {
      const running = this.#queries.get(key);
      if (running !== undefined) return running;
    }
    const keys = new Set(capabilities.map(({ key }) => key));
    const query = new HashQuery(keys, this.#queryContext, () => {
      this.#running.delete(query);
      for (const key of keys) this.#queries.delete(key);
    });
    this.#running.add(query);
    for (const key of keys) this.#queries.set(key, query);
    return query;
  }

  #recall({ capabilities }: Announcement): DiscoInfo | Promise<DiscoInfo | undefined> | undefined {
    let reads: Promise<DiscoInfo | undefined>[] | undefined;
    // All at once, so that a store that stalls does so once.
    for (const capability of capabilities) {
      const read = this.cache.get(capability);
      if (read instanceof Promise) reads = [...(reads ?? []), read];
      else if (read !== undefined) return read;
    }
    return reads && firstOf(reads);
  }

  #learn({ capabilities }: Announcement, info: DiscoInfo): Map<string, DiscoInfo> {
    const learned = new Map<string, DiscoInfo>();
    const kept = new Map<DiscoInfo, DiscoInfo>();
    for (const capability of capabilities) {
      const vouched = capability.caps.vouched(info, capability.value, capability.algorithm);
      if (vouched === undefined) continue;
      const own = kept.get(vouched) ?? vouched.kept();
      kept.set(vouched, own);
      learned.set(capability.key, own);
      this.cache.set(capability, own);
    }
    return learned;
  }
}

/** The first of what is known, in order. */
async function firstOf(reads: readonly Promise<DiscoInfo | undefined>[]) {
  for (const read of reads) {
    const known = await read;
    if (known !== undefined) return known;
  }
  return undefined;
}

/** The names of hash functions to announce. @throws TypeError · RangeError */
function toHashes(names: readonly string[]): string[] {
  if (!Array.isArray(names) || names.length === 0) {
    throw new TypeError(`hashes is a list of hash functions, one at least, not ${show(names)}`);
  }
  return names.map((name) => {
    const fn = hashFunction(name);
    // "MUST NOT be used" https://xmpp.org/extensions/xep-0414.html#table-hash
    if (!fn.trusted) throw new RangeError(`hashes has ${show(name)}, which is not to be used (XEP-0414)`);
    return fn.name;
  });
}

function assertCount(value: unknown, what: string): void {
  if (!Number.isInteger(value) || Number(value) < 1) {
    throw new RangeError(`${what} is a whole number from 1 on, not ${show(value)}`);
  }
}

function assertDelay(value: unknown, what: string): void {
  if (typeof value !== "number" || !(value >= 0 && value <= MAX_DELAY)) {
    throw new RangeError(`${what} is a number of milliseconds from 0 to ${MAX_DELAY}, not ${show(value)}`);
  }
}
