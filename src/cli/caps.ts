import type { Element } from "@xmpp/xml";
import { type CapsAlgorithm, type DiscoInfo, xep0115, xep0390 } from "../index.js";
import { bareJid, canonicalJid } from "../xml/jid.js";
import { colors } from "./colors.js";
import { EXIT, Failure } from "./exit-codes.js";
import type { Session } from "./session.js";
import type { Target } from "./target.js";
import { columns, safe } from "./text.js";

/** One hash, and what is to be said of it. */
export interface CheckedHash {
  readonly xep: string;
  readonly algorithm: string;
  readonly value: string;
  readonly announced: boolean;
  /** Whether the entity's information has this hash; undefined where that cannot be said. */
  readonly verified?: boolean | undefined;
  /** Why it does not verify, or cannot be verified. */
  readonly problem?: string | undefined;
}

/** An entity, and the presence or stream features in which it announces its capabilities. */
interface Announcer {
  readonly jid: string;
  readonly element: Element | undefined;
}

/** What everybody can compute, and should announce. */
const OWN = [
  { xep: "XEP-0115", caps: xep0115, algorithm: "sha-1" },
  { xep: "XEP-0390", caps: xep0390, algorithm: "sha-256" },
  { xep: "XEP-0390", caps: xep0390, algorithm: "sha3-256" },
] as const;

/** How long to wait for a contact's presence after their server has answered, in milliseconds. */
const GRACE = 2_000;

/** `caps`: what an entity announces, whether it is true, and what it would have to announce. */
export async function printCaps(session: Session, target: Target): Promise<void> {
  const announcers = await findAnnouncers(session, target);
  const results = await Promise.all(
    announcers.map(async ({ jid, element }) => {
      const query = session.disco.queryInfo(jid, { ...session.query, node: target.node, requireFresh: true });
      const info = await session.asked(query, { ...target, jid });
      return { jid, software: softwareOf(element), hashes: checkHashes(info, element), ...flawsOf(info) };
    }),
  );
  await session.print(
    results.flatMap(({ jid, software, hashes, flaws }) => [
      `${colors.bold(safe(jid))}${software === undefined ? "" : `  ${safe(software)}`}`,
      ...columns(hashes.map(hashCells)).map((line) => `  ${line}`),
      ...Object.entries(flaws).map(([xep, flaw]) => colors.yellow(`  Not well-formed for ${xep}: ${flaw}`)),
      "",
    ]),
    results.map((result) => ({ node: target.node, ...result })),
  );
  const liar = results.find(({ hashes }) => hashes.some(({ verified }) => verified === false));
  if (liar === undefined) return;
  const advice = "Its software computes it wrongly, or something on the way changes it.";
  throw new Failure(EXIT.malformed, `${safe(liar.jid)} announces a hash that is not its own`, advice);
}

/** The hashes that are announced, checked; and those that are not, and could be. */
export function checkHashes(info: DiscoInfo, element: Element | undefined): CheckedHash[] {
  const announced: CheckedHash[] = [];
  const caps115 = element && xep0115.parse(element);
  if (caps115?.kind === "hashed") {
    announced.push(check("XEP-0115", xep0115, info, caps115.hash, caps115.ver));
  } else if (caps115?.kind === "legacy") {
    const problem = "of before version 1.4, which has no hash";
    announced.push({ xep: "XEP-0115", algorithm: "", value: caps115.ver, announced: true, problem });
  }
  for (const { algorithm, value } of (element && xep0390.parse(element)) ?? []) {
    announced.push(check("XEP-0390", xep0390, info, algorithm, value));
  }
  const own = OWN.filter(
    ({ xep, algorithm, caps }) =>
      caps.wellFormed(info) &&
      !announced.some((hash) => hash.xep === xep && hash.algorithm.toLowerCase() === algorithm),
  ).map(({ xep, algorithm, caps }) => ({
    xep,
    algorithm,
    value: caps.hash(info, algorithm),
    announced: false,
  }));
  return [...announced, ...own].sort((a, b) => (a.xep < b.xep ? -1 : a.xep > b.xep ? 1 : 0));
}

function check(
  xep: string,
  caps: CapsAlgorithm,
  info: DiscoInfo,
  algorithm: string,
  value: string,
): CheckedHash {
  const hash = { xep, algorithm, value, announced: true };
  if (caps.verify(info, value, algorithm)) return { ...hash, verified: true };
  const flaw = caps.flaw(info);
  if (flaw !== undefined) return { ...hash, problem: "the information is not well-formed" };
  try {
    return { ...hash, verified: false, problem: `should be ${caps.hash(info, algorithm)}` };
  } catch {
    return { ...hash, problem: "the hash function is not known here" };
  }
}

function hashCells({ xep, algorithm, value, announced, verified, problem }: CheckedHash): string[] {
  const verdict = !announced
    ? colors.dim("not announced")
    : verified
      ? colors.green("verified")
      : verified === false
        ? colors.red(`wrong: ${safe(problem ?? "")}`)
        : colors.yellow(`cannot be verified: ${safe(problem ?? "")}`);
  return [xep, safe(algorithm), safe(value), verdict];
}

/** The software's own address, by XEP-0115. */
function softwareOf(element: Element | undefined): string | undefined {
  const caps = element && xep0115.parse(element);
  return caps === undefined || caps.kind === "ignored" ? undefined : caps.node;
}

function flawsOf(info: DiscoInfo): { readonly flaws: Readonly<Record<string, string>> } {
  const flaws = { "XEP-0115": xep0115.flaw(info), "XEP-0390": xep0390.flaw(info) };
  return {
    flaws: Object.fromEntries(
      Object.entries(flaws).flatMap(([xep, flaw]) => (flaw === undefined ? [] : [[xep, flaw] as const])),
    ),
  };
}

/** The clients of an account that are on line as far as is seen, or the entity itself. */
async function findAnnouncers(session: Session, { jid, node }: Target): Promise<Announcer[]> {
  if (node === undefined && jid === session.xmpp.jid?.domain)
    return [{ jid, element: session.streamFeatures }];
  const seen = node === undefined && jid.includes("@") ? await awaitPresence(session, jid) : [];
  return seen.length > 0 ? seen : [{ jid, element: undefined }];
}

async function awaitPresence(session: Session, jid: string): Promise<Announcer[]> {
  const { xmpp, disco, query, signal } = session;
  const seen = new Map<string, Element>();
  let onSeen = () => {};
  const hasSeen = new Promise<void>((resolve) => {
    onSeen = resolve;
  });
  const listener = (presence: Element) => {
    if (!presence.is("presence")) return;
    const from = canonicalJid(presence.attrs["from"]);
    if (from === undefined || from === xmpp.jid?.toString() || (from !== jid && bareJid(from) !== jid))
      return;
    if (presence.attrs["type"] === undefined) seen.set(from, presence);
    else seen.delete(from);
    // Also that somebody is off line is an answer.
    onSeen();
  };
  xmpp.on("element", listener);
  const ask = () => disco.queryInfo(bareJid(jid), { ...query, requireFresh: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    await session.goOnline();
    // The account's server has told of its presence before it answers this, as a rule. Strangers are not answered.
    await ask();
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GRACE);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([hasSeen, grace]);
    // There may be other clients.
    if (seen.size > 0 && jid === bareJid(jid)) await ask();
  } catch {
    // Nothing is seen of strangers. What else is wrong is told by the query that follows.
  } finally {
    clearTimeout(timer);
    xmpp.removeListener("element", listener);
  }
  return [...seen]
    .map(([from, element]) => ({ jid: from, element }))
    .sort((a, b) => (a.jid < b.jid ? -1 : 1));
}
