import type { Element } from "@xmpp/xml";
import { LRUCache } from "lru-cache";
import type { DataForm } from "../forms/data-form.js";
import { errorElement, IqError } from "../iq/errors.js";
import { type IqHandler, IqService } from "../iq/iq-service.js";
import { type PageRequest, parsePageRequest, resultSetElement, toPageRequest } from "../rsm/result-set.js";
import { type Entity, type IqContext, isComponent, OwnJid } from "../services/entity.js";
import { adopt, onDismissal, type ServiceInstance, summonFor } from "../services/registry.js";
import { type Address, bareJid, canonicalJid, show, toJid } from "../xml/jid.js";
import { isText, toNonEmptyText, toOptionalText, toText } from "../xml/text.js";
import { AnswerWriter } from "./answer.js";
import {
  DiscoInfo,
  hasIdentity,
  type Identity,
  type IdentityQuery,
  NO_SUCH_THING,
  toIdentity,
} from "./info.js";
import { cutPage, fitPage, type ItemPage, type PageStart, toResultSet } from "./item-page.js";
import { DiscoItems, type ItemInit, toItem } from "./items.js";
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from "./namespaces.js";
import { collect, type DiscoNode, type DiscoRequest, type MaybeAsyncIterable, toTypedForm } from "./node.js";
import {
  type IdentityKey,
  type NodeAction,
  type NodeActions,
  type NodeHandler,
  NodeHandlers,
  type Owner,
  toHandler,
  toOwner,
} from "./node-handlers.js";
import { SnapshotNode } from "./snapshot-node.js";
import { StaticNode } from "./static-node.js";
import { DiscoTree } from "./tree.js";

/** Which entity and node is meant, and for whom. */
export interface Query {
  /** The entity; this client or component itself where it is left out. */
  readonly jid?: Address | undefined;
  /** The node; the entity itself where it is left out. */
  readonly node?: string | null | undefined;
  /** Who asks; where it is left out, what everybody may see is told. */
  readonly from?: Address | undefined;
  /** The language that who asks would like. */
  readonly lang?: string | undefined;
}

/** What items are meant, and for whom. */
export interface ItemsQuery extends Query {
  /** The part of the list, of at most 1,000 items; all of it where it is left out. */
  readonly page?: PageRequest | undefined;
}

/**
 * Whether who asks gets an answer; may be asked of somewhere else first.
 *
 * One that throws or rejects lets nobody in, and the error goes to the `error` listeners of the {@link DiscoServer}.
 */
export type AnswerPolicy = (request: DiscoRequest) => boolean | PromiseLike<boolean>;

/** How many items a page has at the most, whatever was asked for. */
const MAX_PAGE = 1_000;

/** How many items are gone through for who does not ask for a page; the answer says that it is one where it is. */
const MAX_ITEMS = 10_000;

/** How many {@link DiscoServer.cacheInfo} keeps. */
const MAX_CACHED = 10_000;

/**
 * Answers disco#info and disco#items for a client or component (XEP-0030), and is the root of its nodes.
 *
 * It starts with the identity client/bot, a component's with component/generic, which can be removed once there is
 * another.
 *
 * @example
 * const server = xmpp.summon(DiscoServer);
 * server.registerIdentity("client", "web", { en: "My app", de: "Meine App" });
 * server.unregisterIdentity("client", "bot");
 * server.registerFeature("urn:xmpp:receipts");
 */
export class DiscoServer extends DiscoTree implements ServiceInstance {
  /** The client or component that this service belongs to. */
  readonly client: Entity;
  readonly #defaultIdentity: Identity;
  /** The trees of a component's other JIDs. */
  readonly #entities = new Map<string, DiscoTree>();
  /** What a JID without a tree of its own has. */
  readonly #blank = new DiscoTree();
  readonly #handlers = new NodeHandlers();
  /** Made on first use: its tables are large, and few ever need it. */
  #cachedInfo: LRUCache<string, DiscoInfo> | undefined;
  readonly #answers = new AnswerWriter();
  readonly #completed = new WeakMap<DiscoInfo, DiscoInfo>();
  readonly #handles: Disposable[];
  #policy: AnswerPolicy | undefined;
  readonly #own: OwnJid;

  constructor(client: Entity, _options: Record<string, never> = {}) {
    super();
    adopt(this, client, new.target);
    this.client = client;
    this.#own = new OwnJid(client);
    this.#defaultIdentity = isComponent(client)
      ? { category: "component", type: "generic" }
      : { category: "client", type: "bot" };
    this.registerIdentity(this.#defaultIdentity.category, this.#defaultIdentity.type);
    const iq = summonFor(this, IqService);
    this.#handles = [
      iq.handle(
        { type: "get", name: "query", xmlns: NS_DISCO_INFO },
        this.#answer((query) => this.#answerInfo(query)),
      ),
      iq.handle(
        { type: "get", name: "query", xmlns: NS_DISCO_ITEMS },
        this.#answer((query, element) => this.#answerItems(query, element)),
      ),
    ];
    onDismissal(this, () => {
      for (const handle of this.#handles.splice(0)) handle[Symbol.dispose]();
      this.removeAllListeners();
    });
  }

  /**
   * Who gets an answer to what is asked in a stanza; everybody where it is undefined (XEP-0030 §8). What comes without a
   * sender, from the program itself or one's own account, is always answered.
   *
   * Who gets none is told what a client answers that knows no service discovery, whatever there is:
   * `service-unavailable`.
   *
   * @throws TypeError when it is set to something else than a function or undefined
   * @example
   * server.policy = reachedByPresence(xmpp);
   */
  get policy(): AnswerPolicy | undefined {
    return this.#policy;
  }

  set policy(policy: AnswerPolicy | undefined) {
    if (policy !== undefined && typeof policy !== "function") {
      throw new TypeError(`policy is no function: ${show(policy)}`);
    }
    this.#policy = policy;
  }

  /**
   * The tree of one of a component's JIDs, the same object for the same JID; the server itself for the own one.
   *
   * Until it has an identity of its own, it tells the default one.
   *
   * @throws TypeError when the JID is none · Error for a client, which has one JID
   */
  entity(jid: Address): DiscoTree {
    const key = toJid(jid);
    const own = this.ownJid();
    if (key === own) return this;
    if (!isComponent(this.client)) {
      if (own !== undefined && key === bareJid(own)) return this;
      throw new Error(`${key} is not this client, and a client answers for itself alone`);
    }
    const known = this.#entities.get(key);
    if (known !== undefined) return known;
    const tree = new DiscoTree(key);
    this.#entities.set(key, tree);
    return tree;
  }

  /**
   * What a peer that asks disco#info would be told, without a stanza.
   *
   * Rejects with an {@link IqError} `item-not-found` where there is no such node for who asks.
   */
  async getInfo(query: Query = {}): Promise<DiscoInfo> {
    const request = this.#toRequest(query);
    const snapshot = this.#treeOf(request.to).nodeAt(request.node);
    if (snapshot instanceof SnapshotNode) {
      // Handlers decide who may ask. What is told was settled when its hash was announced.
      await this.getInfo({ ...query, node: undefined });
      return (await snapshot.tellInfo()).withSource({ jid: request.to, node: request.node });
    }
    return this.#complete(
      await this.#run("getInfo", request, undefined, () => this.#tellInfo(request)),
      request,
    );
  }

  /**
   * What the entity itself tells everybody, as far as handlers tell it to nobody in particular; at once where no part of
   * it is async. @internal
   */
  tellOwnInfo(): DiscoInfo | Promise<DiscoInfo> {
    const request = this.#toRequest({});
    // Without a request, all is visible.
    const told = this.#run("getInfo", request, undefined, () => this.tellInfo());
    if (!(told instanceof Promise)) return this.#complete(told, request);
    return told.then(
      (info) => this.#complete(info, request),
      (error: unknown) => {
        // A handler may refuse whom it does not know.
        if (error instanceof IqError) return this.tellInfo();
        throw error;
      },
    );
  }

  /** What a handler gave, with what must not be missing. */
  #complete(info: unknown, { to: jid, node }: DiscoRequest): DiscoInfo {
    if (!(info instanceof DiscoInfo))
      throw new TypeError(`a handler of getInfo gave no DiscoInfo: ${show(info)}`);
    const source = { jid, node };
    const { identities, features } = info;
    if (identities.length > 0 && features.includes(NS_DISCO_INFO)) {
      return info.jid === source.jid && info.node === source.node ? info : info.withSource(source);
    }
    if (identities.length === 0 && node !== undefined) throw new IqError("item-not-found");
    // A handler may give the same each time.
    const known = this.#completed.get(info);
    if (known !== undefined)
      return known.jid === jid && known.node === node ? known : known.withSource(source);
    const completed = new DiscoInfo({
      ...info,
      ...source,
      identities: identities.length > 0 ? identities : [this.#defaultIdentity],
      // Who answers supports it.
      features: features.includes(NS_DISCO_INFO) ? features : [NS_DISCO_INFO, ...features],
    });
    this.#completed.set(info, completed);
    return completed;
  }

  /**
   * What a peer that asks disco#items would be told, without a stanza; a page where one is asked for, all items
   * otherwise, however many there are.
   *
   * Rejects like {@link getInfo}, and where there is no such page.
   */
  async getItems(query: ItemsQuery = {}): Promise<DiscoItems> {
    const { request, page } = await this.#page(query, Infinity);
    return new DiscoItems({ jid: request.to, node: request.node, items: page.items });
  }

  /** Whether one's own entity or node has a feature; like {@link DiscoClient.supports}, without a stanza. */
  async supports(feature: string, owner: Owner = {}): Promise<boolean> {
    const name = toText(feature, "feature");
    return this.#act(
      "supports",
      owner,
      name,
      async (data) => (await this.#infoIfAny(owner))?.has(data) ?? false,
    );
  }

  /** Whether one's own entity or node has an identity; like {@link DiscoClient.hasIdentity}, without a stanza. */
  async hasIdentity(identity: IdentityQuery, owner: Owner = {}): Promise<boolean> {
    toText(identity?.category, "category of the identity");
    return this.#act("hasIdentity", owner, identity, async (data) => {
      const info = await this.#infoIfAny(owner);
      return info !== undefined && hasIdentity(info, data);
    });
  }

  async #infoIfAny(owner: Owner): Promise<DiscoInfo | undefined> {
    try {
      return await this.getInfo(owner);
    } catch (error) {
      if (error instanceof IqError && NO_SUCH_THING.has(error.condition)) return undefined;
      throw error;
    }
  }

  /**
   * Has an action done by a handler: for one node of an entity (`{ jid, node }`), an entity (`{ jid }`), a node of any
   * entity (`{ node }`) or everything (`{}`). The most specific handler wins, whatever the order of registration.
   *
   * @throws TypeError when there is no such action, or the handler is no function
   * @example
   * server.setNodeHandler("getInfo", async ({ jid, from }, next) => {
   *   if (await isBlocked(from)) throw new IqError("service-unavailable");
   *   return next();
   * });
   */
  setNodeHandler<A extends NodeAction>(action: A, handler: NodeHandler<A>, owner: Owner = {}): void {
    this.#handlers.set(action, toHandler(handler), owner);
    this.#noteHandlers(owner, [action]);
  }

  /** Removes a handler: the next less specific one is used from now on. @throws Error when there is none at this level */
  deleteNodeHandler(action: NodeAction, owner: Owner = {}): void {
    this.#handlers.delete(action, owner);
    this.#noteHandlers(owner, [action]);
  }

  /**
   * Does some or all actions in the default way at this level, whatever less specific handlers there are.
   *
   * @throws TypeError when there is no such action
   */
  restoreDefaults(owner: Owner = {}, actions?: readonly NodeAction[]): void {
    this.#handlers.restoreDefaults(owner, actions);
    this.#noteHandlers(owner, actions);
  }

  /** Replaces the identities of an entity or node; those that differ in language only are one with several names. */
  async setIdentities(identities: Iterable<Identity>, owner: Owner = {}): Promise<void> {
    const list = [...identities].map(toIdentity);
    await this.#act("setIdentities", owner, list, (data) => this.#nodeOf(owner).replaceIdentities(data));
  }

  /** Adds an identity, or a name in another language to it. */
  async addIdentity(identity: Identity, owner: Owner = {}): Promise<void> {
    await this.#act("addIdentity", owner, toIdentity(identity), (data) => {
      const node = this.#nodeOf(owner);
      const others = node.registeredIdentities().filter((known) => !isSame(known, data));
      node.replaceIdentities([...others, data]);
    });
  }

  /** Removes an identity, in one language where one is given; harmless where it is not there. */
  async delIdentity(identity: IdentityKey, owner: Owner = {}): Promise<void> {
    const { category, type, lang } = toIdentity(identity);
    await this.#act("delIdentity", owner, { category, type, lang }, (data) => {
      const node = this.#knownNodeOf(owner);
      const known = node?.registeredIdentities() ?? [];
      const kept = known.filter((other) => !isSame(other, { ...data, lang: data.lang ?? other.lang }));
      if (kept.length < known.length) node?.replaceIdentities(kept);
    });
  }

  /** Removes all identities: an entity then tells the default one, a node is not there. */
  async delIdentities(owner: Owner = {}): Promise<void> {
    await this.#act("delIdentities", owner, undefined, () => this.#knownNodeOf(owner)?.replaceIdentities([]));
  }

  /** Replaces the features of an entity or node. */
  async setFeatures(features: Iterable<string>, owner: Owner = {}): Promise<void> {
    const list = [...features].map((feature) => toNonEmptyText(feature, "feature"));
    await this.#act("setFeatures", owner, list, (data) => this.#nodeOf(owner).replaceFeatures(data));
  }

  /** Adds a feature; harmless where it is there. */
  async addFeature(feature: string, owner: Owner = {}): Promise<void> {
    await this.#act("addFeature", owner, toNonEmptyText(feature, "feature"), (data) => {
      const node = this.#nodeOf(owner);
      if (data !== NS_DISCO_INFO && !node.registeredFeatures().includes(data)) node.registerFeature(data);
    });
  }

  /** Removes a feature; harmless where it is not there. */
  async delFeature(feature: string, owner: Owner = {}): Promise<void> {
    await this.#act("delFeature", owner, toNonEmptyText(feature, "feature"), (data) => {
      const node = this.#knownNodeOf(owner);
      if (node?.registeredFeatures().includes(data)) node.unregisterFeature(data);
    });
  }

  /** Removes all features but disco#info and those that services hold. */
  async delFeatures(owner: Owner = {}): Promise<void> {
    await this.#act("delFeatures", owner, undefined, () => this.#knownNodeOf(owner)?.replaceFeatures([]));
  }

  /** Replaces the items of an entity or node. */
  override async setItems(items: Iterable<ItemInit>, owner: Owner = {}): Promise<void> {
    const list = [...items].map(toItem);
    await this.#act("setItems", owner, list, (data) =>
      StaticNode.prototype.setItems.call(this.#listOf(owner), data),
    );
  }

  /** Adds an item, in place of the one of its JID and node. */
  override async addItem(item: ItemInit, owner: Owner = {}): Promise<void> {
    await this.#act("addItem", owner, toItem(item), (data) => this.#listOf(owner).putItem(data));
  }

  /** Removes the item of this JID and node; harmless where it is not there. */
  async delItem(item: ItemInit, owner: Owner = {}): Promise<void> {
    await this.#act("delItem", owner, toItem(item), (data) => {
      if (this.#knownNodeOf(owner) !== undefined) this.#listOf(owner).dropItem(data);
    });
  }

  /** Removes all items. */
  async delItems(owner: Owner = {}): Promise<void> {
    await this.#act("delItems", owner, undefined, () => {
      if (this.#knownNodeOf(owner) !== undefined) StaticNode.prototype.setItems.call(this.#listOf(owner), []);
    });
  }

  /** Replaces the forms of an entity or node (XEP-0128). */
  async setForms(forms: Iterable<DataForm>, owner: Owner = {}): Promise<void> {
    const list = [...forms].map(toTypedForm);
    await this.#act("setForms", owner, list, (data) => this.#nodeOf(owner).replaceForms(data));
  }

  /** Adds a form in place of the one of its FORM_TYPE (XEP-0128). */
  async addForm(form: DataForm, owner: Owner = {}): Promise<void> {
    await this.#act("addForm", owner, toTypedForm(form), (data) => this.#nodeOf(owner).registerForm(data));
  }

  /** Removes the form of a FORM_TYPE; harmless where it is not there. */
  async delForm(formType: string, owner: Owner = {}): Promise<void> {
    await this.#act("delForm", owner, toNonEmptyText(formType, "formType"), (data) => {
      const node = this.#knownNodeOf(owner);
      if (node?.registeredForms().some((form) => form.formType === data)) node.unregisterForm(data);
    });
  }

  /** Keeps what is known of somebody else's entity or node: in memory, as far as no handler does otherwise. */
  async cacheInfo(info: DiscoInfo, owner: Owner): Promise<void> {
    if (!(info instanceof DiscoInfo)) throw new TypeError(`info is no DiscoInfo: ${show(info)}`);
    const key = JSON.stringify(toOwner(owner));
    await this.#act("cacheInfo", owner, info, (data) => {
      this.#cachedInfo ??= new LRUCache({ max: MAX_CACHED });
      this.#cachedInfo.set(key, data);
    });
  }

  /** What was kept of somebody else's entity or node. */
  async getCachedInfo(owner: Owner): Promise<DiscoInfo | undefined> {
    const key = JSON.stringify(toOwner(owner));
    return this.#act("getCachedInfo", owner, undefined, () => this.#cachedInfo?.get(key));
  }

  // Handlers

  /** Who tells what the entity itself is has changed, and so may have what is told. */
  #noteHandlers(owner: Owner, actions: readonly NodeAction[] = ["getInfo"]): void {
    const { jid, node } = toOwner(owner);
    const isOwn = node === undefined && (jid === undefined || jid === this.ownJid());
    if (isOwn && actions.includes("getInfo")) this.notify("infoChanged");
  }

  #run<A extends NodeAction>(
    action: A,
    { to, node, from, lang }: DiscoRequest,
    data: NodeActions[A]["data"],
    byDefault: (data: NodeActions[A]["data"]) => NodeActions[A]["result"] | Promise<NodeActions[A]["result"]>,
    page?: PageStart,
  ): NodeActions[A]["result"] | Promise<NodeActions[A]["result"]> {
    return this.#handlers.run(action, { jid: to, node, from, lang, page, data }, byDefault);
  }

  /** What the application does itself, through the handlers of the owner. */
  #act<A extends NodeAction>(
    action: A,
    owner: Owner,
    data: NodeActions[A]["data"],
    byDefault: (data: NodeActions[A]["data"]) => NodeActions[A]["result"] | Promise<NodeActions[A]["result"]>,
  ): NodeActions[A]["result"] | Promise<NodeActions[A]["result"]> {
    return this.#run(action, this.#toRequest(toOwner(owner)), data, byDefault);
  }

  /** The node of an owner as the defaults keep it, made on first use. */
  #nodeOf(owner: Owner): DiscoNode {
    const { jid, node } = toOwner(owner);
    const tree = jid === undefined ? this : this.entity(jid);
    const known = tree.nodeAt(node);
    if (known !== undefined) return known;
    const added = new StaticNode();
    tree.mountNode(node ?? "", added);
    return added;
  }

  #knownNodeOf(owner: Owner): DiscoNode | undefined {
    const { jid, node } = toOwner(owner);
    const tree = jid === undefined ? this : this.#treeOf(jid);
    return tree === this.#blank ? undefined : tree.nodeAt(node);
  }

  #listOf(owner: Owner): StaticNode {
    const node = this.#nodeOf(owner);
    if (node instanceof StaticNode) return node;
    throw new TypeError(`the node ${show(owner.node)} is no StaticNode: it has its items from elsewhere`);
  }

  // Answers

  /** The default identity where there is no other. */
  override iterIdentities(_request?: DiscoRequest): MaybeAsyncIterable<Identity> {
    const own = this.ownIdentities();
    return own.length > 0 ? own : [this.#defaultIdentity];
  }

  protected override tellsOwnOnly(): boolean {
    return (
      this.iterIdentities === DiscoServer.prototype.iterIdentities &&
      this.iterFeatures === DiscoServer.prototype.iterFeatures &&
      this.iterForms === DiscoServer.prototype.iterForms
    );
  }

  async #tellInfo(request: DiscoRequest): Promise<DiscoInfo> {
    const tree = this.#treeOf(request.to);
    const node = tree.nodeAt(request.node);
    const info = await node?.tellInfo(request);
    // A node that hides its identities from who asks is not there for them.
    if (node === undefined || info === undefined) throw new IqError("item-not-found");
    if (info.identities.length === 0 && !(node === tree && (await isBare(node))))
      throw new IqError("item-not-found");
    return info;
  }

  /** The page that is asked for; of the first items so many where none is. */
  async #page(
    query: ItemsQuery,
    most: number,
  ): Promise<{ request: DiscoRequest; page: ItemPage; isPart: boolean }> {
    const request = this.#toRequest(query);
    const asked = query.page && toPageRequest(query.page);
    const part = asked && { ...asked, max: Math.min(asked.max ?? MAX_PAGE, MAX_PAGE) };
    const start = part ?? { max: most };
    const told = await this.#run("getItems", request, undefined, () => this.#tellItems(request, start), part);
    // Who handles it may leave the cutting to us.
    const page = told instanceof DiscoItems ? await cutPage(told.items, start) : toItemPage(told);
    return { request, page, isPart: part !== undefined || page.count > page.items.length };
  }

  async #tellItems(request: DiscoRequest, start: PageStart): Promise<ItemPage> {
    const tree = this.#treeOf(request.to);
    const node = tree.nodeAt(request.node);
    if (node === undefined) throw new IqError("item-not-found");
    const visible = await collect(node.iterIdentities(request));
    const isHidden = visible.length === 0 && !(await isBare(node));
    const page = isHidden ? undefined : await node.pageItems(start, request);
    // Items without an identity are told: who added them meant them to be seen.
    if (page === undefined || (page.count === 0 && visible.length === 0 && node !== tree)) {
      throw new IqError("item-not-found");
    }
    return page;
  }

  /** A hook for subclasses: see {@link Service.shutdown}. */
  shutdown(): void | Promise<void> {}

  #toRequest({ jid, node, from, lang }: Query): DiscoRequest {
    return {
      to: jid === undefined ? this.ownJid() : toJid(jid),
      node: toOptionalText(node, "node"),
      from: from === undefined ? undefined : toJid(from, "from"),
      lang,
    };
  }

  /** Off line a component's JID is known as well: its domain. */
  protected override ownJid(): string | undefined {
    const { options } = this.client;
    return canonicalJid(this.#own.text ?? (isComponent(this.client) ? options?.domain : undefined));
  }

  /** @throws Error like {@link entity} */
  #treeOf(jid: string | undefined): DiscoTree {
    if (jid === undefined || jid === this.ownJid()) return this;
    return isComponent(this.client) ? (this.#entities.get(jid) ?? this.#blank) : this.entity(jid);
  }

  async #answerInfo(query: Query): Promise<Element> {
    return this.#answers.write(await this.getInfo(query));
  }

  async #answerItems(query: Query, element: Element): Promise<Element> {
    const asked = pageOf(element);
    if (!isText(asked?.after) || !isText(asked?.before)) throw new IqError("item-not-found");
    const { request, page, isPart } = await this.#page({ ...query, page: asked }, MAX_ITEMS);
    const { to: jid, node } = request;
    const fitting = fitPage(page, asked?.before !== undefined && asked.after === undefined);
    const answer = new DiscoItems({ jid, node, items: fitting.items }).toElement();
    if (isPart || fitting !== page) answer.append(resultSetElement(toResultSet(fitting)));
    return answer;
  }

  async #isWelcome(query: Query, from: string | undefined): Promise<boolean> {
    // Without a sender it is the program itself, or one's own account.
    if (this.#policy === undefined || from === undefined) return true;
    if (query.from === undefined) return false;
    try {
      return (await this.#policy(this.#toRequest(query))) === true;
    } catch (error) {
      this.emit("error", error);
      return false;
    }
  }

  #answer(tell: (query: Query, element: Element) => Promise<Element>): IqHandler {
    return async ({ stanza, element, to }: IqContext) => {
      try {
        const { from, to: asked, "xml:lang": lang } = stanza.attrs as Record<string, string | undefined>;
        const { node } = element.attrs as Record<string, string | undefined>;
        // A client is one entity, by whatever address it was reached. xmpp.js' own JID escapes what was meant literally.
        const jid = isComponent(this.client) ? (canonicalJid(asked) ?? to?.toString()) : undefined;
        // A lenient parser lets through what no node can be called.
        const isNode = isText(node);
        const query = { jid, node: isNode ? node : undefined, from: canonicalJid(from), lang };
        if (!(await this.#isWelcome(query, from))) throw new IqError("service-unavailable");
        if (!isNode) throw new IqError("item-not-found");
        return await tell(query, element);
      } catch (error) {
        if (errorElement(error) !== undefined) throw error;
        this.emit("error", error);
        throw new IqError("internal-server-error");
      }
    };
  }
}

/** The page that a peer asks for. @throws IqError when its numbers are none */
function pageOf(element: Element): PageRequest | undefined {
  try {
    return parsePageRequest(element);
  } catch (error) {
    throw new IqError("bad-request", { text: error instanceof Error ? error.message : undefined });
  }
}

/** What a handler of getItems gave. @throws TypeError when it is neither items nor a page of them */
function toItemPage(told: ItemPage): ItemPage {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  if (Array.isArray(told?.items) && isCount(told.index) && isCount(told.count)) return told;
  throw new TypeError(
    `a handler of getItems gave neither a DiscoItems nor { items, index, count }: ${show(told)}`,
  );
}

function isSame(a: IdentityKey, b: IdentityKey): boolean {
  return a.category === b.category && a.type === b.type && a.lang === b.lang;
}

/** Whether a node has no identity at all, and so hides none. */
async function isBare(node: DiscoNode): Promise<boolean> {
  return (await collect(node.iterIdentities())).length === 0;
}
