// A million presences, each from another JID and with hashes that nobody else has: what they cost, and whether honest
// contacts suffer.
//
//   node --expose-gc --import tsx bench/presence-flood.ts [count]
import { createHash } from "node:crypto";
import { xml } from "@xmpp/client";
import type { Element } from "@xmpp/xml";
import {
  DiscoClient,
  DiscoInfo,
  EntityCapsService,
  NS_DISCO_INFO,
  withServices,
  xep0115,
  xep0390,
} from "xmpp-disco";
import { MemoryServer, memoryClient } from "../test/support/memory.ts";

/** Those who are in use: as many kinds of software, and so many contacts with each. */
const KINDS = 50;
const CONTACTS = 20;

/** How many presences arrive in one packet. */
const PACKET = 1_000;

const FEATURE = "urn:xmpp:receipts";

const count = Number(process.argv[2] ?? 1_000_000);

/** What an honest contact announces, and tells when it is asked. */
const programs = Array.from({ length: KINDS }, (_, kind) => {
  const info = new DiscoInfo({
    identities: [{ category: "client", type: "pc", name: `Program ${kind}` }],
    features: [FEATURE, `urn:example:program:${kind}`],
  });
  return {
    info,
    caps:
      xep0390.element({ info }).toString() +
      xep0115.element({ info, node: `https://${kind}.example/` }).toString(),
  };
});
const contacts = Array.from({ length: KINDS * CONTACTS }, (_, number) => `contact${number}@example.org/desk`);

const server = new MemoryServer();
server.script = (stanza: Element) => {
  const query = stanza.getChild("query", NS_DISCO_INFO);
  const program = programs[contacts.indexOf(stanza.attrs["to"]) % KINDS];
  if (query === undefined || program === undefined) return undefined;
  const answer = program.info.toElement();
  answer.attrs["node"] = query.attrs["node"];
  return xml("iq", { type: "result", id: stanza.attrs["id"], from: stanza.attrs["to"] }, answer);
};
const xmpp = withServices(memoryClient(server));
const disco = xmpp.summon(DiscoClient);
const caps = xmpp.summon(EntityCapsService);
let received = 0;
let wanted = 0;
let arrived = () => {};
xmpp.on("stanza", () => {
  received++;
  if (received === wanted) arrived();
});

/** Has presences arrive, and waits until they have been dealt with. */
async function receive(presences: readonly string[]): Promise<void> {
  wanted = received + presences.length;
  const all = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  server.send(presences.join(""));
  await all;
}

/** What a stranger sends whose hashes nobody else has; they look like any others. */
function stranger(number: number): string {
  const value = createHash("sha512").update(String(number)).digest();
  const sha256 = value.subarray(0, 32).toString("base64");
  const sha1 = value.subarray(32, 52).toString("base64");
  return (
    `<presence from="stranger${number}@example.net/${number}"><c xmlns="urn:xmpp:caps"><hash xmlns="urn:xmpp:hashes:2"` +
    ` algo="sha-256">${sha256}</hash></c><c xmlns="http://jabber.org/protocol/caps" hash="sha-1"` +
    ` node="https://${number}.example.net/" ver="${sha1}"/></presence>`
  );
}

/** Asks whether all contacts have a feature; returns how many questions had to be sent. */
async function askAll(): Promise<number> {
  const { sent } = disco.stats;
  const answers = await Promise.all(contacts.map((jid) => disco.supports(jid, FEATURE)));
  if (!answers.every(Boolean)) throw new Error("a contact was not believed");
  return disco.stats.sent - sent;
}

/** What the process has in memory, in MB: all of it, and what is in use by JavaScript. */
function memory(): { rss: number; heap: number } {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss: rss / 2 ** 20, heap: heapUsed / 2 ** 20 };
}

function show({ rss, heap }: ReturnType<typeof memory>): string {
  return `${rss.toFixed(0)} MB resident, ${heap.toFixed(1)} MB heap`;
}

async function main(): Promise<void> {
  if (globalThis.gc === undefined) console.log("(without --expose-gc, memory has garbage in it)");
  await xmpp.start();
  await receive(
    contacts.map((jid, number) => `<presence from="${jid}">${programs[number % KINDS]?.caps}</presence>`),
  );
  const asked = await askAll();
  // Once, so that what is compiled and allocated for good is there before.
  await receive(Array.from({ length: PACKET }, (_, number) => stranger(-1 - number)));
  const written = server.received.length;
  const before = memory();

  let peak = 0;
  const start = performance.now();
  for (let from = 0; from < count; from += PACKET) {
    await receive(
      Array.from({ length: Math.min(PACKET, count - from) }, (_, index) => stranger(from + index)),
    );
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  const seconds = (performance.now() - start) / 1000;
  const stanzas = server.received.length - written;
  const after = memory();
  const again = await askAll();

  const lines = [
    ["contacts in use", `${contacts.length} with ${KINDS} programs, ${asked} of them asked`],
    ["before the flood", show(before)],
    ["after it", `${show(after)} (peak ${(peak / 2 ** 20).toFixed(0)} MB)`],
    [
      "growth",
      `${(after.rss - before.rss).toFixed(1)} MB resident, ${(after.heap - before.heap).toFixed(1)} MB heap`,
    ],
    [
      "time",
      `${seconds.toFixed(1)} s, ${Math.round(count / seconds).toLocaleString("en")} presences a second`,
    ],
    ["stanzas sent for it", String(stanzas)],
    ["hashes kept", String(caps.cache.size)],
    ["asked again", `${contacts.length} questions, ${again} of them sent`],
  ];
  console.log(`${count.toLocaleString("en")} presences from as many JIDs, each with hashes of its own:`);
  for (const [what, value] of lines) console.log(`  ${what?.padEnd(20)} ${value}`);
  await xmpp.stop();
  if (stanzas > 0 || again > 0) process.exitCode = 1;
}

await main();
