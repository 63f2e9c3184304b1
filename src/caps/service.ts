import type { Element } from "@xmpp/xml";
import { DiscoClient } from "../disco/client.js";
import type { DiscoInfo } from "../disco/info.js";
import { type RegisteredFeature, registerFeature } from "../disco/registration.js";
import { DiscoServer } from "../disco/server.js";
import { IqError } from "../iq/errors.js";
import { IqService } from "../iq/iq-service.js";
import type { SessionListener } from "../iq/session.js";
import type { Entity } from "../services/entity.js";
import { Service } from "../services/service.js";
import { childElements, cloneElement } from "../xml/element.js";
import { canonicalJid, domainOf, show } from "../xml/jid.js";
import { toNonEmptyText } from "../xml/text.js";
import type { CapsAlgorithm } from "./algorithm.js";
import { type Announcement, Announcements, announces } from "./announcements.js";
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
  /** The hash functions for XEP-0390, by their names in XEP-0300. @default ["sha-256"] */
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

/** How often an entity may change what it announces while it is looked up. */
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
  readonly #queries = new Map<string, HashQuery>();
  readonly #queryContext: HashQueryContext;
  readonly #own: OwnCaps;
  readonly #features: Readonly<Record<"xep115" | "xep390", RegisteredFeature>>;
  readonly #restoreSend: () => void;
  readonly #session: SessionListener;
  /** What the server announced in the features of the stream that is being negotiated. */
  #serverAnnouncement: Announcement | undefined;
  readonly #rebroadcastDelay: number | undefined;
  #lastPresence: Element | undefined;
  #rebroadcastTimer: ReturnType<typeof setTimeout> | undefined;
  #isDirty = true;
  #isScheduled = false;
  #isDismissed = false;

  constructor(client: Entity, options: Partial<EntityCapsOptions> = {}) {
    super(client, options);
    const { node = DEFAULT_NODE, cache = new EntityCapsCache(), hashes = ["sha-256"] } = options;
    const { lookupConcurrency = 8, hedgeDelay = 5_000, maxJids = 10_000, rebroadcastDelay = 100 } = options;
    if (!(cache instanceof EntityCapsCache))
      throw new TypeError(`cache is no EntityCapsCache: ${show(cache)}`);
    this.#node = toNonEmptyText(node, "node");
    this.#hashes = hashes.map((name) => hashFunction(name).name);
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
    this.#queryContext = {
      slots: new Slots(lookupConcurrency),
      hedgeDelay,
      announcementOf: (jid) => this.#announcements.get(jid),
      announcersOf: (key) => this.#announcements.announcersOf(key),
      fetch: (jid, asked, signal) => this.#disco.fetchInfo(jid, asked, signal),
      learn: (announcement, info) => this.#learn(announcement, info),
      known: (capability) => this.cache.peek(capability),
    };
    this.#features = {
      xep115: registerFeature(this, NS_CAPS),
      xep390: registerFeature(this, NS_CAPS2),
    };
    this.#session = { lost: () => this.#announcements.clear() };
    this.#iq.session.subscribe(this.#session);
    this.#server.on("infoChanged", this.#onInfoChanged);
    this.#disco.setInfoProvider((jid) => this.#provide(jid));
    // Before the application's own listeners, so that what they ask is known.
    client.prependListener("element", this.#onElement);
    client.on("online", this.#onOnline);
    this.#restoreSend = interceptSend(client, (stanza) => this.#annotate(stanza));
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

  override shutdown(): void {
    this.#isDismissed = true;
    clearTimeout(this.#rebroadcastTimer);
    this.#restoreSend();
    this.client.removeListener("element", this.#onElement);
    this.client.removeListener("online", this.#onOnline);
    this.#server.off("infoChanged", this.#onInfoChanged);
    this.#iq.session.unsubscribe(this.#session);
    this.#disco.setInfoProvider(undefined);
    this.#own.clear();
    this.#announcements.clear();
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
      // Without a request, all is visible: a caps node tells everybody the same.
      const info = this.#server.tellInfo();
      if (info instanceof Promise) {
        info.then(
          (told) => this.#hash(told),
          (error: unknown) => this.emit("error", error),
        );
      } else {
        this.#hash(info);
      }
    } catch (error) {
      this.emit("error", error);
    }
  }

  #hash(info: DiscoInfo): void {
    if (this.#isDismissed) return;
    const isFirst = this.#own.id === undefined;
    const options = {
      node: this.#node,
      hashes: this.#hashes,
      xep115: this.xep115Support,
      xep390: this.xep390Support,
    };
    if (!this.#own.update(info, options)) return;
    this.emit("verChanged");
    if (!isFirst) this.#scheduleRebroadcast();
  }

  #scheduleRebroadcast(): void {
    if (this.#rebroadcastDelay === undefined || this.#lastPresence === undefined) return;
    if (this.#rebroadcastTimer !== undefined) return;
    this.#rebroadcastTimer = setTimeout(() => {
      this.#rebroadcastTimer = undefined;
      if (this.#lastPresence === undefined || this.client.status !== "online") return;
      // Where the connection goes meanwhile, the application sends presence in its next session.
      this.client.send(cloneElement(this.#lastPresence)).catch(() => {});
    }, this.#rebroadcastDelay);
  }

  /** Puts the current hashes into a presence that is about to be sent, in place of old ones. */
  #annotate(stanza: Element): void {
    if (stanza.name !== "presence") return;
    const { type, to } = stanza.attrs as Record<string, string | undefined>;
    if (to === undefined && (type === undefined || type === "unavailable")) {
      clearTimeout(this.#rebroadcastTimer);
      this.#rebroadcastTimer = undefined;
      this.#lastPresence = undefined;
    }
    if (type !== undefined || !this.#isOwn(stanza.attrs.from)) return;
    this.#update();
    const isOurs = (child: Element) =>
      (this.xep115Support && child.is("c", NS_CAPS)) || (this.xep390Support && child.is("c", NS_CAPS2));
    for (const child of childElements(stanza)) {
      if (isOurs(child)) stanza.remove(child);
    }
    stanza.append(...this.#own.announce());
    if (to === undefined) this.#lastPresence = cloneElement(stanza);
  }

  /** A component's other JIDs have capabilities of their own. */
  #isOwn(from: unknown): boolean {
    return from === undefined || canonicalJid(from) === this.client.jid?.toString();
  }

  // In

  readonly #onElement = (element: Element): void => {
    if (element.name === "presence") this.#onPresence(element);
    else if (element.is("features", NS_STREAMS)) this.#serverAnnouncement = this.#read(element);
  };

  readonly #onOnline = (): void => {
    const jid = this.client.jid?.toString();
    const announcement = this.#serverAnnouncement;
    this.#serverAnnouncement = undefined;
    if (jid !== undefined && announcement !== undefined) this.#announce(domainOf(jid), announcement);
  };

  #onPresence(presence: Element): void {
    const { from, type } = presence.attrs as Record<string, string | undefined>;
    const jid = canonicalJid(from);
    if (jid === undefined || jid === this.client.jid?.toString()) return;
    if (type === undefined) {
      // Without `<c/>` it says nothing: a server may leave out what it sent before (XEP-0115 §8.4).
      const announcement = this.#read(presence);
      if (announcement !== undefined) this.#announce(jid, announcement);
    } else if (type === "unavailable" || type === "error") {
      const gone = jid.includes("/") ? [jid] : [jid, ...this.#announcements.resourcesOf(jid)];
      for (const each of gone) this.#forget(each);
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
    this.emit("capsChanged", jid);
  }

  #forget(jid: string): void {
    this.#disco.forgetInfo(jid);
    if (!this.#announcements.delete(jid)) return;
    for (const query of new Set(this.#queries.values())) query.left(jid);
    this.emit("capsChanged", jid);
  }

  // Looking up

  /** What is known of an entity, or how to find out; undefined where its announcement is of no help. */
  #provide(jid: string): DiscoInfo | (() => Promise<DiscoInfo>) | undefined {
    const announcement = this.#announcements.use(jid);
    if (announcement === undefined || announcement.capabilities.length === 0) return undefined;
    for (const capability of announcement.capabilities) {
      const known = this.cache.peek(capability);
      if (known !== undefined) return known.withSource({ jid });
    }
    return () => this.#find(jid, announcement);
  }

  async #find(jid: string, first: Announcement): Promise<DiscoInfo> {
    let announcement = first;
    for (let changes = 0; ; changes += 1) {
      const result = await this.#lookUp(jid, announcement).then(
        (info) => ({ info }),
        (error: unknown) => ({ error }),
      );
      const latest = this.#announcements.get(jid);
      if (latest === undefined || latest === announcement || changes === MAX_CHANGES) {
        if ("error" in result) throw result.error;
        return result.info;
      }
      // The answer belongs to an older presence.
      announcement = latest;
      if (announcement.capabilities.length === 0) return this.#disco.queryInfo(jid);
    }
  }

  async #lookUp(jid: string, announcement: Announcement): Promise<DiscoInfo> {
    const { capabilities } = announcement;
    const [primary] = capabilities;
    if (primary === undefined) throw new IqError("recipient-unavailable");
    for (const capability of capabilities) {
      const known = await this.cache.get(capability);
      if (known !== undefined) return known.withSource({ jid });
    }
    // Others who announce one of these hashes may be asked already.
    for (;;) {
      const running = capabilities
        .map(({ key }) => this.#queries.get(key))
        .find((query) => query !== undefined);
      if (running === undefined || announces(announcement, running.capability.key)) {
        return (running ?? this.#start(announcement)).ask(jid);
      }
      await running.ended;
      for (const capability of capabilities) {
        const known = this.cache.peek(capability);
        if (known !== undefined) return known.withSource({ jid });
      }
    }
  }

  #start(announcement: Announcement): HashQuery {
    const { capabilities } = announcement;
    const [primary] = capabilities;
    if (primary === undefined) throw new IqError("recipient-unavailable");
    const keys = capabilities.map(({ key }) => key).filter((key) => !this.#queries.has(key));
    const query = new HashQuery(primary, this.#queryContext, () => {
      for (const key of keys) {
        if (this.#queries.get(key) === query) this.#queries.delete(key);
      }
    });
    for (const key of keys) this.#queries.set(key, query);
    return query;
  }

  #learn(announcement: Announcement, info: DiscoInfo): void {
    for (const capability of announcement.capabilities) {
      const vouched = capability.caps.vouched(info, capability.value, capability.algorithm);
      if (vouched !== undefined) this.cache.set(capability, vouched);
    }
  }
}

function assertCount(value: unknown, what: string): void {
  if (!Number.isInteger(value) || Number(value) < 1) {
    throw new RangeError(`${what} is a whole number from 1 on, not ${show(value)}`);
  }
}

function assertDelay(value: unknown, what: string): void {
  if (typeof value !== "number" || !(value >= 0) || value === Infinity) {
    throw new RangeError(`${what} is a number of milliseconds from 0 on, not ${show(value)}`);
  }
}
