import xml, { type Element } from "@xmpp/xml";
import fc from "fast-check";
import {
  DataForm,
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  EntityCapsService,
  IqService,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  StaticNode,
  withServices,
} from "../../../src/index.ts";
import { canonicalJid } from "../../../src/xml/jid.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { readElement, reread } from "../markup.ts";
import { anyText, jidText, setElement, written } from "../structures.ts";
import { holds, isXmlText, same, type Target } from "../target.ts";

const ME = "romeo@montague.example/orchard";
const PEER = "tybalt@capulet.example/street";

/** How long an answer may take, in milliseconds: it has nothing to wait for. */
const PATIENCE = 20_000;

const node = fc.oneof(fc.constantFrom("music", "music/1", "empty", "secret", ""), anyText);

const query = fc
  .record({
    name: fc.oneof(
      { weight: 9, arbitrary: fc.constant("query") },
      { weight: 1, arbitrary: fc.constant("x") },
    ),
    xmlns: fc.constantFrom(NS_DISCO_INFO, NS_DISCO_ITEMS),
    node: fc.option(node, { nil: undefined }),
    set: fc.option(setElement, { nil: undefined }),
  })
  .map(({ name, set, ...attrs }) => xml(name, attrs, ...(set === undefined ? [] : [set])));

const request = fc
  .record({
    type: fc.oneof(
      { weight: 9, arbitrary: fc.constant("get") },
      { weight: 1, arbitrary: fc.constant("set") },
    ),
    from: fc.oneof({ weight: 3, arbitrary: fc.constant(PEER) }, { weight: 1, arbitrary: jidText }),
    lang: fc.option(anyText, { nil: undefined }),
    queries: fc.array(query, { minLength: 1, maxLength: 2 }),
  })
  .map(({ type, from, lang, queries }) => xml("iq", { type, from, "xml:lang": lang }, ...queries));

interface World {
  readonly server: MemoryServer;
  readonly errors: unknown[];
  readonly answers: Map<string, (answer: Element) => void>;
  stop(): Promise<unknown>;
}

let world: World | undefined;
let requests = 0;

/** Requests to a client's own server. */
export const requestTarget: Target = {
  name: "request",
  about: "requests to DiscoServer, through a client and its stream",
  kind: "xml",
  share: 2,
  fresh: written(request),
  seeds: [
    `<iq type="get"><query xmlns="${NS_DISCO_INFO}"/></iq>`,
    `<iq type="get"><query xmlns="${NS_DISCO_ITEMS}" node="music"><set xmlns="http://jabber.org/protocol/rsm"><max>2</max></set></query></iq>`,
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
    if (parsed?.name !== "iq") return "no iq";
    holds(world !== undefined, "the target is started");
    const { server, errors, answers } = world;
    requests += 1;
    const { type, from } = parsed.attrs;
    const stanza = xml(
      "iq",
      // xmpp.js' own JIDs are not what is tested.
      {
        ...parsed.attrs,
        id: `r${requests}`,
        to: ME,
        from: canonicalJid(from) ?? PEER,
        type: type === "set" ? "set" : "get",
      },
      ...parsed.children,
    );
    const text = stanza.toString();
    // What a server does not pass on: it would end the stream.
    if (!isXmlText(text) || reread(stanza)?.toString() !== text) return "cannot be sent";
    const answer = await new Promise<Element | undefined>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE, undefined);
      answers.set(stanza.attrs.id, (told) => {
        clearTimeout(timer);
        resolve(told);
      });
      server.send(stanza);
    });
    answers.delete(stanza.attrs.id);
    holds(answer !== undefined, "every request is answered");
    same(answer.attrs.to, stanza.attrs.from, "the answer goes to who asked");
    holds(
      ["result", "error"].includes(answer.attrs.type),
      "an answer is a result or an error",
      answer.toString,
    );
    holds(errors.length === 0, "no request is an error of the application", () =>
      String(errors.splice(0)[0]),
    );
    holds(isXmlText(answer.toString()), "an answer is text that XML can carry");
    if (answer.attrs.type === "error") {
      const condition = answer.getChild("error")?.getChildElements()[0]?.getName();
      holds(
        condition !== undefined && condition !== "internal-server-error",
        "a request is answered by what is wrong with it",
        () => answer.toString(),
      );
      return condition;
    }
    const [payload] = answer.getChildElements();
    if (payload?.getNS() === NS_DISCO_INFO) {
      const told = DiscoInfo.fromElement(payload);
      holds(
        told.identities.length > 0 && told.features.includes(NS_DISCO_INFO),
        "who answers is something, and supports it",
      );
      return `info of ${told.node === undefined ? "the entity" : "a node"}`;
    }
    const told = payload === undefined ? undefined : DiscoItems.fromElement(payload);
    return `${Math.min(told?.items.length ?? 0, 3)} items${payload?.getChild("set") ? ", a page" : ""}`;
  },
};

async function build(): Promise<World> {
  const server = new MemoryServer({ jid: ME });
  const answers = new Map<string, (answer: Element) => void>();
  server.script = (stanza) => {
    // They would pile up.
    server.received.length = 0;
    answers.get(stanza.attrs.id)?.(stanza);
    return undefined;
  };
  const xmpp = withServices(memoryClient(server));
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  xmpp.on("error", onError);
  xmpp.summon(IqService).on("error", onError);
  const disco = xmpp.summon(DiscoServer);
  disco.on("error", onError);
  xmpp.summon(EntityCapsService).on("error", onError);
  disco.registerFeature("urn:xmpp:receipts");
  disco.registerIdentity("client", "web", { en: "App", de: "Anwendung" });
  disco.registerForm(
    new DataForm({ formType: "urn:xmpp:dataforms:softwareinfo", fields: { software: "app" } }),
  );
  const music = new StaticNode();
  music.registerIdentity("hierarchy", "branch", "Music");
  music.setItems(
    Array.from({ length: 7 }, (_, at) => ({ jid: `a${at}.example`, node: at % 2 ? "a" : undefined })),
  );
  disco.mountNode("music", music, { listed: true });
  const empty = new StaticNode();
  empty.registerIdentity("hierarchy", "leaf");
  disco.mountNode("empty", empty);
  await xmpp.start();
  return { server, errors, answers, stop: () => xmpp.stop() };
}
