import type { Element } from "@xmpp/xml";
import { type DiscoInfo, SessionLost, xep0115, xep0390 } from "../index.js";
import { canonicalJid } from "../xml/jid.js";
import { colors, errorColors } from "./colors.js";
import { reasonOf } from "./exit-codes.js";
import { write } from "./output.js";
import { changeLines, summary } from "./print.js";
import type { Session } from "./session.js";
import { safe, toJson } from "./text.js";

type Change = "new" | "changed" | "gone";

/** Who is on line. */
interface Present {
  /** What their presence announces, to tell whether it changes. */
  readonly announced: string;
  /** What was printed of them last. */
  told: { readonly info: DiscoInfo | undefined } | undefined;
}

/** Prints contacts and what they are as their presence comes, until the signal, or for so many seconds. */
export async function watch(session: Session, seconds?: number): Promise<void> {
  const { xmpp, disco, query, signal } = session;
  const present = new Map<string, Present>();

  const print = (change: Change, jid: string, info?: DiscoInfo, before?: DiscoInfo, error?: unknown) => {
    const text = session.options.json
      ? toJson(jsonOf(change, jid, info, before, error))
      : linesOf(change, jid, info, before, error).join("\n");
    void write(`${text}\n`);
  };

  const look = async (jid: string, entry: Present, before: Present["told"]) => {
    let info: DiscoInfo | undefined;
    let failure: unknown;
    try {
      // Who announces nothing is not asked: it may be a crowd.
      if (entry.announced !== NOTHING) info = await disco.queryInfo(jid, query);
    } catch (error) {
      failure = error;
    }
    // They have gone or changed meanwhile, or the session has ended.
    if (present.get(jid) !== entry || signal.aborted || failure instanceof SessionLost) return;
    entry.told = { info };
    print(before === undefined ? "new" : "changed", jid, info, before?.info, failure);
  };

  xmpp.on("element", (presence: Element) => {
    if (!presence.is("presence")) return;
    const { from, type } = presence.attrs as Record<string, string | undefined>;
    const jid = canonicalJid(from);
    if (jid === undefined || jid === xmpp.jid?.toString()) return;
    const before = present.get(jid);
    if (type === "unavailable") {
      present.delete(jid);
      if (before?.told !== undefined) print("gone", jid);
    } else if (type === undefined) {
      const announced = JSON.stringify([xep0115.parse(presence), xep0390.parse(presence)]);
      // A presence without hashes takes none back: a server may leave out what it sent before (XEP-0115 §8.4).
      if (before !== undefined && (announced === before.announced || announced === NOTHING)) return;
      const entry: Present = { announced, told: undefined };
      present.set(jid, entry);
      void look(jid, entry, before?.told);
    }
  });

  const over = new Promise<void>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    xmpp.once("disconnect", () => reject(new SessionLost("the connection was lost")));
    if (seconds !== undefined) setTimeout(resolve, seconds * 1_000);
  });
  over.catch(() => {});
  await session.goOnline();
  if (process.stderr.isTTY) {
    process.stderr.write(`${errorColors.dim(`Watching as ${safe(String(xmpp.jid))}; Ctrl-C ends it.`)}\n`);
  }
  await over;
}

const NOTHING = JSON.stringify([undefined, undefined]);

const CHANGES: Readonly<Record<Change, string>> = {
  new: colors.green("new    "),
  changed: colors.yellow("changed"),
  gone: colors.dim("gone   "),
};

function linesOf(
  change: Change,
  jid: string,
  info?: DiscoInfo,
  before?: DiscoInfo,
  error?: unknown,
): string[] {
  const time = new Date().toTimeString().slice(0, 8);
  const nothing = change === "gone" ? "" : colors.dim("does not say what it is");
  const text =
    error === undefined ? (info === undefined ? nothing : summary(info)) : colors.yellow(reasonOf(error));
  const line = `${colors.dim(time)}  ${CHANGES[change]}  ${colors.bold(safe(jid))}  ${text}`.trimEnd();
  const changes = info && before ? changeLines(before.features, info.features) : [];
  return [line, ...changes.map((change) => `${" ".repeat(19)}${change}`)];
}

function jsonOf(change: Change, jid: string, info?: DiscoInfo, before?: DiscoInfo, error?: unknown): object {
  return {
    time: new Date().toISOString(),
    change,
    jid,
    ...(info && before
      ? {
          added: info.features.filter((feature) => !before.features.includes(feature)),
          removed: before.features.filter((feature) => !info.features.includes(feature)),
        }
      : {}),
    ...info?.toJSON(),
    ...(error === undefined ? {} : { error: reasonOf(error) }),
  };
}
