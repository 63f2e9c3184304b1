// Who asks the contenders that answer.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { NS_DISCO_INFO } from "xmpp-disco";
import { LOOPBACK } from "../test/support/ports.ts";
import { Prosody } from "../test/support/prosody.ts";
import type { JsonProcess } from "../test/support/python-client.ts";
import { ALL_FEATURES, COMPONENT_JIDS, DOMAIN } from "./inputs.ts";
import { RawStream } from "./raw.ts";
import type { Measured } from "./task.ts";

/** What is around the contenders of a row. */
export interface World extends AsyncDisposable {
  /** Has a contender started, with what it is to connect with. */
  enlist(
    name: string,
    start: (args: Readonly<Record<string, string>>) => Promise<JsonProcess>,
  ): Promise<JsonProcess>;
  round(name: string, contender: JsonProcess): Promise<Measured>;
}

const IN_FLIGHT = 50;
const query = `<query xmlns='${NS_DISCO_INFO}'/>`;

/** The processor's time that a contender has taken, in microseconds. */
const cpuOf = (contender: JsonProcess) => contender.request<number>("cpu");

/** Looks at one answer before any are counted. */
async function check(stream: RawStream, request: string): Promise<void> {
  const answer = stream.until(/<iq[\s\S]*?<\/iq>/);
  stream.send(request);
  const text = await answer;
  const isRight = ALL_FEATURES.every((feature) => text.includes(feature)) && /type=['"]pc['"]/.test(text);
  if (!isRight || /type=['"]error['"]/.test(text)) throw new Error(`a wrong answer: ${text}`);
}

/** Clients of a Prosody, and one who asks them; what is measured is their processor's time an answer. */
export async function askedClients(): Promise<World> {
  const COUNT = 1_000;
  const accounts = Array.from({ length: 8 }, (_, index) => `user${index}`);
  // Fewer rounds of PBKDF2 are not enough for aioxmpp.
  const prosody = await Prosody.start({ accounts: [...accounts, "asker"], iterations: 4_096 });
  const asker = await RawStream.login(prosody.port, "asker");
  const jids = new Map<string, string>();
  const ask = (jid: string, count: number) =>
    asker.ask(count, IN_FLIGHT, (index) => `<iq type='get' id='q${index}' to='${jid}'>${query}</iq>`);
  return {
    async enlist(name, start) {
      const { service, webSocket, port } = prosody;
      const contender = await start({
        service,
        webSocket,
        port: String(port),
        username: accounts.pop() ?? "",
      });
      const jid = await contender.request<string>("jid");
      jids.set(name, jid);
      await check(asker, `<iq type='get' id='check' to='${jid}'>${query}</iq>`);
      await ask(jid, 2 * COUNT);
      return contender;
    },
    async round(name, contender) {
      const before = await cpuOf(contender);
      await ask(jids.get(name) ?? "", COUNT);
      return { value: ((await cpuOf(contender)) - before) / COUNT };
    },
    async [Symbol.asyncDispose]() {
      asker.close();
      await prosody.stop();
    },
  };
}

/** Components whose server this is (XEP-0114); what is measured are their answers a second. */
export async function askedComponents(): Promise<World> {
  const COUNT = 10_000;
  const streams = new Map<string, RawStream>();
  const servers: Server[] = [];
  let next = 0;
  const request = (index: number) => {
    // Strides through all JIDs.
    next = (next + 7_919) % COMPONENT_JIDS;
    return `<iq type='get' id='q${index}' from='u0@localhost/load' to='j${next}@${DOMAIN}'>${query}</iq>`;
  };
  return {
    async enlist(name, start) {
      const server = createServer().listen(0, LOOPBACK);
      servers.push(server);
      await once(server, "listening");
      const started = once(server, "connection").then(async ([socket]) => {
        const stream = new RawStream(socket);
        streams.set(name, stream);
        await stream.until(/<stream:stream[^>]*>/);
        stream.send(
          `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' ` +
            `xmlns:stream='http://etherx.jabber.org/streams' from='${DOMAIN}' id='bench'>`,
        );
        await stream.until(/<\/handshake>/);
        stream.send("<handshake/>");
        return stream;
      });
      const contender = await start({ port: String((server.address() as AddressInfo).port) });
      const stream = await started;
      await check(stream, request(0));
      await stream.ask(COUNT, IN_FLIGHT, request);
      return contender;
    },
    async round(name) {
      const milliseconds = await streams.get(name)?.ask(COUNT, IN_FLIGHT, request);
      return { value: COUNT / ((milliseconds ?? 0) / 1_000) };
    },
    async [Symbol.asyncDispose]() {
      for (const stream of streams.values()) stream.close();
      for (const server of servers) server.close();
    },
  };
}
