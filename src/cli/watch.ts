import xml from "@xmpp/xml";
import colors from "picocolors";
import { summary } from "./print.js";
import type { Session } from "./program.js";
import { safe } from "./text.js";

/** Prints contacts and what they are as their presence comes, until the signal, or for so many seconds. */
export async function watch(
  { xmpp, disco, caps, options, signal }: Session,
  seconds?: number,
): Promise<void> {
  const tell = (change: string, jid: string, text: string) => {
    const line = options.json
      ? JSON.stringify({ time: new Date().toISOString(), change, jid, text })
      : [colors.dim(new Date().toLocaleTimeString()), change, colors.bold(safe(jid)), text].join("  ");
    process.stdout.write(`${line.trimEnd()}\n`);
  };
  const known = new Set<string>();
  const look = async (jid: string) => {
    if (!caps.announces(jid)) {
      if (known.delete(jid)) tell("gone", jid, "");
      return;
    }
    const change = known.has(jid) ? "changed" : "new";
    known.add(jid);
    try {
      const info = await disco.queryInfo(jid, { signal, timeout: options.timeout * 1_000 });
      tell(change, jid, options.json ? (info.name() ?? "") : summary(info));
    } catch (error) {
      if (!signal.aborted) tell(change, jid, error instanceof Error ? error.message : String(error));
    }
  };
  caps.on("capsChanged", (jid) => void look(jid));
  await xmpp.send(xml("presence"));
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (seconds !== undefined) setTimeout(resolve, seconds * 1_000);
  });
}
