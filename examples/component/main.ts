// A component with 10,000 rooms, and a client that has never heard of it.
//
//     npx tsx examples/component/main.ts
//
// The component's side is rooms.ts: it says what the service is, gives the list of its rooms, and answers for each
// room in one function (a node handler). The client's side is below:
//
//   findServices  finds the service on the server, without knowing where it lives
//   iterItems     lists its rooms page by page, forwards and backwards, and stops when it has enough
//   queryInfo     asks some of the rooms what they are, once each
//
// It starts a Prosody of its own, which is installed where it is missing, ends by itself and leaves nothing behind.
import { client } from "@xmpp/client";
import colors from "picocolors";
import { DiscoClient, withServices } from "xmpp-disco";
import { Prosody } from "../../test/support/prosody.ts";
import { installPrograms } from "../../test/support/setup.mjs";
import { inventRooms, serveRooms } from "./rooms.ts";

const DOMAIN = "rooms.localhost";
const MUC = "http://jabber.org/protocol/muc";
const number = new Intl.NumberFormat("en");

async function main(): Promise<void> {
  installPrograms(["prosody"]);
  await using prosody = await Prosody.start({ components: { [DOMAIN]: "secret" } });

  const rooms = inventRooms(DOMAIN);
  const component = await serveRooms(
    { service: prosody.componentService, domain: DOMAIN, password: "secret" },
    rooms,
  );
  const { service, domain, password } = prosody;
  const xmpp = withServices(client({ service, domain, username: "romeo", password }));
  xmpp.on("error", (error: Error) => console.error(error.message));
  try {
    await xmpp.start();
    await lookAround(xmpp.summon(DiscoClient));
  } finally {
    await Promise.allSettled([xmpp.stop(), component.stop()]);
  }
}

async function lookAround(disco: DiscoClient): Promise<void> {
  heading("Who has rooms here?");
  const find = stopwatch(disco);
  const services = await disco.findServices({ feature: MUC });
  for (const info of services) line(info.jid ?? "", `“${info.name("en")}”`);
  find(`${services.length} services of the server have rooms`);

  heading(`Which rooms are there at ${DOMAIN}?`);
  const list = stopwatch(disco);
  const pages = disco.iterItems(DOMAIN, { pageSize: 50 });
  let listed = 0;
  for await (const page of pages.pages()) {
    listed += page.length;
    progress(listed, pages.count ?? listed);
  }
  list(`${number.format(listed)} rooms listed, 50 at a time`);

  heading("And the last three?");
  const last = stopwatch(disco);
  const tail = [];
  for await (const room of disco.iterItems(DOMAIN, { pageSize: 3, backwards: true })) {
    tail.push(room);
    if (tail.length === 3) break;
  }
  for (const { jid, name } of tail) line(jid, `“${name}”`);
  last("the list was read from its end, and no further");

  heading("What is it like there?");
  const look = stopwatch(disco);
  const infos = await Promise.all(tail.map(({ jid }) => disco.queryInfo(jid)));
  for (const info of infos) {
    const people = Number(info.form(`${MUC}#roominfo`)?.value("muc#roominfo_occupants"));
    line(
      info.jid ?? "",
      `${people} people, ${info.has("muc_open") ? "everybody may enter" : "members only"}`,
    );
  }
  look("each room was asked what it is");

  const again = stopwatch(disco);
  await Promise.all(tail.map(({ jid }) => disco.queryInfo(jid)));
  again("asked again, the cache answers");
}

function heading(text: string): void {
  console.log(`\n${colors.bold(text)}`);
}

function line(jid: string, text: string): void {
  console.log(`  ${colors.cyan(jid.padEnd(40))} ${text}`);
}

/** Says what was done, what it took and how many stanzas were sent for it. */
function stopwatch(disco: DiscoClient): (what: string) => void {
  const startedAt = performance.now();
  const { sent } = disco.stats;
  return (what) => {
    const requests = disco.stats.sent - sent;
    const time = `${Math.round(performance.now() - startedAt)} ms`;
    const cost = `${requests} ${requests === 1 ? "request" : "requests"}, ${time}`;
    console.log(`  ${colors.green("✓")} ${what} ${colors.dim(`(${cost})`)}`);
  };
}

/** A bar that grows, for who watches. */
function progress(done: number, total: number): void {
  if (!process.stdout.isTTY) return;
  const width = 40;
  const full = Math.round((width * done) / total);
  const bar = colors.cyan("█".repeat(full)) + colors.dim("░".repeat(width - full));
  process.stdout.write(
    `\r  ${bar} ${number.format(done)} of ${number.format(total)}${done === total ? "\n" : ""}`,
  );
}

main().catch((error: unknown) => {
  console.error(colors.red(`The example failed: ${error instanceof Error ? error.message : error}`));
  process.exitCode = 1;
});
