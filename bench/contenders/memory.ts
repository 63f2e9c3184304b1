import { xml } from "@xmpp/client";
import type { Element } from "@xmpp/xml";
import { DiscoClient, EntityCapsService, NS_DISCO_INFO, withServices } from "xmpp-disco";
import { MemoryServer, memoryClient } from "../../test/support/memory.ts";
import { parse } from "../../test/support/xml.ts";
import { contactJid, ENTRIES, infoText, presenceText, programs } from "../inputs.ts";
import { assert, type Contenders, heap, inBatches, type Measured } from "../task.ts";
import { read } from "./floor.ts";
import { stanzaRead } from "./stanza.ts";

/** Bytes for each of many entries that `fill` makes; what it returns is what keeps them. */
async function bytesEach(fill: () => unknown): Promise<Measured> {
  const before = heap();
  const kept = await fill();
  const value = (heap() - before) / ENTRIES;
  assert(kept !== undefined, "nothing is kept");
  return { value };
}

/** A copy in memory of its own, as text from the network is. */
const fresh = (text: string) => Buffer.from(text).toString();

async function start(textOf: (stanza: Element) => string) {
  const server = new MemoryServer();
  server.script = (stanza) => {
    if (stanza.getChild("query", NS_DISCO_INFO) === undefined) return undefined;
    // What the server keeps is not the client's.
    server.received.length = 0;
    const iq = xml("iq", { type: "result", id: stanza.attrs["id"], from: stanza.attrs["to"] }).toString();
    return fresh(`${iq.slice(0, -2)}>${textOf(stanza)}</iq>`);
  };
  const xmpp = withServices(memoryClient(server));
  return { server, xmpp, disco: xmpp.summon(DiscoClient) };
}

const numberOf = (stanza: Element) => Number(/\d+/.exec(stanza.attrs["to"])?.[0]);

export const allDifferent: Contenders = {
  async "xmpp-disco"() {
    const { xmpp, disco } = await start((stanza) => infoText(numberOf(stanza)));
    await xmpp.start();
    // What is compiled and allocated once is no entry's.
    await inBatches(500, (index) => disco.queryInfo(contactJid(ENTRIES + index)));
    return {
      round: () =>
        bytesEach(async () => {
          await inBatches(ENTRIES, (index) => disco.queryInfo(contactJid(index)));
          return disco;
        }),
    };
  },
  floor: () => {
    // Each feature once, however often it comes.
    const interned = new Map<string, string>();
    const intern = (text: string) => {
      const known = interned.get(text);
      if (known !== undefined) return known;
      interned.set(text, text);
      return text;
    };
    return {
      round: () =>
        bytesEach(() => {
          const entries = new Map<string, object>();
          for (let index = 0; index < ENTRIES; index++) {
            const { identities, features } = read(parse(infoText(index)));
            entries.set(fresh(contactJid(index)), {
              identities: identities.map(({ name = "" }) => ({
                category: "client",
                type: "pc",
                name: fresh(name),
              })),
              features: features.map(intern),
            });
          }
          return entries;
        }),
    };
  },
  stanza: () => ({
    round: () =>
      bytesEach(() => {
        const entries = new Map<string, object>();
        for (let index = 0; index < ENTRIES; index++) {
          entries.set(fresh(contactJid(index)), stanzaRead(fresh(infoText(index))));
        }
        return entries;
      }),
  }),
};

export const shared: Contenders = {
  async "xmpp-disco"() {
    const [program] = programs(1);
    assert(program !== undefined, "there is no program");
    const { server, xmpp, disco } = await start(() => program.xml);
    const caps = xmpp.summon(EntityCapsService);
    await xmpp.start();
    const fill = async (from: number, count: number) => {
      await inBatches(count, async (offset) => {
        server.send(fresh(presenceText(from + offset, program)));
        // Until it has arrived.
        while (!caps.announces(contactJid(from + offset)))
          await new Promise((resolve) => setTimeout(resolve, 1));
        await disco.queryInfo(contactJid(from + offset));
      });
      return disco;
    };
    await fill(ENTRIES, 500);
    return { round: () => bytesEach(() => fill(0, ENTRIES)) };
  },
  floor: () => {
    const info = read(parse(infoText(0)));
    return {
      round: () =>
        bytesEach(() => {
          const entries = new Map<string, object>();
          for (let index = 0; index < ENTRIES; index++) {
            const jid = fresh(contactJid(index));
            entries.set(jid, { jid, info });
          }
          return entries;
        }),
    };
  },
};
