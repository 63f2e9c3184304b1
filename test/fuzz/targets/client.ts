import xml, { Element } from "@xmpp/xml";
import fc from "fast-check";
import {
  DiscoClient,
  DiscoInfo,
  DiscoItems,
  EntityCapsService,
  IqError,
  IqService,
  NS_DISCO_ITEMS,
  withServices,
  XMPPError,
  xep0115,
  xep0390,
} from "../../../src/index.ts";
import { canonicalJid } from "../../../src/xml/jid.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { allElements, readElement } from "../markup.ts";
import { infoElement, itemsElement, presenceElement, replyElement } from "../structures.ts";
import { BrokenLaw, holds, isXmlText, same, type Target } from "../target.ts";
import { canonical } from "./info.ts";

const ME = "romeo@montague.example/orchard";

/** How long an answer may take, in milliseconds: it has nothing to wait for. */
const PATIENCE = 20_000;

/** How often a peer answers what it likes to one question, which may go on page by page. */
const MAX_ANSWERS = 20;

/** Software that others run too, and whose hash a liar announces. */
const software = new DiscoInfo({
  identities: [{ category: "client", type: "pc", name: "Exodus 0.9.1" }],
  features: ["http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info"],
});
const announced = [
  xep0115.element({ info: software, node: "https://software.example" }),
  xep0390.element({ info: software }),
];

type Answerer = (request: Element) => Element;

interface World {
  readonly server: MemoryServer;
  readonly disco: DiscoClient;
  readonly errors: unknown[];
  readonly peers: Map<string, Answerer>;
  /** How many questions were asked, and how many requests came. */
  asked: number;
  requests: number;
  stop(): Promise<unknown>;
}

let world: World | undefined;
let inputs = 0;

/** A peer that announces and answers what it likes, beside honest ones that announce the same. */
export const client: Target = {
  name: "client",
  about: "presences and answers of a peer, through a client, its stream and its caches",
  kind: "xml",
  share: 1,
  fresh: fc
    .record({
      presence: fc.option(
        fc.oneof(fc.constant(xml("presence", {}, ...announced.map(copied))), presenceElement),
        { freq: 4 },
      ),
      reply: fc.oneof(replyElement(infoElement), replyElement(itemsElement), infoElement, itemsElement),
    })
    .map(({ presence, reply }) => `<all>${presence ?? ""}${reply}</all>`),
  seeds: [
    `<all><presence>${announced.join("")}</presence><iq>${software.toElement()}</iq></all>`,
    '<all><iq><query xmlns="http://jabber.org/protocol/disco#items"><item/><set xmlns="http://jabber.org/protocol/rsm"><last>a</last></set></query></iq></all>',
  ],
  async start() {
    world ??= await build();
  },
  async stop() {
    await world?.stop();
    world = undefined;
  },
  async run(input) {
    const parsed = readElement(input);
    // What a server does not pass on: it would end the stream.
    if (parsed === undefined || !isXmlText(input) || !isStable(parsed)) return "cannot be sent";
    holds(world !== undefined, "the target is started");
    const it = world;
    inputs += 1;
    const number = inputs;
    const [liar, fellow] = [`liar${number}@a.example/x`, `fellow${number}@b.example/y`];
    const stanzas = parsed.getChildElements();
    const presence = stanzas.find((stanza) => stanza.name === "presence");
    const replies = stanzas.filter((stanza) => stanza !== presence);
    const isItems = replies.some((reply) => reply.toString().includes(NS_DISCO_ITEMS));

    if (presence !== undefined) {
      it.server.send(presenceOf(presence, liar));
      it.server.send(presenceOf(presence, fellow));
    }
    let answers = 0;
    const lies: Element[] = [];
    it.peers.set(liar, (request) => {
      const reply = replies[answers % Math.max(1, replies.length)];
      answers += 1;
      if (reply === undefined || answers > MAX_ANSWERS) return refusal(request);
      const lie = onward(lieOf(request, reply), answers);
      lies.push(lie);
      if (canonicalJid(lie.attrs.from) === liar) return lie;
      // Under the name of somebody else it is as if it were nothing.
      it.server.send(lie);
      return refusal(request);
    });
    const honest = new DiscoInfo({
      identities: [{ category: "account", type: "registered" }],
      features: [`urn:${number}`],
    });
    const honestItems = new DiscoItems({ items: [{ jid: `room${number}.example` }] });
    const honestly: Answerer = (request) =>
      resultOf(request, (request.getChild("query", NS_DISCO_ITEMS) ? honestItems : honest).toElement());
    it.peers.set(fellow, honestly);
    // So that the presences arrive.
    await new Promise((resolve) => setTimeout(resolve));

    const told = await ask(it, liar, isItems);
    const [lie] = lies;
    if (presence === undefined && lie !== undefined) checkTold(told, lie, liar);
    holds(answers <= MAX_ANSWERS || replies.some(hasItems), "pages of nothing are not asked for without end");
    const heard = await ask(it, fellow, false);
    it.peers.set(liar, honestly);
    const again = await ask(it, liar, isItems);
    if (told instanceof Error) {
      holds(!(again instanceof Error), "an answer that is of no use costs its own query alone", () =>
        String(again),
      );
      if (again instanceof DiscoItems)
        same(again.toJSON(), honestItems.toJSON(), "what is of no use is not cached");
    } else {
      holds(!(again instanceof Error), "an answer is cached", () => String(again));
      same(again.toJSON(), told.toJSON(), "an answer is cached as it was told");
    }
    holds(heard instanceof DiscoInfo, "who is honest is heard, whoever else announces the same", () =>
      String(heard),
    );
    if (canonical(heard) !== canonical(honest)) {
      const hashes = [xep0115, xep0390].flatMap((caps) =>
        (presence === undefined ? [] : (caps.announced(presence) ?? [])).map((hash) => ({ caps, hash })),
      );
      const isVouched = hashes.some(
        ({ caps, hash }) => caps.vouched(heard, hash.value, hash.algorithm) !== undefined,
      );
      holds(isVouched, "nobody is taken for what another says of itself", () => canonical(heard));
    }
    holds(it.errors.length === 0, "no answer is an error of the application", () =>
      String(it.errors.splice(0)[0]),
    );
    for (const jid of [liar, fellow]) {
      it.peers.delete(jid);
      it.server.send(xml("presence", { from: jid, to: ME, type: "unavailable" }));
    }
    if (it.peers.size === 0) {
      const { hits, misses, aliased, sent } = it.disco.stats;
      same(sent, it.requests, "as many requests are counted as were sent");
      same(hits + misses + aliased, it.asked, "each question is a hit, a miss, or joins another");
    }
    const kind = told instanceof Error ? told.name : told instanceof DiscoInfo ? "info" : "items";
    return [
      kind,
      presence === undefined ? "" : "announced",
      Math.min(answers, 3),
      canonical(heard) === canonical(honest),
    ].join(" ");
  },
};

async function ask(it: World, jid: string, isItems: boolean): Promise<DiscoInfo | DiscoItems | XMPPError> {
  it.asked += 1;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, undefined);
  });
  try {
    const answer = await Promise.race([isItems ? it.disco.queryItems(jid) : it.disco.queryInfo(jid), late]);
    if (answer === undefined) throw new BrokenLaw("every question ends");
    same(answer.jid, jid, "an answer is that of who was asked");
    return answer;
  } catch (error) {
    if (error instanceof XMPPError) return error;
    if (error instanceof BrokenLaw) throw error;
    throw new BrokenLaw(
      "a question fails as a kind of XMPPError",
      error instanceof Error ? error.stack : String(error),
    );
  } finally {
    clearTimeout(timer);
  }
}

/** What is told is what whoever was asked answered, and nobody else. */
function checkTold(told: DiscoInfo | DiscoItems | XMPPError, lie: Element, liar: string): void {
  if (lie.attrs.from !== liar) {
    const condition = told instanceof IqError ? told.condition : "told";
    same(condition, "forbidden", "an answer in the name of somebody else is none");
  } else if (told instanceof DiscoInfo) {
    same(told.toJSON(), DiscoInfo.fromElement(lie).toJSON(), "an answer is told as it came");
  } else if (told instanceof IqError) {
    // It may be that of another page.
    holds(lie.attrs.type === "error" || lie.toString().includes("set"), "an error is told where one came");
  }
}

/** Whether it is read as it is written: a server sends nothing else. */
function isStable(element: Element): boolean {
  const text = element.toString();
  return readElement(text)?.toString() === text;
}

function copied(element: Element): Element {
  const copy = new Element(element.name, { ...element.attrs });
  copy.append(...element.children.map((child) => (child instanceof Element ? copied(child) : child)));
  return copy;
}

function presenceOf(presence: Element, jid: string): Element {
  return xml("presence", { ...presence.attrs, from: jid, to: ME }, ...presence.children);
}

/** What a liar replies, in the name that it likes. */
function lieOf(request: Element, reply: Element): Element {
  const { id, to } = request.attrs;
  const isIq = reply.name === "iq";
  const attrs = {
    ...(isIq ? reply.attrs : {}),
    id,
    type: isIq && reply.attrs.type === "error" ? "error" : "result",
    to: ME,
    from: (isIq ? canonicalJid(reply.attrs.from) : undefined) ?? to,
  };
  return xml("iq", attrs, ...(isIq ? reply.children : [reply]));
}

/** The same answer with another end, so that there seem to be more pages. */
function onward(answer: Element, number: number): Element {
  const copy = copied(answer);
  for (const last of allElements(copy).filter((element) => element.getName() === "last"))
    last.t(`-${number}`);
  return copy;
}

/** Whether an answer has an item that can be used. */
function hasItems(reply: Element): boolean {
  return allElements(reply).some(
    (element) => element.is("item") && canonicalJid(element.attrs.jid) !== undefined,
  );
}

function resultOf(request: Element, query: Element): Element {
  const { id, to } = request.attrs;
  query.attrs.node = request.getChildElements()[0]?.attrs.node;
  return xml("iq", { type: "result", id, from: to, to: ME }, query);
}

function refusal(request: Element): Element {
  const { id, to } = request.attrs;
  const condition = xml("forbidden", { xmlns: "urn:ietf:params:xml:ns:xmpp-stanzas" });
  return xml("iq", { type: "error", id, from: to, to: ME }, xml("error", { type: "auth" }, condition));
}

async function build(): Promise<World> {
  const server = new MemoryServer({ jid: ME });
  const xmpp = withServices(memoryClient(server));
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  xmpp.on("error", onError);
  const iq = xmpp.summon(IqService);
  iq.on("error", onError);
  iq.responseTimeout = PATIENCE;
  const disco = xmpp.summon(DiscoClient);
  disco.on("error", onError);
  xmpp.summon(EntityCapsService).on("error", onError);
  const peers = new Map<string, Answerer>();
  const it: World = { server, disco, errors, peers, asked: 0, requests: 0, stop: () => xmpp.stop() };
  server.script = (stanza) => {
    // They would pile up.
    server.received.length = 0;
    if (!stanza.is("iq") || stanza.attrs.type !== "get") return undefined;
    it.requests += 1;
    return peers.get(stanza.attrs.to)?.(stanza) ?? refusal(stanza);
  };
  await xmpp.start();
  return it;
}
