// What all contenders are given. Those in Python read it from files, see `writeInputs`.
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiscoInfo, type HashSet, NS_CAPS, NS_DISCO_INFO, xep0115 } from "xmpp-disco";
import { parse } from "../test/support/xml.ts";

/** With disco#info itself, thirty: what the entities have that are asked. */
export const OWN_FEATURES: readonly string[] = Array.from(
  { length: 29 },
  (_, index) => `urn:example:bench:feature:${String(index).padStart(2, "0")}`,
);
export const ALL_FEATURES: readonly string[] = [NS_DISCO_INFO, ...OWN_FEATURES];
export const IDENTITY = { category: "client", type: "pc" } as const;
export const DOMAIN = "comp.localhost";
export const COMPONENT_JIDS = 10_000;
/** How many callers ask at once, and after how long they are answered, in milliseconds. */
export const CALLERS = 10_000;
export const DELAY = 10;
/** How many entities are in a cache. */
export const ENTRIES = 5_000;
/** How many presences arrive, with how many hashes, so many in a packet. */
export const PRESENCES = 5_000;
export const PROGRAMS = 50;
export const PACKET = 100;

export const contactJid = (index: number) => `contact${index}@example.org/desk`;

/** A capture of capsdb: what its software answers, and the hash that it announces for it. */
export interface Capture {
  readonly xml: string;
  readonly ver: string;
  /** The hash of XEP-0390 with SHA-256. */
  readonly sha256: string;
}

/** The captures whose SHA-1 matches. */
export function captures(): Capture[] {
  const file = new URL("../test/vectors/capsdb-sample.jsonl", import.meta.url);
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map(
      (line) => JSON.parse(line) as Record<"xml" | "ver" | "hash" | "verdict", string> & { caps390: HashSet },
    )
    .filter(({ hash, verdict }) => hash === "sha-1" && verdict === "match")
    .map(({ xml, ver, caps390 }) => ({ xml, ver, sha256: caps390["sha-256"] ?? "" }));
}

/** What features are drawn from where entities differ. */
const POOL = Array.from(
  { length: 300 },
  (_, index) => `urn:example:bench:pool:${String(index).padStart(3, "0")}`,
);

/** The `<query/>` of entity number `index`: thirty features, and no two entities alike. */
export function infoText(index: number): string {
  const features = new Set([NS_DISCO_INFO]);
  for (let seed = index + 1; features.size < 30; ) {
    // The generator of C's standard.
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    features.add(POOL[(seed >> 8) % POOL.length] ?? "");
  }
  return (
    `<query xmlns="${NS_DISCO_INFO}"><identity category="client" type="pc" name="Program ${index}"/>` +
    `${[...features].map((feature) => `<feature var="${feature}"/>`).join("")}</query>`
  );
}

/** What the entities have that are asked. */
export const OWN_INFO =
  `<query xmlns="${NS_DISCO_INFO}"><identity category="client" type="pc"/>` +
  `${ALL_FEATURES.map((feature) => `<feature var="${feature}"/>`).join("")}</query>`;

/** A program that contacts use. */
export interface Program {
  readonly xml: string;
  readonly node: string;
  readonly ver: string;
}

export function programs(count = PROGRAMS): Program[] {
  return Array.from({ length: count }, (_, index) => {
    const text = infoText(index);
    const ver = xep0115.hash(DiscoInfo.fromElement(parse(text)));
    return { xml: text, node: `https://program${index}.example/`, ver };
  });
}

/** What contact number `index` announces. */
export function presenceText(index: number, { node, ver }: Program): string {
  return (
    `<presence from="${contactJid(index)}" to="romeo@montague.example/orchard">` +
    `<c xmlns="${NS_CAPS}" hash="sha-1" node="${node}" ver="${ver}"/></presence>`
  );
}

/** The presences of as many contacts, in packets as they might come from a socket. */
export function presencePackets(count = PRESENCES, used = programs()): string[] {
  const packets: string[] = [];
  for (let from = 0; from < count; from += PACKET) {
    let packet = "";
    for (let index = from; index < Math.min(from + PACKET, count); index++) {
      const program = used[index % used.length];
      if (program !== undefined) packet += presenceText(index, program);
    }
    packets.push(packet);
  }
  return packets;
}

/** A folder with the inputs, for contenders in other languages; it is removed at the end of the process. */
export async function writeInputs(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  // A process that dies of a signal emits no "exit".
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      remove();
      process.kill(process.pid, signal);
    });
  }
  const used = programs();
  const inputs = {
    captures: captures(),
    programs: used,
    packets: presencePackets(PRESENCES, used),
    contacts: Array.from({ length: PRESENCES }, (_, index) => contactJid(index)),
    ...{ identity: IDENTITY, ownFeatures: OWN_FEATURES, ownInfo: OWN_INFO },
    ...{
      domain: DOMAIN,
      componentJids: COMPONENT_JIDS,
      callers: CALLERS,
      entries: ENTRIES,
      packet: PACKET,
      delay: DELAY / 1_000,
    },
  };
  await writeFile(join(folder, "inputs.json"), JSON.stringify(inputs));
  const infos = Array.from({ length: COMPONENT_JIDS }, (_, index) => infoText(index));
  await writeFile(join(folder, "infos.txt"), infos.join("\n"));
  return folder;
}
