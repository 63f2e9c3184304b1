// How this package's cost grows: each task gives a figure for a size.
import { xml } from "@xmpp/client";
import { component } from "@xmpp/component";
import {
  DiscoClient,
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  EntityCapsService,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  withServices,
  xep0115,
  xep0390,
} from "xmpp-disco";
import { MemoryServer, memoryClient } from "../../test/support/memory.ts";
import { parse } from "../../test/support/xml.ts";
import { contactJid, DOMAIN, IDENTITY, OWN_FEATURES, OWN_INFO, presenceText, programs } from "../inputs.ts";
import { assert, type Contenders, cpu, heap, inBatches, type Task } from "../task.ts";

/** A client whose questions get this answer, and a service of capabilities where there is to be one. */
async function start(text: string, jids?: number) {
  const server = new MemoryServer();
  let asked = 0;
  server.script = (stanza) => {
    if (stanza.getChild("query", NS_DISCO_INFO) === undefined) return undefined;
    asked++;
    server.received.length = 0;
    const iq = xml("iq", { type: "result", id: stanza.attrs["id"], from: stanza.attrs["to"] }).toString();
    return `${iq.slice(0, -2)}>${text}</iq>`;
  };
  const xmpp = withServices(memoryClient(server));
  const disco =
    jids === undefined ? xmpp.summon(DiscoClient) : xmpp.summon(DiscoClient, { infoCacheSize: jids });
  if (jids !== undefined) xmpp.summon(EntityCapsService, { maxJids: jids });
  await xmpp.start();
  return { server, xmpp, disco, asked: () => asked };
}

/** Milliseconds of the processor; the least of some times, for what else the machine does adds to it. */
async function leastCpu(times: number, act: () => unknown): Promise<number> {
  let least = Infinity;
  for (let time = 0; time < times; time++) {
    globalThis.gc?.();
    const startedAt = cpu();
    await act();
    least = Math.min(least, (cpu() - startedAt) / 1_000);
  }
  return least;
}

type Measure = (size: number) => Promise<number>;

const growing = (measure: Measure) => async (): Promise<Task> => ({
  at: ({ size = "0" }) => measure(Number(size)),
});

/** Presences of so many contacts, with what all of them do afterwards. */
async function announce(count: number, ver?: string) {
  const [program] = programs(1);
  assert(program !== undefined, "there is no program");
  const { server, xmpp, disco, asked } = await start(program.xml, count);
  let received = 0;
  const arrive = (text: (index: number) => string) =>
    new Promise<void>((resolve) => {
      received = 0;
      const listener = (element: { name: string }) => {
        if (element.name !== "presence" || ++received < count) return;
        xmpp.removeListener("element", listener);
        resolve();
      };
      xmpp.on("element", listener);
      for (let from = 0; from < count; from += 100) {
        let packet = "";
        for (let index = from; index < Math.min(from + 100, count); index++) packet += text(index);
        server.send(packet);
      }
    });
  await arrive((index) => presenceText(index, { ...program, ver: ver ?? program.ver }));
  return { xmpp, disco, arrive, asked };
}

export const curves: Contenders = {
  async targets() {
    const { disco } = await start(OWN_INFO);
    // The server sees the answers too: a part of the time is its own.
    let done = 0;
    let used = 0;
    return {
      at: async ({ size = "0" }) => {
        const startedAt = cpu();
        const from = done;
        await inBatches(Number(size) - from, (index) => disco.queryInfo(contactJid(from + index)));
        done = Number(size);
        used += (cpu() - startedAt) / 1_000;
        assert(disco.stats.sent === done, "not all were asked");
        return used;
      },
    };
  },
  async cacheMemory() {
    const { disco } = await start(OWN_INFO);
    await inBatches(500, (index) => disco.queryInfo(contactJid(-1 - index)));
    disco.flushCache();
    const empty = heap();
    let done = 0;
    return {
      at: async ({ size = "0" }) => {
        const from = done;
        await inBatches(Number(size) - from, (index) => disco.queryInfo(contactJid(from + index)));
        done = Number(size);
        return (heap() - empty) / 2 ** 20;
      },
    };
  },
  features: growing((size) => {
    const features = Array.from({ length: size }, (_, index) => `<feature var="urn:example:${index}"/>`).join(
      "",
    );
    const query = `<query xmlns="${NS_DISCO_INFO}"><identity category="client" type="pc"/>${features}</query>`;
    return leastCpu(5, () => {
      const info = DiscoInfo.fromElement(parse(query));
      assert(xep0115.verify(info, xep0115.hash(info)) && xep0390.wellFormed(info), "it does not verify");
    });
  }),
  items: growing((size) => {
    const items = Array.from(
      { length: size },
      (_, index) => `<item jid="room${index}@muc.example" name="${index}"/>`,
    );
    const query = `<query xmlns="${NS_DISCO_ITEMS}">${items.join("")}</query>`;
    return leastCpu(5, () => {
      assert(DiscoItems.fromElement(parse(query)).items.length === size, "items are missing");
    });
  }),
  async waiters() {
    const { disco } = await start(OWN_INFO);
    return {
      at: ({ size = "0" }) =>
        leastCpu(5, () => {
          disco.flushCache();
          return Promise.all(Array.from({ length: Number(size) }, () => disco.queryInfo(contactJid(0))));
        }),
    };
  },
  jids: growing(async (size) => {
    const xmpp = component({ service: "xmpp://127.0.0.1:1", domain: DOMAIN, password: "" });
    const server = withServices(xmpp).summon(DiscoServer);
    for (let index = 0; index < size; index++) {
      const entity = server.entity(`j${index}@${DOMAIN}`);
      entity.registerIdentity(IDENTITY.category, IDENTITY.type);
      for (const feature of OWN_FEATURES) entity.registerFeature(feature);
    }
    return leastCpu(3, async () => {
      for (let ask = 0; ask < 10_000; ask++)
        await server.getInfo({ jid: `j${(ask * 7_919) % size}@${DOMAIN}` });
    });
  }),
  announcers: growing((size) =>
    leastCpu(2, async () => {
      const { xmpp, disco, asked } = await announce(size);
      await Promise.all(Array.from({ length: size }, (_, index) => disco.queryInfo(contactJid(index))));
      assert(asked() === 1, `${asked()} were asked`);
      await xmpp.stop();
    }),
  ),
  leaving: growing((size) =>
    leastCpu(2, async () => {
      const { xmpp, arrive } = await announce(size);
      await arrive((index) => `<presence from="${contactJid(index)}" type="unavailable"/>`);
      await xmpp.stop();
    }),
  ),
  // The bare JID leaves with all its resources, as where a server tells of a contact's end.
  leavingBare: growing((size) =>
    leastCpu(1, async () => {
      const { xmpp, arrive } = await announce(size);
      await arrive((index) => `<presence from="${contactJid(index).split("/")[0]}" type="unavailable"/>`);
      await xmpp.stop();
    }),
  ),
  // All of them announce a hash that what they answer does not have.
  liars: growing((size) =>
    leastCpu(1, async () => {
      const { xmpp, disco } = await announce(size, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
      await Promise.all(Array.from({ length: size }, (_, index) => disco.queryInfo(contactJid(index))));
      await xmpp.stop();
    }),
  ),
};
