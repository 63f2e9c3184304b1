import { xml } from "@xmpp/client";
import { type Element, Parser } from "@xmpp/xml";
import { DiscoClient, EntityCapsService, NS_CAPS, NS_DISCO_INFO, withServices } from "xmpp-disco";
import { MemoryServer, memoryClient } from "../../test/support/memory.ts";
import { contactJid, DELAY, PRESENCES, presencePackets, programs } from "../inputs.ts";
import { assert, type Contenders, cpu, type Measured, type Task } from "../task.ts";
import { type FloorInfo, hash115, read } from "./floor.ts";

const used = programs();
const packets = presencePackets(PRESENCES, used);
const contacts = Array.from({ length: PRESENCES }, (_, index) => contactJid(index));
const texts = new Map(used.map(({ node, ver, xml: text }) => [`${node}#${ver}`, text]));

function server(): MemoryServer {
  const memory = new MemoryServer();
  memory.script = (stanza) => {
    const query = stanza.getChild("query", NS_DISCO_INFO);
    const text = texts.get(query?.attrs["node"]);
    if (query === undefined || text === undefined) return undefined;
    const iq = xml("iq", { type: "result", id: stanza.attrs["id"], from: stanza.attrs["to"] }).toString();
    setTimeout(() => memory.send(`${iq.slice(0, -2)}>${text}</iq>`), DELAY);
    return undefined;
  };
  return memory;
}

/** The elements of the presences, as a client reads them from its stream. */
function parsed(): Element[][] {
  const parser = new Parser();
  const elements: Element[] = [];
  parser.on("element", (element: Element) => elements.push(element));
  parser.write('<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">');
  return packets.map((packet) => {
    parser.write(packet);
    return elements.splice(0);
  });
}

/**
 * The processor's time from where a client has parsed all presences until all contacts are known, in milliseconds.
 *
 * @param prepare gives who is asked for a contact
 */
function beyondParsing(
  prepare: (xmpp: ReturnType<typeof memoryClient>) => (jid: string) => Promise<Told>,
): Task {
  return {
    async round(): Promise<Measured> {
      const memory = server();
      const xmpp = memoryClient(memory);
      const ask = prepare(xmpp);
      // Where its parser gives what it has read.
      const deliver = (element: Element) => (xmpp as unknown as Reader)._onElement(element);
      await xmpp.start();
      const elements = parsed();
      globalThis.gc?.();
      const startedAt = cpu();
      for (const packet of elements) {
        for (const element of packet) deliver(element);
        // Answers come meanwhile, where there are questions already.
        await new Promise((resolve) => setTimeout(resolve, DELAY));
      }
      const before = memory.received.length;
      const infos = await Promise.all(contacts.map(ask));
      const value = (cpu() - startedAt) / 1_000;
      assert(
        infos.every(({ features }) => features.length === 30),
        "an answer is not what it should be",
      );
      const stanzas = memory.received.length - before;
      await xmpp.stop();
      return { value, stanzas };
    },
  };
}

interface Reader {
  _onElement(element: Element): void;
}

interface Told {
  readonly features: readonly string[];
}

export const presences: Contenders = {
  "xmpp-disco": () =>
    beyondParsing((xmpp) => {
      const disco = withServices(xmpp).summon(DiscoClient);
      withServices(xmpp).summon(EntityCapsService);
      return (jid) => disco.queryInfo(jid);
    }),
  // What a listener of xmpp.js would do that forgets nobody, and believes everybody but for the hash.
  floor: () =>
    beyondParsing((xmpp) => {
      const announced = new Map<string, { readonly node: string; readonly ver: string }>();
      xmpp.on("element", (stanza: Element) => {
        if (stanza.name !== "presence") return;
        const { node, ver } = stanza.getChild("c", NS_CAPS)?.attrs ?? {};
        announced.set(stanza.attrs["from"], { node, ver });
      });
      const known = new Map<string, Promise<FloorInfo>>();
      const question = async (to: string, node: string, ver: string) => {
        const query = xml("query", { xmlns: NS_DISCO_INFO, node: `${node}#${ver}` });
        const answer = await xmpp.iqCaller.request(xml("iq", { type: "get", to }, query));
        const info = read(answer.getChild("query", NS_DISCO_INFO) ?? answer);
        assert(hash115(info) === ver, "the hash is another");
        return info;
      };
      return (jid) => {
        const { node = "", ver = "" } = announced.get(jid) ?? {};
        let info = known.get(ver);
        if (info === undefined) {
          info = question(jid, node, ver);
          known.set(ver, info);
        }
        return info;
      };
    }),
};
