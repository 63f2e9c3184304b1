import { type Client, client } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import xml, { type Element } from "@xmpp/xml";
import {
  DataForm,
  DiscoTree,
  IqError,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  NS_RSM,
  uidOf,
  xep0115,
  xep0390,
} from "../../src/index.ts";
import { MemoryServer, memoryClient } from "../support/memory.ts";
import { ComponentServer, memoryComponent } from "../unit/services/memory-component.ts";

const CONTACT = "juliet@example.org/balcony";
const CONTACT_NODE = "https://balcony.example/";

/** Whom the pages ask, and what they are told: a domain with its services, and a contact. */
export class World {
  readonly #entities = new Map<string, DiscoTree>();
  readonly #clients: { stop(): Promise<unknown> }[] = [];

  constructor() {
    const server = this.#add("example.org", "server", "im", "Example", [
      "urn:xmpp:carbons:2",
      "urn:xmpp:ping",
      "http://jabber.org/protocol/disco#items",
    ]);
    server.registerForm(
      new DataForm({
        formType: "http://jabber.org/network/serverinfo",
        fields: { "abuse-addresses": ["mailto:abuse@example.org"] },
      }),
    );
    const rooms = this.#add("conference.example.org", "conference", "text", "Rooms", [
      "http://jabber.org/protocol/muc",
    ]);
    for (let number = 1; number <= 120; number += 1) {
      rooms.addItem({ jid: `room-${number}@conference.example.org`, name: `Room ${number}` });
    }
    const upload = this.#add("upload.example.org", "store", "file", "Upload", ["urn:xmpp:http:upload:0"]);
    upload.registerForm(
      new DataForm({ formType: "urn:xmpp:http:upload:0", fields: { "max-file-size": "10485760" } }),
    );
    for (const [jid, name] of [
      ["conference.example.org", "Rooms"],
      ["upload.example.org", "Upload"],
      ["gone.example.org", "Moved away"],
    ] as const) {
      server.addItem({ jid, name });
    }
    this.#add("romeo@example.org", "account", "registered", "Romeo", []);
    this.#add(CONTACT, "client", "web", "Balcony", ["urn:xmpp:jingle:1", "urn:xmpp:receipts"]);
    this.#add("rooms.example.org", "conference", "text", "Rooms", ["http://jabber.org/protocol/muc"]);
  }

  #add(jid: string, category: string, type: string, name: string, features: string[]): DiscoTree {
    const tree = new DiscoTree(jid);
    tree.registerIdentity(category, type, { en: name });
    for (const feature of features) tree.registerFeature(feature);
    this.#entities.set(jid, tree);
    return tree;
  }

  /** What `client` of @xmpp/client is to a page. */
  client(options: Parameters<typeof client>[0]): Client {
    // What it does not understand it says now.
    client(options);
    const server = new MemoryServer({ jid: "romeo@example.org/orchard" });
    server.script = (stanza) => {
      this.#answer(stanza, (reply) => server.send(reply));
      return undefined;
    };
    const xmpp = memoryClient(server);
    xmpp.reconnect.stop();
    this.#clients.push(xmpp);
    return xmpp;
  }

  /** What `component` of @xmpp/component is to a page. */
  component({ domain }: { domain: string }): Component {
    const server = new ComponentServer();
    server.script = (stanza) => {
      this.#answer(stanza, (reply) => server.send(reply));
      return undefined;
    };
    const comp = memoryComponent(server, domain);
    this.#clients.push(comp);
    return comp;
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#clients.map((xmpp) => xmpp.stop()));
  }

  #answer(stanza: Element, send: (stanza: Element) => void): void {
    const { type, to = "romeo@example.org" } = stanza.attrs as Record<string, string | undefined>;
    if (stanza.is("presence") && type === undefined) void this.#presence().then(send);
    // It has nothing to say to anybody.
    if (!stanza.is("iq") || type === "result" || type === "error" || to === "silent.example.org") return;
    this.#payload(stanza, to).then(
      (payload) => send(reply(stanza, "result", payload)),
      (error: unknown) => {
        if (!(error instanceof IqError)) throw error;
        send(reply(stanza, "error", error.toElement()));
      },
    );
  }

  async #presence(): Promise<Element> {
    const info = await this.#tree(CONTACT).toInfo();
    return xml(
      "presence",
      { from: CONTACT },
      xep0115.element({ node: CONTACT_NODE, info }),
      xep0390.element({ info }),
    );
  }

  #tree(jid: string): DiscoTree {
    if (jid === "gone.example.org") throw new IqError("remote-server-not-found");
    const tree = this.#entities.get(jid);
    if (tree === undefined) throw new IqError("service-unavailable");
    return tree;
  }

  async #payload(iq: Element, to: string): Promise<Element> {
    const [query] = iq.getChildElements();
    if (query?.is("query", "jabber:iq:version")) {
      return xml("query", "jabber:iq:version", xml("name", {}, "Example"), xml("version", {}, "1.0"));
    }
    const tree = this.#tree(to);
    const name = query?.attrs["node"] as string | undefined;
    const isCaps = name?.startsWith("urn:xmpp:caps#") || name?.startsWith(`${CONTACT_NODE}#`);
    const node = isCaps ? tree : tree.nodeAt(name);
    if (node === undefined) throw new IqError("item-not-found");
    if (query?.is("query", NS_DISCO_INFO)) return (await node.toInfo({ node: name })).toElement();
    if (!query?.is("query", NS_DISCO_ITEMS)) throw new IqError("service-unavailable");
    const set = query.getChild("set", NS_RSM);
    if (set === undefined) return (await node.toItems({ node: name })).toElement();
    const text = (child: string) => set.getChildText(child) ?? undefined;
    const { items, count, index } = await node.pageItems({
      max: Number(text("max") ?? 100),
      after: text("after"),
      before: set.getChild("before") === undefined ? undefined : (text("before") ?? ""),
      index: Number(text("index") ?? 0),
    });
    const [first, last] = [items[0], items.at(-1)];
    return xml(
      "query",
      { xmlns: NS_DISCO_ITEMS, node: name },
      ...items.map((item) => xml("item", { ...item })),
      xml(
        "set",
        { xmlns: NS_RSM },
        ...(first && last
          ? [xml("first", { index: String(index) }, uidOf(first)), xml("last", {}, uidOf(last))]
          : []),
        xml("count", {}, String(count)),
      ),
    );
  }
}

function reply(iq: Element, type: "result" | "error", payload: Element): Element {
  const { id, from, to } = iq.attrs as Record<string, string | undefined>;
  return xml("iq", { type, id, from: to, to: from }, payload);
}
