// The main job, whole: one client tells what it is, another finds out what there is around it, and pays once.
import { parseArgs } from "node:util";
import password from "@inquirer/password";
import { client } from "@xmpp/client";
import colors from "picocolors";
import { DataForm, DiscoClient, DiscoServer, StaticNode, withServices } from "xmpp-disco";
import { Prosody } from "../../test/support/prosody.ts";
import { installPrograms } from "../../test/support/setup.mjs";
import { installWebSocket } from "../../test/support/websocket.ts";
import { discover, type Found } from "./discover.ts";
import { printTree } from "./tree.ts";

const USAGE = `Usage: npm run demo
       npm run demo -- --service xmpps://example.org --domain example.org --username romeo

Without options, the demo starts a Prosody of its own. With --service it logs in to yours, twice;
the password is asked for, or taken from the environment variable XMPP_PASSWORD.`;

interface Login {
  readonly service: string;
  readonly domain: string;
  readonly usernames: readonly [string, string];
  readonly password: string;
}

/** What the demo's own server has beside its rooms. */
const MORE_SERVICES = `
Component "pubsub.localhost" "pubsub"
  name = "News"
`;

async function main(): Promise<void> {
  const options = parseArguments();
  const { service, domain, username } = options;
  if (service !== undefined && domain !== undefined && username !== undefined) {
    const secret =
      process.env.XMPP_PASSWORD ?? (await password({ message: `Password of ${username}@${domain}` }));
    return tour({ service, domain, usernames: [username, username], password: secret });
  }
  installPrograms(["prosody"]);
  await using prosody = await Prosody.start({ extra: MORE_SERVICES });
  await tour({
    service: prosody.service,
    domain: prosody.domain,
    usernames: ["romeo", "juliet"],
    password: prosody.password,
  });
}

function parseArguments() {
  const { values } = parseArgs({
    options: {
      service: { type: "string" },
      domain: { type: "string" },
      username: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const given = [values.service, values.domain, values.username].filter(
    (value) => value !== undefined,
  ).length;
  if (values.help || (given > 0 && given < 3)) {
    console.log(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  return values;
}

async function tour(login: Login): Promise<void> {
  const [romeoName, julietName] = login.usernames;
  const juliet = connect(login, julietName);
  const romeo = connect(login, romeoName);
  try {
    // Juliet's side: she says what her program is and can do, and mounts a node.
    const server = juliet.summon(DiscoServer);
    server.registerIdentity("client", "web", { en: "Juliet's balcony", de: "Julias Balkon" });
    server.unregisterIdentity("client", "bot");
    server.registerFeature("urn:xmpp:receipts");
    server.registerForm(
      new DataForm({
        formType: "urn:xmpp:dataforms:softwareinfo",
        fields: { software: "balcony", software_version: "1.0" },
      }),
    );
    const letters = new StaticNode();
    letters.registerIdentity("hierarchy", "branch", "Letters");
    server.mountNode("https://balcony.example/letters", letters, { listed: true, name: "Letters" });

    const [julietJid] = await Promise.all([juliet.start(), romeo.start()]);
    for (const number of ["I", "II"]) {
      const letter = new StaticNode();
      letter.registerIdentity("hierarchy", "leaf", `Letter ${number}`);
      server.mountNode(`letter-${number}`, letter);
      letters.addItem({ jid: julietJid, node: `letter-${number}` });
    }

    // Romeo's side: he looks around on his server and at Juliet's program, twice.
    const disco = romeo.summon(DiscoClient);
    const starts = [login.domain, julietJid.toString()];
    const first = await measured(disco, starts);
    const second = await measured(disco, starts);

    console.log();
    for (const found of first.found) printTree(found);
    console.log(`First look:  ${first.summary}`);
    console.log(`Second look: ${second.summary}`);
  } finally {
    await Promise.allSettled([juliet.stop(), romeo.stop()]);
  }
}

function connect({ service, domain, password: secret }: Login, username: string) {
  if (/^wss?:/.test(service)) installWebSocket();
  const xmpp = withServices(client({ service, domain, username, password: secret }));
  // A demo that cannot log in ends; it does not try for ever.
  xmpp.reconnect.stop();
  xmpp.on("error", () => {});
  return xmpp;
}

async function measured(disco: DiscoClient, starts: string[]): Promise<{ found: Found[]; summary: string }> {
  const before = disco.stats;
  const start = performance.now();
  const found = await Promise.all(starts.map((jid) => discover(disco, { jid })));
  const { hits, misses, aliased, sent } = disco.stats;
  const cached = hits - before.hits;
  const questions = cached + misses - before.misses + aliased - before.aliased;
  const summary =
    `${questions} questions, ${sent - before.sent} stanzas, ${cached} answered by the cache, ` +
    `${Math.round(performance.now() - start)} ms`;
  return { found, summary };
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${colors.red("The demo failed:")} ${message}\n`);
  process.exitCode = 1;
});
