import { xml } from "@xmpp/client";
import { DiscoClient, NS_DISCO_INFO, withServices } from "xmpp-disco";
import { MemoryServer, memoryClient } from "../../test/support/memory.ts";
import { parse } from "../../test/support/xml.ts";
import { CALLERS, contactJid, DELAY, infoText, OWN_INFO } from "../inputs.ts";
import { assert, type Contenders, inBatches, type Measured, repeat } from "../task.ts";
import { read } from "./floor.ts";
import { stanzaClient } from "./stanza.ts";

const CALLS = 10_000;
const JID = contactJid(0);

/** An unmodified client, whose questions are answered after a while with what `tell` gives for their number. */
async function start(delay: number, tell: (index: number) => string) {
  const server = new MemoryServer();
  let asked = 0;
  server.script = (stanza) => {
    const query = stanza.getChild("query", NS_DISCO_INFO);
    if (query === undefined) return undefined;
    const answer = xml("iq", { type: "result", id: stanza.attrs["id"], from: stanza.attrs["to"] }).toString();
    const text = `${answer.slice(0, -2)}>${tell(asked)}</iq>`;
    asked++;
    if (delay === 0) return text;
    setTimeout(() => server.send(text), delay);
    return undefined;
  };
  const xmpp = withServices(memoryClient(server));
  const disco = xmpp.summon(DiscoClient);
  await xmpp.start();
  return { server, disco };
}

/** Whom the calls of one run are to. */
function callsTo(targets: number): string[] {
  const jids = Array.from({ length: targets }, (_, index) => contactJid(index));
  return Array.from({ length: CALLS }, (_, index) => jids[index % targets] ?? "");
}

async function cachedBy(targets: number) {
  const { disco } = await start(0, infoText);
  const jids = callsTo(targets);
  await inBatches(targets, (index) => disco.queryInfo(contactJid(index)));
  const { sent } = disco.stats;
  const task = await repeat(async () => {
    for (const jid of jids) await disco.queryInfo(jid);
    return jids.length;
  });
  assert(disco.stats.sent === sent, "what is cached was asked for");
  return task;
}

async function mapOf(targets: number) {
  const jids = callsTo(targets);
  const map = new Map(jids.map((jid, index) => [jid, read(parse(infoText(index)))]));
  return repeat(async () => {
    for (const jid of jids) await map.get(jid);
    return jids.length;
  });
}

export const cachedOne: Contenders = { "xmpp-disco": () => cachedBy(1), floor: () => mapOf(1) };

export const cachedMany: Contenders = { "xmpp-disco": () => cachedBy(CALLS), floor: () => mapOf(CALLS) };

/** Asks as many at once, who all want the same; how long it takes until all have it, in milliseconds. */
async function together(ask: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, ask));
  return performance.now() - startedAt;
}

export const concurrent: Contenders = {
  async "xmpp-disco"() {
    const { server, disco } = await start(DELAY, () => OWN_INFO);
    return {
      async round(): Promise<Measured> {
        disco.flushCache();
        const before = server.received.length;
        const value = await together(() => disco.queryInfo(JID));
        return { value, stanzas: server.received.length - before };
      },
    };
  },
  floor: () => ({
    async round(): Promise<Measured> {
      let stanzas = 0;
      const running = new Map<string, Promise<string>>();
      const ask = (jid: string) => {
        let answer = running.get(jid);
        if (answer === undefined) {
          answer = new Promise((resolve) => setTimeout(resolve, DELAY, OWN_INFO));
          running.set(jid, answer);
          stanzas++;
        }
        return answer;
      };
      return { value: await together(() => ask(JID)), stanzas };
    },
  }),
  stanza: () => {
    let stanzas = 0;
    const client = stanzaClient(() => stanzas++);
    return {
      async round(): Promise<Measured> {
        stanzas = 0;
        const value = await together(() => client.getDiscoInfo(JID));
        return { value, stanzas };
      },
    };
  },
};
