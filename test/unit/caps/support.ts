import xml, { type Element } from "@xmpp/xml";
import { expect, onTestFinished } from "vitest";
import {
  DiscoClient,
  DiscoInfo,
  DiscoServer,
  type EntityCapsOptions,
  EntityCapsService,
  NS_CAPS,
  NS_CAPS2,
  NS_DISCO_INFO,
  withServices,
  xep0115,
  xep0390,
} from "../../../src/index.ts";
import { MemoryServer, type MemoryServerOptions, memoryClient } from "../../support/memory.ts";
import { backOnline, isResumable, present, quiet, refusal, until } from "../disco/support.ts";

export { type Asked, ask, expectNoStrays, present, quiet, turn, until } from "../disco/support.ts";

/** The client of most tests. */
export const ME = "romeo@montague.example/orchard";
export const JULIET = "juliet@capulet.example/balcony";
export const NURSE = "nurse@capulet.example/kitchen";
export const TYBALT = "tybalt@capulet.example/street";
export const BENVOLIO = "benvolio@montague.example/square";

/** What a kind of software is and can do: its name is its mark. */
export function software(name: string, features: readonly string[] = []): DiscoInfo {
  return new DiscoInfo({
    identities: [{ category: "client", type: "pc", name }],
    features: [NS_DISCO_INFO, NS_CAPS, NS_CAPS2, ...features],
  });
}

/** By what name an answer tells its software. */
export const nameOf = (info: DiscoInfo | undefined): string | undefined => info?.name();

/** The address of the software that contacts have. */
export const NODE = "https://software.example";

/** The `<c/>` of XEP-0115. */
export const c115 = (info: DiscoInfo, algorithm?: string): Element =>
  xep0115.element({ info, node: NODE, algorithm });

/** The `<c/>` of XEP-0390. */
export const c390 = (info: DiscoInfo, ...algorithms: string[]): Element =>
  xep0390.element({ info, algorithms: algorithms.length === 0 ? undefined : algorithms });

/** An available presence with these children, `<c/>` as a rule. */
export const presence = (from: string, ...children: Element[]): Element =>
  xml("presence", { from, to: ME }, ...children);

/** A presence of another type. */
export const presenceOf = (type: string, from: string, ...children: Element[]): Element =>
  xml("presence", { from, to: ME, type }, ...children);

/** A contact's answer to disco#info: this information, a refusal, none at all, or as a function has it. */
export type Answer =
  | DiscoInfo
  | string
  | undefined
  | ((request: Element, node: string | undefined) => Element | DiscoInfo | string | undefined);

/** The result that tells an information. */
export function resultOf(request: Element, info: DiscoInfo): Element {
  const { id, to } = request.attrs;
  const query = info.toElement();
  const { node } = request.getChild("query")?.attrs ?? {};
  if (node !== undefined) query.attrs.node = node;
  return xml("iq", { type: "result", id, from: to, to: ME }, query);
}

/** What {@link stage} is made of. */
export interface StageOptions extends Partial<EntityCapsOptions> {
  readonly memory?: MemoryServerOptions;
}

/** A client with capabilities, its server, and who is behind it. */
export class Stage {
  readonly server: MemoryServer;
  readonly xmpp;
  readonly caps: EntityCapsService;
  readonly disco: DiscoClient;
  readonly self: DiscoServer;
  readonly #answers = new Map<string, Answer>();

  constructor({ memory, ...options }: StageOptions = {}) {
    this.server = new MemoryServer(memory);
    this.xmpp = withServices(memoryClient(this.server));
    this.caps = this.xmpp.summon(EntityCapsService, { rebroadcastDelay: 1, ...options });
    this.disco = this.xmpp.summon(DiscoClient);
    this.self = this.xmpp.summon(DiscoServer);
    this.server.script = (stanza) => {
      if (!stanza.is("iq") || stanza.attrs.type !== "get") return undefined;
      const { node } = stanza.getChild("query", NS_DISCO_INFO)?.attrs ?? {};
      let answer = this.#answers.get(stanza.attrs.to);
      if (typeof answer === "function") answer = answer(stanza, node) as Exclude<Answer, () => unknown>;
      if (answer instanceof DiscoInfo) return resultOf(stanza, answer);
      return typeof answer === "string" ? refusal(stanza, answer) : (answer as Element | undefined);
    };
  }

  /** Has somebody answer so from now on. */
  answers(jid: string, answer: Answer): void {
    this.#answers.set(jid, answer);
  }

  /** Somebody comes on line who runs this software: announces it, and tells it when asked. */
  comes(jid: string, info: DiscoInfo, ...caps: Element[]): void {
    this.answers(jid, info);
    this.server.send(presence(jid, ...(caps.length > 0 ? caps : [c115(info)])));
  }

  /** Whom we asked, in order. */
  asked(): string[] {
    return this.server.requests().map((request) => request.attrs.to);
  }

  /** What nodes we asked for, in order. */
  askedNodes(): (string | undefined)[] {
    return this.server.requests().map((request) => request.getChild("query")?.attrs.node);
  }

  /** The presences that we sent. */
  presences(): Element[] {
    return this.server.received.filter((stanza) => stanza.is("presence"));
  }

  /** Sends a stanza as an application does. */
  async send(stanza: Element): Promise<void> {
    await this.xmpp.send(stanza);
  }

  /** What we tell about a node of ours. */
  async tell(node?: string): Promise<Element> {
    const id = `tell-${this.server.received.length}`;
    const query = xml("query", { xmlns: NS_DISCO_INFO, node });
    this.server.send(xml("iq", { type: "get", id, from: JULIET, to: ME }, query));
    await until(() => this.server.received.some((stanza) => stanza.attrs.id === id));
    return present(this.server.received.find((stanza) => stanza.attrs.id === id));
  }

  /** Has the network lose what we write from now on, or not any more. */
  swallow(lost: boolean): void {
    if (lost) Object.assign(this.server, { onData: () => {} });
    else Reflect.deleteProperty(this.server, "onData");
  }

  /** Cuts the connection and waits for a new session, or for the stream to resume. */
  async reconnect(): Promise<void> {
    this.server.cut();
    await until(() => this.xmpp.status !== "online");
    await backOnline(this);
    await quiet();
  }
}

/** A stage whose client is on line; the client is stopped when the test ends, and must not have emitted `error`. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const result = offlineStage(options);
  await result.xmpp.start();
  if (options.memory?.streamManagement) await until(() => isResumable(result));
  return result;
}

/** A stage whose client is not connected yet. */
export function offlineStage(options: StageOptions = {}): Stage {
  const result = new Stage(options);
  const errors: unknown[] = [];
  result.xmpp.on("error", (error) => errors.push(error));
  onTestFinished(async () => {
    await result.xmpp.stop();
    expect(errors).toEqual([]);
  });
  return result;
}

/** The `<c/>` elements of a stanza, by namespace. */
export function capsOf(stanza: Element | undefined): { xep115: Element[]; xep390: Element[] } {
  const all = present(stanza).getChildElements();
  return {
    xep115: all.filter((child) => child.is("c", NS_CAPS)),
    xep390: all.filter((child) => child.is("c", NS_CAPS2)),
  };
}

/** How many `<c/>` of each XEP a stanza has. */
export function countsOf(stanza: Element | undefined): readonly [xep115: number, xep390: number] {
  const { xep115, xep390 } = capsOf(stanza);
  return [xep115.length, xep390.length];
}

/** What a stanza announces by XEP-0115. */
export const verOf = (stanza: Element | undefined): string | undefined => capsOf(stanza).xep115[0]?.attrs.ver;

/** The nodes that a stanza's hashes are asked at. */
export function nodesOf(stanza: Element | undefined): string[] {
  const { xep115, xep390 } = capsOf(stanza);
  return [
    ...xep115.map(({ attrs: { node, ver } }) => xep0115.node(node, ver)),
    ...xep390.flatMap((c) =>
      c.getChildElements().map((hash) => xep0390.node({ algorithm: hash.attrs.algo, value: hash.getText() })),
    ),
  ];
}
