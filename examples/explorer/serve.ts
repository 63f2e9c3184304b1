// Builds the explorer, serves it on loopback, and starts a server of its own to look around on.
import { parseArgs } from "node:util";
import { installPrograms } from "../../test/support/setup.mjs";
import { servePage } from "./page.ts";
import { startWorld, type World } from "./world.ts";

const USAGE = `Usage: npm run explorer
       npm run explorer -- --port 8080
       npm run explorer -- --service wss://example.org/xmpp-websocket --jid romeo@example.org

Without --service, it starts a Prosody of its own, with rooms, contacts and ten thousand books to look at.
With it, nothing is started but the page, which asks for the password.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      service: { type: "string" },
      jid: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const port = Number(values.port ?? 0);
  if (values.help || !Number.isInteger(port) || port < 0 || port > 65_535) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  let world: World | undefined;
  if (values.service === undefined) {
    installPrograms(["prosody"]);
    console.log("Starting a Prosody with something to look at …");
    world = await startWorld();
  }
  const page = await servePage(port).catch(async (error: unknown) => {
    await world?.stop();
    throw error;
  });
  const service = values.service ?? world?.prosody.webSocket ?? "";
  const jid = values.jid ?? (world === undefined ? "" : `romeo@${world.prosody.domain}`);
  const query = new URLSearchParams({ service, ...(jid === "" ? {} : { jid }) });
  if (world !== undefined) query.set("domain", world.prosody.anonymousDomain);
  console.log(`\nThe explorer:  ${page.url}?${query}`);
  if (world !== undefined) {
    console.log(`Password:      ${world.prosody.password} (of ${jid})`);
    console.log(`Anonymously:   at the domain ${world.prosody.anonymousDomain}`);
  }
  console.log("\nCtrl-C ends it.");
  const stop = async () => {
    await Promise.allSettled([page.stop(), world?.stop()]);
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // The server's own clean-up would end the process before the page is gone.
    process.removeAllListeners(signal);
    process.once(signal, () => void stop());
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`The explorer failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
