// For those whose TypeScript target has no Disposable.
/// <reference lib="esnext.disposable" preserve="true" />
import { jid as parseJid } from "@xmpp/jid";
import xml, { Element } from "@xmpp/xml";
import { LRUCache } from "lru-cache";
import type { Entity, IqContext } from "../services/entity.js";
import { onDismissal } from "../services/registry.js";
import { Service } from "../services/service.js";
import { type Address, bareJid, canonicalJid, domainOf, show, toJid } from "../xml/jid.js";
import { errorElement, IqError, IqTimeout, ServiceDismissed, SessionLost } from "./errors.js";
import { Session } from "./session.js";
import { toTimeout, type WaitOptions, wait } from "./wait.js";

/** What {@link IqService.get} and {@link IqService.set} take. */
export interface RequestOptions extends WaitOptions {
  /** The JID to ask as, for a component with many. */
  readonly from?: Address | undefined;
}

/** What is handled: requests of this type whose child has this name and namespace. */
export interface IqSelector {
  /** The type of the `<iq/>`. */
  readonly type: "get" | "set";
  /** The name of its child. */
  readonly name: string;
  /** The namespace of its child. */
  readonly xmlns: string;
}

/** Answers a request with an element, or with `true` for an empty result; may call `next()` to pass it on. */
export type IqHandler = (
  context: IqContext,
  next: () => Promise<unknown>,
) => Element | true | undefined | Promise<Element | true | undefined>;

/** What {@link IqService} tells. */
export type IqServiceEvents = {
  /** An answer came after its caller gave up, by timeout or signal. */
  late: [iq: Element];
};

/**
 * One request on its way: it ends with the answer or the session, not with who waits for it.
 *
 * @internal
 */
export class Exchange {
  readonly id: string;
  readonly iq: Element;
  /** The canonical JID it went to; undefined for one's own account. */
  readonly to: string | undefined;
  readonly answer: Promise<Element>;
  resolve!: (iq: Element) => void;
  reject!: (error: Error) => void;
  /** Whether the stanza waits for the stream to resume. */
  held = false;

  constructor(iq: Element, id: string, to: string | undefined) {
    this.iq = iq;
    this.id = id;
    this.to = to;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Nobody may be left to hear of it.
    this.answer.catch(() => {});
  }
}

/** One kind of request that a client answers: xmpp.js knows no way to take a handler back. */
interface Slot {
  handler: ((context: IqContext, next: () => Promise<unknown>) => unknown) | undefined;
}

const slotsOfClients = new WeakMap<Entity, Map<string, Slot>>();

/** How many answers are waited for that nobody wants any more. */
const MAX_ABANDONED = 10_000;

/**
 * Requests and answers with typed failures (RFC 6120 §8.2.3): every request ends in its answer, an
 * {@link IqError}, an {@link IqTimeout}, {@link SessionLost} or the reason of the caller's signal.
 *
 * An answer counts only when it comes from whom was asked, and ids cannot be guessed.
 *
 * @example
 * const iq = xmpp.summon(IqService);
 * const version = await iq.get(xml("query", "jabber:iq:version"), "example.org", { timeout: 5_000 });
 */
export class IqService extends Service<{ responseTimeout: number }, IqServiceEvents> {
  /** The session that requests belong to. @internal */
  readonly session: Session;
  readonly #waiting = new Map<string, Exchange>();
  readonly #abandoned: LRUCache<string, Exchange>;
  readonly #handlers = new Set<Slot>();
  #responseTimeout = 30_000;
  #dismissed = false;

  constructor(client: Entity, options: { responseTimeout?: number } = {}) {
    super(client, options);
    if (options.responseTimeout !== undefined) this.responseTimeout = options.responseTimeout;
    this.#abandoned = new LRUCache({
      max: MAX_ABANDONED,
      dispose: (exchange, _id, reason) => {
        if (reason === "evict") exchange.reject(new IqTimeout(exchange.iq, this.#responseTimeout));
      },
    });
    this.session = new Session(client);
    this.session.subscribe({ lost: (reason) => this.#lose(reason), resumed: () => this.#sendHeld() });
    client.on("element", this.#onElement);
    onDismissal(this, () => this.#end());
  }

  /** How long is waited for an answer where the caller does not say, in milliseconds; 30,000 at first. */
  get responseTimeout(): number {
    return this.#responseTimeout;
  }

  set responseTimeout(timeout: number) {
    this.#responseTimeout = toTimeout(timeout, "responseTimeout");
  }

  /**
   * Sends an `<iq/>` of type get or set and resolves with the `<iq type="result"/>` that answers it.
   *
   * The stanza is copied; an `id` it has is kept, otherwise it gets one.
   *
   * @throws IqError · IqTimeout · SessionLost · the reason of the signal · TypeError and RangeError for bad arguments
   */
  async request(iq: Element, options: WaitOptions = {}): Promise<Element> {
    const timeout = toTimeout(options.timeout ?? this.#responseTimeout);
    options.signal?.throwIfAborted();
    const exchange = this.open(iq);
    try {
      return await wait(exchange.answer, timeout, options.signal, () => new IqTimeout(exchange.iq, timeout));
    } catch (error) {
      this.abandon(exchange);
      throw error;
    }
  }

  /**
   * Asks with a payload and resolves with the payload of the answer, undefined where it has none.
   *
   * `to` is undefined for one's own account. It fails like {@link request}.
   */
  get(payload: Element, to?: Address, options?: RequestOptions): Promise<Element | undefined> {
    return this.#ask("get", payload, to, options);
  }

  /** Like {@link get}, with a request of type `set`. */
  set(payload: Element, to?: Address, options?: RequestOptions): Promise<Element | undefined> {
    return this.#ask("set", payload, to, options);
  }

  async #ask(type: "get" | "set", payload: Element, to: Address | undefined, options: RequestOptions = {}) {
    if (!(payload instanceof Element)) {
      throw new TypeError(`payload is no Element of @xmpp/xml: ${show(payload)}`);
    }
    const answer = await this.request(xml("iq", { type, to, from: options.from }, payload), options);
    return answer.getChildElements()[0];
  }

  /**
   * Answers requests of one kind, until the returned handle is disposed of.
   *
   * A `StanzaError` or {@link IqError} that the handler throws is the answer; anything else it throws answers
   * `internal-server-error` and goes to the `error` listeners of this service.
   *
   * @throws Error where the kind is handled already
   * @example
   * using handle = iq.handle({ type: "get", name: "time", xmlns: "urn:xmpp:time" }, () => xml("time", …));
   */
  handle(selector: IqSelector, handler: IqHandler): Disposable {
    const { type, name, xmlns } = selector;
    if (type !== "get" && type !== "set") throw new TypeError(`type is "get" or "set", not ${show(type)}`);
    const slot = slotOf(this.client, type, xmlns, name);
    if (slot.handler !== undefined)
      throw new Error(`${type} requests for <${name} xmlns="${xmlns}"/> are handled`);
    this.#assertSummoned();
    const entry: Slot["handler"] = (context, next) => this.#answer(handler, context, next);
    slot.handler = entry;
    this.#handlers.add(slot);
    return {
      [Symbol.dispose]: () => {
        if (slot.handler !== entry) return;
        slot.handler = undefined;
        this.#handlers.delete(slot);
      },
    };
  }

  async #answer(handler: IqHandler, context: IqContext, next: () => Promise<unknown>): Promise<unknown> {
    const { number } = this.session;
    const reply = await this.#reply(handler, context, next);
    // xmpp.js writes the reply as soon as it has it, and fails where it cannot.
    await this.session.settled();
    if (this.session.number === number) return reply;
    // Who asked is told of the end of the session by the server.
    return new Promise(() => {});
  }

  async #reply(handler: IqHandler, context: IqContext, next: () => Promise<unknown>): Promise<unknown> {
    try {
      const reply: unknown = await handler(context, next);
      if (reply instanceof Element || reply === true || reply === undefined) return reply;
      throw new TypeError(`a handler of requests returns an Element of @xmpp/xml, not ${show(reply)}`);
    } catch (error) {
      const element = errorElement(error);
      if (element !== undefined) return element;
      this.emit("error", error);
      return new IqError("internal-server-error").toElement();
    }
  }

  /**
   * Answers a request of this client's own without a stanza, as it would be answered to a peer.
   *
   * Resolves with the payload of the answer; undefined, and no promise, where nothing here handles such requests.
   *
   * @internal
   */
  answerLocally(iq: Element): Promise<Element> | undefined {
    const [element] = iq.getChildElements();
    const { type, id = "", from, to } = iq.attrs as Record<string, string | undefined>;
    if (element === undefined || type === undefined) return undefined;
    const slots = slotsOfClients.get(this.client);
    const handler = slots?.get(slotKey(type, element.getNS(), element.name))?.handler;
    if (handler === undefined) return undefined;
    const me = this.client.jid?.toString();
    const context: IqContext = {
      stanza: iq,
      element,
      name: "iq",
      type,
      id,
      from: toContextJid(from ?? me),
      to: toContextJid(to ?? me),
    };
    return Promise.resolve(handler(context, async () => undefined)).then((reply) => {
      if (!(reply instanceof Element)) throw new IqError("service-unavailable");
      if (reply.is("error")) throw IqError.fromElement(xml("iq", { type: "error", from: to, id }, reply));
      return reply;
    });
  }

  /**
   * Sends a request that outlives whoever waits for it.
   *
   * @throws TypeError when the stanza is no request · SessionLost when there is no session to send it in
   * @internal
   */
  open(iq: Element): Exchange {
    this.#assertSummoned();
    if (!(iq instanceof Element) || iq.name !== "iq" || !["get", "set"].includes(iq.attrs.type)) {
      throw new TypeError(
        `a request is an <iq/> of type "get" or "set", not ${iq instanceof Element ? iq : show(iq)}`,
      );
    }
    const { to, from } = iq.attrs as Record<string, unknown>;
    // So that an element that is sent twice is not sent under one id.
    const copy = new Element("iq", iq.attrs);
    copy.children.push(...iq.children);
    copy.attrs.id = String(copy.attrs.id ?? newId());
    if (to !== undefined) copy.attrs.to = toJid(to, "to");
    if (from !== undefined) copy.attrs.from = toJid(from, "from");
    const { id } = copy.attrs;
    if (this.#waiting.has(id) || this.#abandoned.has(id)) {
      throw new TypeError(`a request with the id ${show(id)} is under way: leave the id out`);
    }
    const exchange = new Exchange(copy, id, copy.attrs.to);
    this.#waiting.set(id, exchange);
    if (this.session.ready) this.#transmit(exchange);
    else this.#hold(exchange, undefined);
    return exchange;
  }

  /** Nobody waits for this exchange any more: what still comes is late. @internal */
  abandon(exchange: Exchange): void {
    if (this.#waiting.delete(exchange.id)) this.#abandoned.set(exchange.id, exchange);
  }

  /** Somebody waits for it again. @internal */
  revive(exchange: Exchange): void {
    if (!this.#abandoned.delete(exchange.id)) return;
    this.#waiting.set(exchange.id, exchange);
    if (exchange.held && this.session.ready) this.#transmit(exchange);
  }

  #end(): void {
    this.#dismissed = true;
    this.session.dispose();
    this.client.removeListener("element", this.#onElement);
    for (const slot of this.#handlers) slot.handler = undefined;
    this.#handlers.clear();
    this.#rejectAll(new ServiceDismissed("IqService was dismissed"));
  }

  #assertSummoned(): void {
    if (this.#dismissed) throw new ServiceDismissed("IqService was dismissed");
  }

  #transmit(exchange: Exchange): void {
    exchange.held = false;
    // A client that never was connected throws; one whose connection breaks rejects.
    new Promise((resolve) => resolve(this.client.send(exchange.iq))).catch((error: unknown) =>
      this.#hold(exchange, error),
    );
  }

  /** What could not be sent goes out when the stream resumes; without that prospect it has failed. */
  #hold(exchange: Exchange, error: unknown): void {
    if (this.session.resumable) {
      exchange.held = true;
      return;
    }
    this.#waiting.delete(exchange.id);
    this.#abandoned.delete(exchange.id);
    const reason =
      error instanceof Error ? error.message : `the connection is in state "${this.client.status}"`;
    exchange.reject(new SessionLost(`there is no session to ask in: ${reason}`, { cause: error }));
  }

  #sendHeld(): void {
    // What nobody waits for any more is not worth sending.
    for (const exchange of this.#waiting.values()) if (exchange.held) this.#transmit(exchange);
  }

  #lose(reason: string): void {
    this.#rejectAll(new SessionLost(reason));
  }

  #rejectAll(error: SessionLost): void {
    const exchanges = [...this.#waiting.values(), ...this.#abandoned.values()];
    this.#waiting.clear();
    this.#abandoned.clear();
    for (const exchange of exchanges) exchange.reject(error);
  }

  readonly #onElement = (stanza: Element): void => {
    if (stanza.name !== "iq") return;
    const { type, id, from } = stanza.attrs as Record<string, string | undefined>;
    if ((type !== "result" && type !== "error") || id === undefined) return;
    const late = this.#abandoned.peek(id);
    const exchange = late ?? this.#waiting.get(id);
    if (exchange === undefined || !this.#isFrom(exchange.to, from)) return;
    this.#waiting.delete(id);
    this.#abandoned.delete(id);
    if (type === "result") exchange.resolve(stanza);
    else exchange.reject(IqError.fromElement(stanza));
    if (late !== undefined) this.emit("late", stanza);
  };

  /**
   * "When a client receives a stanza that does not include a 'from' attribute, it MUST assume that the stanza
   * is from the user's account on the server." https://www.rfc-editor.org/rfc/rfc6120#section-8.1.2.1
   *
   * The server itself may leave it out as well.
   */
  #isFrom(to: string | undefined, from: string | undefined): boolean {
    if (from === to) return true;
    const own = canonicalJid(this.client.jid?.toString());
    if (from === undefined) {
      const domain = own === undefined ? this.client.options?.domain : domainOf(own);
      return to === domain || (own !== undefined && to === bareJid(own));
    }
    const sender = canonicalJid(from);
    return sender !== undefined && sender === (to ?? (own && bareJid(own)));
  }
}

function slotKey(type: string, xmlns: string | undefined, name: string): string {
  return `${type} ${name} ${xmlns}`;
}

function slotOf(client: Entity, type: "get" | "set", xmlns: string, name: string): Slot {
  let slots = slotsOfClients.get(client);
  if (slots === undefined) {
    slots = new Map();
    slotsOfClients.set(client, slots);
  }
  const key = slotKey(type, xmlns, name);
  const known = slots.get(key);
  if (known !== undefined) return known;
  const slot: Slot = { handler: undefined };
  slots.set(key, slot);
  const route = (context: IqContext, next: () => Promise<unknown>) =>
    slot.handler === undefined ? next() : slot.handler(context, next);
  client.iqCallee[type](xmlns, name, route as never);
  return slot;
}

function toContextJid(text: string | undefined) {
  return text === undefined ? null : parseJid(text);
}

function newId(): string {
  // Missing on pages that were not loaded over https.
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
