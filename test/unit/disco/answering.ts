import xml, { type Element } from "@xmpp/xml";
import { expect, onTestFinished, vi } from "vitest";
import {
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  IqError,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  type Services,
  withServices,
} from "../../../src/index.ts";
import { NS_RSM, parseResultSet, type ResultSet } from "../../../src/rsm/result-set.ts";
import { MemoryServer, type MemoryServerOptions, memoryClient } from "../../support/memory.ts";
import { ComponentServer, memoryComponent } from "../services/memory-component.ts";

/** Who asks, as a rule. */
export const PEER = "juliet@capulet.lit/balcony";

/** The client that is asked. */
export const ME = "romeo@montague.example/orchard";

/** The component that is asked. */
export const COMPONENT = "comp.example";

/** What a peer may put into its request. */
export interface Asked {
  readonly node?: string;
  readonly from?: string;
  readonly to?: string;
  readonly lang?: string;
  /** The children of the result set, as the peer writes them. */
  readonly page?: Readonly<Record<string, string | number>>;
}

/** A page as a peer gets it. */
export interface Page {
  readonly jids: readonly string[];
  readonly node: string | undefined;
  /** Undefined where the answer does not say that it is a page. */
  readonly set: ResultSet | undefined;
}

let requests = 0;

/** Whoever asks the client or component, at the other end of its stream. */
export class Peer {
  readonly #server: MemoryServer | ComponentServer;
  readonly #to: string;
  readonly #waiting = new Map<string, (reply: Element) => void>();

  constructor(server: MemoryServer | ComponentServer, to: string) {
    this.#server = server;
    this.#to = to;
    server.script = (stanza: Element) => {
      this.#waiting.get(stanza.attrs.id)?.(stanza);
      return undefined;
    };
  }

  /** Asks, and gives the stanza that comes back. */
  ask(xmlns: string, { node, from = PEER, to = this.#to, lang, page }: Asked = {}): Promise<Element> {
    requests += 1;
    const id = `ask-${requests}`;
    const query = xml("query", { xmlns, node });
    if (page !== undefined) {
      const children = Object.entries(page).map(([name, value]) => xml(name, {}, String(value)));
      query.append(xml("set", { xmlns: NS_RSM }, ...children));
    }
    const reply = new Promise<Element>((resolve) => this.#waiting.set(id, resolve));
    this.#server.send(xml("iq", { type: "get", id, from, to, "xml:lang": lang }, query));
    return reply;
  }

  /** What it is told for disco#info. Rejects with the error that it is told instead. */
  async info(asked?: Asked): Promise<DiscoInfo> {
    return DiscoInfo.fromElement(resultOf(await this.ask(NS_DISCO_INFO, asked)));
  }

  /** What it is told for disco#items. Rejects with the error that it is told instead. */
  async items(asked?: Asked): Promise<DiscoItems> {
    return DiscoItems.fromElement(resultOf(await this.ask(NS_DISCO_ITEMS, asked)));
  }

  /** A page of the items. */
  async page(page: Asked["page"] & object, asked: Asked = {}): Promise<Page> {
    return pageOf(await this.items({ ...asked, page }));
  }
}

function resultOf(iq: Element): Element {
  if (iq.attrs.type === "error") throw IqError.fromElement(iq);
  return iq;
}

/** The page that an answer is. */
export function pageOf({ items, node, element }: DiscoItems): Page {
  return { jids: items.map(({ jid }) => jid), node, set: element && parseResultSet(element) };
}

/**
 * A client on line that others ask. When the test ends it is stopped, and must not have emitted `error`, which ends a
 * process that does not listen.
 */
export async function askedClient(options: MemoryServerOptions = {}) {
  const server = new MemoryServer({ jid: ME, ...options });
  const xmpp = withServices(memoryClient(server));
  const result = { server, xmpp, ...watched(xmpp), peer: new Peer(server, ME) };
  await xmpp.start();
  if (options.streamManagement) {
    await until(() => Boolean((xmpp as { streamManagement?: { id?: string } }).streamManagement?.id));
  }
  return result;
}

/** A component on line that others ask, like {@link askedClient}. */
export async function askedComponent() {
  const server = new ComponentServer();
  const xmpp = withServices(memoryComponent(server, COMPONENT));
  const result = { server, xmpp, ...watched(xmpp), peer: new Peer(server, COMPONENT) };
  await xmpp.start();
  return result;
}

interface Running extends Services {
  on(event: "error", listener: (error: unknown) => void): unknown;
  stop(): Promise<unknown>;
}

function watched(xmpp: Running) {
  const fatal: unknown[] = [];
  /** What the server of service discovery emitted as `error`. */
  const errors: unknown[] = [];
  xmpp.on("error", (error: unknown) => fatal.push(error));
  const disco = xmpp.summon(DiscoServer);
  disco.on("error", (error) => errors.push(error));
  onTestFinished(async () => {
    await xmpp.stop();
    expect(fatal).toEqual([]);
  });
  return { disco, errors };
}

/** A component's service discovery, off line: all that needs no stanza. */
export function componentServer(): DiscoServer {
  return withServices(memoryComponent(new ComponentServer(), COMPONENT)).summon(DiscoServer);
}

/** A client's service discovery, off line. */
export function clientServer(): DiscoServer {
  return withServices(memoryClient(new MemoryServer({ jid: ME }))).summon(DiscoServer);
}

/** Resolves when something has come about. */
export function until(condition: () => boolean): Promise<unknown> {
  return vi.waitUntil(condition, { interval: 1, timeout: 4_000 });
}

/** A promise, and what settles it. */
export function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** An information of an identity and these features. */
export function infoWith(...features: string[]): DiscoInfo {
  return new DiscoInfo({ identities: [{ category: "hierarchy", type: "leaf" }], features });
}

export const itemNotFound = { condition: "item-not-found", type: "cancel" };

/** What an entity or node answers: children of the `<query/>`, the condition of a refusal, or nothing at all. */
type Said = readonly Element[] | string | undefined;

/** What there is on the network that a client asks: what each entity or node says of itself, and what it has. */
export type Entities = Readonly<Record<string, { readonly info?: Said; readonly items?: Said }>>;

/** Features, as an entity says them. */
export const features = (...names: string[]): Element[] => names.map((name) => xml("feature", { var: name }));

/** An identity, as an entity says it. */
export const identity = (category: string, type: string, name?: string): Element =>
  xml("identity", { category, type, name });

/** Items, as an entity lists them: a JID, and its node after a `#`. */
export const items = (...names: string[]): Element[] =>
  names.map((name) => {
    const [jid, node] = name.split("#");
    return xml("item", { jid, node });
  });

/**
 * The entities at the other end of a client's stream, by JID and, after a `#`, node. Whoever is not there is
 * `service-unavailable`; what somebody does not say is `feature-not-implemented`, and `""` is never answered.
 */
export class Network {
  /** Who was asked what: `info jid#node`, in order of arrival. */
  readonly asked: string[] = [];
  /** How many requests were open at once, at the most. */
  most = 0;
  /** The requests that wait for {@link answer}, where they are held. */
  readonly held = new Map<string, () => void>();
  readonly #server: MemoryServer;
  #entities: (name: string) => Entities[string] | undefined;
  #open = 0;

  constructor(
    server: MemoryServer,
    entities: Entities | ((name: string) => Entities[string] | undefined),
    { isHeld = false } = {},
  ) {
    this.#server = server;
    this.#entities = toFunction(entities);
    server.script = (request) => {
      const query = request.getChild("query");
      if (request.attrs.type !== "get" || query === undefined) return undefined;
      const name = nameOf(request.attrs.to, query.attrs.node);
      const kind = query.attrs.xmlns === NS_DISCO_INFO ? "info" : "items";
      this.asked.push(`${kind} ${name}`);
      this.#open += 1;
      this.most = Math.max(this.most, this.#open);
      const answer = () => this.#answer(request, query, kind, name);
      if (isHeld) this.held.set(`${kind} ${name}`, answer);
      // Long enough for whoever would ask too many at once to do so.
      else setTimeout(answer, 2);
      return undefined;
    };
  }

  /** What is there from now on. */
  set entities(entities: Entities) {
    this.#entities = toFunction(entities);
  }

  /** Answers requests that are held, in this order; waits for those that have not come yet. */
  async answer(...names: string[]): Promise<void> {
    for (const name of names) {
      await until(() => this.held.has(name));
      this.held.get(name)?.();
      this.held.delete(name);
    }
  }

  #answer(request: Element, query: Element, kind: "info" | "items", name: string): void {
    const entity = this.#entities(name);
    const said = entity === undefined ? "service-unavailable" : (entity[kind] ?? "feature-not-implemented");
    if (said === "") return;
    this.#open -= 1;
    const { id, to, from } = request.attrs;
    const attrs = { type: typeof said === "string" ? "error" : "result", id, from: to, to: from };
    const content =
      typeof said === "string"
        ? xml("error", { type: "cancel" }, xml(said, "urn:ietf:params:xml:ns:xmpp-stanzas"))
        : xml("query", query.attrs, ...said);
    this.#server.send(xml("iq", attrs, content));
  }
}

function toFunction(entities: ConstructorParameters<typeof Network>[1]) {
  return typeof entities === "function" ? entities : (name: string) => entities[name];
}

function nameOf(jid: string, node: string | undefined): string {
  return node === undefined ? jid : `${jid}#${node}`;
}

/** All that an iteration gives. */
export async function allOf<T>(iteration: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of iteration) list.push(value);
  return list;
}
