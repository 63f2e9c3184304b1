// A service of your own: a bot that lists its commands (XEP-0050) for whoever may execute them.
//
//     npx tsx examples/commands/main.ts
//
// commands.ts is the part to look at. Its class Commands extends Service, says what it can do with registerFeature and
// where to look with mountAsNode, and goes without a trace when it is dismissed. Here, two people look at the bot:
// Romeo, who may do what everybody may, and the Nurse, who may do more.
//
// It starts a Prosody of its own, which is installed where it is missing, ends by itself and leaves nothing behind.
import { client } from "@xmpp/client";
import xml from "@xmpp/xml";
import colors from "picocolors";
import { DiscoClient, DiscoServer, IqError, IqService, withServices } from "xmpp-disco";
import { Prosody } from "../../test/support/prosody.ts";
import { installPrograms } from "../../test/support/setup.mjs";
import { Commands, NS_COMMANDS } from "./commands.ts";

async function main(): Promise<void> {
  installPrograms(["prosody"]);
  await using prosody = await Prosody.start({ accounts: ["bot", "romeo", "nurse"] });
  const connect = (username: string) => {
    const { service, domain, password } = prosody;
    const xmpp = withServices(client({ service, domain, username, password, resource: "demo" }));
    xmpp.on("error", (error: Error) => console.error(error.message));
    return xmpp;
  };
  const [bot, romeo, nurse] = [connect("bot"), connect("romeo"), connect("nurse")];
  try {
    bot.summon(DiscoServer).setIdentityNames("client", "bot", { en: "Page", it: "Paggio" });
    const [jid] = await Promise.all([bot.start(), romeo.start(), nurse.start()]);
    const botJid = jid.toString();

    const startedAt = Date.now();
    const commands = bot.summon(Commands);
    commands.offer({
      node: "uptime",
      names: { en: "How long are you up?", it: "Da quanto sei in piedi?" },
      execute: () => `for ${((Date.now() - startedAt) / 1000).toFixed(1)} s`,
    });
    commands.offer({
      node: "whoami",
      names: { en: "Who am I?", it: "Chi sono?" },
      execute: (asker) => `you are ${asker}`,
    });
    commands.offer({
      node: "letter",
      names: { en: "Take a letter to Juliet", it: "Porta una lettera a Giulietta" },
      allows: (asker) => asker.startsWith("nurse@"),
      execute: () => "it is under her pillow",
    });

    for (const xmpp of [romeo, nurse]) {
      heading(`What ${xmpp.jid} sees of the bot`);
      await look(xmpp.summon(DiscoClient), botJid);
    }

    heading("They execute them");
    for (const [xmpp, node] of [
      [romeo, "uptime"],
      [romeo, "letter"],
      [nurse, "letter"],
    ] as const) {
      const answer = await execute(xmpp.summon(IqService), botJid, node);
      line(String(xmpp.jid).replace(/@.*/, ""), `${node}: ${answer}`);
    }

    heading("The service is dismissed");
    await bot.dismiss(Commands);
    const disco = romeo.summon(DiscoClient);
    disco.flushCache();
    line("feature", (await disco.supports(botJid, NS_COMMANDS)) ? "still there" : colors.yellow("gone"));
    line("list", await disco.queryItems(botJid, { node: NS_COMMANDS }).then(() => "still there", condition));
    line("command", await disco.queryInfo(botJid, { node: "uptime" }).then(() => "still there", condition));
  } finally {
    await Promise.allSettled([bot, romeo, nurse].map((xmpp) => xmpp.stop()));
  }
}

/** Finds out which commands there are, as a program would that knows nothing of them. */
async function look(disco: DiscoClient, jid: string): Promise<void> {
  if (!(await disco.supports(jid, NS_COMMANDS))) throw new Error(`${jid} has no commands`);
  const { items } = await disco.queryItems(jid, { node: NS_COMMANDS });
  for (const { node, name } of items) {
    const info = await disco.queryInfo(jid, { node });
    const [identity] = info.identities;
    const what = `${identity?.category}/${identity?.type}, “${info.name("it")}” in Italian`;
    line(node ?? "", `“${name}”  ${colors.dim(what)}`);
  }
  console.log(`  ${colors.green("✓")} ${items.length} commands`);
}

async function execute(iq: IqService, jid: string, node: string): Promise<string> {
  try {
    const command = await iq.set(xml("command", { xmlns: NS_COMMANDS, node, action: "execute" }), jid);
    return command?.getChildText("note") ?? "done";
  } catch (error) {
    return condition(error);
  }
}

function condition(error: unknown): string {
  if (error instanceof IqError) return colors.yellow(error.condition);
  throw error;
}

function heading(text: string): void {
  console.log(`\n${colors.bold(text)}`);
}

function line(what: string, text: string): void {
  console.log(`  ${colors.cyan(what.padEnd(8))} ${text}`);
}

main().catch((error: unknown) => {
  console.error(colors.red(`The example failed: ${error instanceof Error ? error.message : error}`));
  process.exitCode = 1;
});
