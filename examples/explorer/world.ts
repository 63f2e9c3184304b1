import { type Client, xml } from "@xmpp/client";
import type { Element } from "@xmpp/xml";
import {
  DataForm,
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  EntityCapsService,
  IqError,
  withServices,
} from "xmpp-disco";
import { Prosody, type ProsodyOptions } from "../../test/support/prosody.ts";
import { connect, connectComponent } from "../../test/support/ready.ts";

/** How many books the library of the explorer's own server has. */
export const BOOKS = 10_000;

/** The bench whose items have names that try to break out. */
export const HOSTILE = "bench.localhost";
/** The library: a list that is asked for page by page. */
export const LIBRARY = "library.localhost";
/** A gate that lets nobody in before `openGate`. */
export const GATE = "gate.localhost";

const NS_MUC = "http://jabber.org/protocol/muc";
const SECRET = "secret";

const ROOMS = [
  ["orchard", "The Orchard"],
  ["balcony", "The Balcony"],
  ["cell", "Friar Laurence’s Cell"],
  ["ballroom", "Capulet’s Ballroom"],
  ["street", "A Street in Verona"],
] as const;

/** What people do not expect in a name. */
export const HOSTILE_NAMES: Readonly<Record<string, string>> = {
  escape: "\u009b31mred\u009b0m and a bell",
  direction: "\u202egnp.exe\u202c is no picture",
  markup: "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>",
  emoji: "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 Ω 漢字",
  marks: `Z${"\u0351\u0324\u0300".repeat(40)}algo`,
  hebrew: "שלום עולם",
  invisible: "in\u200bvis\u2060ible\ufeff",
  long: "A".repeat(1_000_000),
};

/** A Prosody with something to look at. */
export interface World extends AsyncDisposable {
  readonly prosody: Prosody;
  /** From now on the gate answers. */
  openGate(): void;
  /** Juliet's presence, and that of others. */
  readonly people: readonly Client[];
  stop(): Promise<void>;
}

/** Starts a Prosody with rooms, contacts, a library of ten thousand books, and a bench of hostile names. */
export async function startWorld(options: ProsodyOptions = {}): Promise<World> {
  const prosody = await Prosody.start({
    ...options,
    accounts: ["romeo", "juliet", "nurse", "mercutio"],
    components: { [LIBRARY]: SECRET, [HOSTILE]: SECRET, [GATE]: SECRET },
    // After a block in braces, what follows goes for the whole server again.
    extra: `${options.extra ?? ""}
Component "news.localhost" "pubsub" { name = "News" }
component_stanza_size_limit = 16 * 1024 * 1024
`,
  });
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    await Promise.allSettled(stops.map((stopOne) => stopOne()));
    await prosody.stop();
  };
  try {
    let isOpen = false;
    const startComponent = async (domain: string) => {
      const { xmpp, stop } = await connectComponent({ service: prosody.componentService, domain });
      stops.push(stop);
      return withServices(xmpp).summon(DiscoServer);
    };
    const [library, bench, gate] = await Promise.all([LIBRARY, HOSTILE, GATE].map(startComponent));
    if (library === undefined || bench === undefined || gate === undefined)
      throw new Error("a component is missing");
    fillLibrary(library);
    fillBench(bench);
    gate.setIdentityNames("component", "generic", "The Gate");
    gate.setNodeHandler("getInfo", (_request, next) => {
      if (isOpen) return next();
      throw new IqError("forbidden", { text: "Nobody passes before sunrise. \u202e<b>Nobody</b>" });
    });

    const startClient = async (username: string, resource: string, tell: (server: DiscoServer) => void) => {
      const { xmpp, stop } = await connect({ service: prosody.service, username, resource });
      stops.push(stop);
      const services = withServices(xmpp);
      tell(services.summon(DiscoServer));
      services.summon(EntityCapsService, { node: `https://${username}.example/` });
      return xmpp;
    };
    const balcony = software("Balcony", "4.2");
    const people = await Promise.all([
      startClient("juliet", "balcony", balcony),
      startClient("nurse", "kitchen", balcony),
      startClient("mercutio", "street", software("Queen Mab", "0.9 “dreamer”")),
    ]);
    const [juliet, nurse, mercutio] = people as [Client, Client, Client];
    await befriend(prosody, people);
    await juliet.send(xml("presence", {}, xml("status", {}, "What’s in a name?")));
    await nurse.send(xml("presence", {}, xml("show", {}, "away")));
    await mercutio.send(
      xml("presence", {}, xml("show", {}, "dnd"), xml("status", {}, "A plague on both your houses")),
    );
    for (const [room, name] of ROOMS) await openRoom(juliet, `${room}@${prosody.mucDomain}`, name);
    return {
      prosody,
      people,
      openGate: () => {
        isOpen = true;
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function software(name: string, version: string): (server: DiscoServer) => void {
  return (server) => {
    server.registerIdentity("client", "pc", name);
    server.unregisterIdentity("client", "bot");
    for (const feature of [
      "urn:xmpp:receipts",
      "urn:xmpp:message-correct:0",
      "http://jabber.org/protocol/chatstates",
    ]) {
      server.registerFeature(feature);
    }
    server.registerForm(
      new DataForm({
        formType: "urn:xmpp:dataforms:softwareinfo",
        fields: { software: name, software_version: version, os: "Debian" },
      }),
    );
  };
}

function fillLibrary(server: DiscoServer): void {
  server.registerIdentity("store", "generic", "The Library");
  server.unregisterIdentity("component", "generic");
  const books = Array.from({ length: BOOKS }, (_, index) => ({
    jid: `book-${String(index + 1).padStart(5, "0")}@${LIBRARY}`,
    name: `Book ${(index + 1).toLocaleString("en")}`,
  }));
  const shelves = new DiscoItems({ items: books });
  server.setNodeHandler("getItems", ({ jid }) => (jid === LIBRARY ? shelves : new DiscoItems({})));
  server.setNodeHandler("getInfo", ({ jid }, next) =>
    jid === LIBRARY
      ? next()
      : new DiscoInfo({
          identities: [{ category: "hierarchy", type: "leaf", name: "A book" }],
          features: jid?.startsWith("book-00001@") ? ["urn:example:first-folio"] : ["urn:example:book"],
        }),
  );
}

function fillBench(server: DiscoServer): void {
  server.setIdentityNames("component", "generic", "The Bench");
  const items = Object.entries(HOSTILE_NAMES).map(([jid, name]) => ({ jid: `${jid}@${HOSTILE}`, name }));
  server.setNodeHandler("getItems", ({ jid }) =>
    jid === HOSTILE ? new DiscoItems({ items }) : new DiscoItems({}),
  );
  server.setNodeHandler("getInfo", ({ jid }, next) => {
    if (jid === HOSTILE) return next();
    const name = HOSTILE_NAMES[jid?.split("@")[0] ?? ""] ?? "";
    return new DiscoInfo({
      identities: [{ category: "component", type: "generic", name }],
      features: [`urn:example:${name.slice(0, 2_000)}`],
      forms: [
        new DataForm({ formType: "urn:example:form", fields: { [name.slice(0, 500)]: [name, "second"] } }),
      ],
    });
  });
}

/** Both see each other's presence from now on. */
async function befriend(prosody: Prosody, people: readonly Client[]): Promise<void> {
  await using connection = await connect({ service: prosody.service, username: "romeo" });
  const romeo = connection.xmpp;
  for (const person of [romeo, ...people]) {
    person.on("stanza", (stanza) => {
      if (stanza.is("presence") && stanza.attrs["type"] === "subscribe") {
        void person.send(xml("presence", { type: "subscribed", to: stanza.attrs["from"] })).catch(() => {});
      }
    });
  }
  const everybodyKnown = new Promise<void>((resolve) => {
    const known = new Set<string>();
    romeo.iqCallee.set("jabber:iq:roster", "query", ({ element }: { element: Element }) => {
      const item = element.getChild("item");
      if (item?.attrs["subscription"] === "both") known.add(item.attrs["jid"] ?? "");
      if (known.size === people.length) resolve();
      return true;
    });
  });
  await romeo.iqCaller.get(xml("query", "jabber:iq:roster"));
  await romeo.send(xml("presence"));
  const names = ["Juliet", "The Nurse", "Mercutio"];
  for (const [index, person] of people.entries()) {
    await person.iqCaller.get(xml("query", "jabber:iq:roster"));
    await person.send(xml("presence"));
    const jid = person.jid?.bare().toString() ?? "";
    await romeo.iqCaller.set(xml("query", "jabber:iq:roster", xml("item", { jid, name: names[index] })));
    await romeo.send(xml("presence", { to: jid, type: "subscribe" }));
    await person.send(xml("presence", { to: `romeo@${prosody.domain}`, type: "subscribe" }));
  }
  await everybodyKnown;
}

async function openRoom(xmpp: Client, room: string, name: string): Promise<void> {
  const entered = new Promise<void>((resolve) => {
    const onStanza = (stanza: { is(name: string): boolean; attrs: Record<string, string | undefined> }) => {
      if (!stanza.is("presence") || !stanza.attrs["from"]?.startsWith(`${room}/`)) return;
      xmpp.off("stanza", onStanza);
      resolve();
    };
    xmpp.on("stanza", onStanza);
  });
  await xmpp.send(xml("presence", { to: `${room}/Juliet` }, xml("x", NS_MUC)));
  await entered;
  const field = (name: string, value: string) => xml("field", { var: name }, xml("value", {}, value));
  const form = xml(
    "x",
    { xmlns: "jabber:x:data", type: "submit" },
    field("FORM_TYPE", `${NS_MUC}#roomconfig`),
    field("muc#roomconfig_roomname", name),
    field("muc#roomconfig_persistentroom", "1"),
    field("muc#roomconfig_publicroom", "1"),
  );
  await xmpp.iqCaller.set(xml("query", `${NS_MUC}#owner`, form), room);
}
