import { Command, InvalidArgumentError, Option } from "commander";
import type { ServiceQuery } from "../index.js";
import { printCaps } from "./caps.js";
import { find, printAll, printInfo, printItems, printTree } from "./commands.js";
import { EXIT, EXIT_MEANINGS, Failure } from "./exit-codes.js";
import { type GlobalOptions, type Session, withSession } from "./session.js";
import { parseJid, parseTarget, type Request, type Target } from "./target.js";
import { watch } from "./watch.js";

/** The command `xmpp-disco`; `signal` ends whatever it does. */
export function createProgram(version: string, signal: AbortSignal): Command {
  const program = new Command("xmpp-disco")
    .description(
      "Looks around in XMPP: what servers, rooms, people and all else are, can do and have (XEP-0030).",
    )
    .version(version)
    .option("-j, --jid <account>", "who logs in, user@domain (or XMPP_JID); the password is asked for")
    .option("-a, --anonymous <domain>", "log in to this domain without an account")
    .option(
      "-s, --service <address>",
      "where the server is, if not where its domain says: host:port, wss://… (or XMPP_SERVICE)",
    )
    .addOption(
      new Option("-t, --timeout <seconds>", "how long to wait for an answer")
        .default(10)
        .argParser(toSeconds),
    )
    .option("--json", "print JSON, for programs")
    .option("--no-cache", "neither read nor keep what is known of the software of others")
    .showHelpAfterError("(xmpp-disco --help says more)")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .addHelpText("after", HELP);

  const run = (work: (session: Session) => Promise<void>) =>
    withSession(program.opts<GlobalOptions>(), signal, work);
  const about = <Options = object>(
    name: string,
    description: string,
    request: Request | undefined,
    work: (session: Session, target: Target, options: Options) => Promise<void>,
  ) =>
    program
      .command(name)
      .description(description)
      .argument("<jid>", "a JID, or an xmpp: URI")
      .argument("[node]", "a node of it")
      .action((jid: string, node: string | undefined, options: Options) => {
        const target = parseTarget(jid, { node, request });
        return run((session) => work(session, target, options));
      });

  about("info", "what an entity is and can do", "info", (session, target) =>
    printInfo(session, target, ["identities", "features", "forms"]),
  );
  about("items", "what an entity has", "items", printItems);
  about("identities", "what an entity is", "info", (session, target) =>
    printInfo(session, target, ["identities"]),
  );
  about("features", "what an entity can do", "info", (session, target) =>
    printInfo(session, target, ["features"]),
  );
  about("all", "what an entity is, can do and has", undefined, printAll);
  about<{ depth: number }>(
    "tree",
    "an entity, its items, their items and so on",
    undefined,
    (session, target, { depth }) => printTree(session, target, depth),
  ).addOption(new Option("-d, --depth <number>", "how far down").default(2).argParser(toCount));
  program
    .command("find")
    .description("the services of a domain that have a feature or an identity")
    .argument("[domain]", "a domain, or an xmpp: URI; your server's where it is left out")
    .option("-f, --feature <var>", "a feature, such as urn:xmpp:http:upload:0")
    .option("-c, --category <category>", "the category of an identity, such as conference")
    .option("--type <type>", "the type of an identity, such as text")
    .action((text: string | undefined, wanted: ServiceQuery) => {
      const domain = text === undefined ? undefined : parseJid(text);
      if (Object.keys(wanted).length === 0) {
        throw new Failure(
          EXIT.usage,
          "it is not clear what to find",
          "Give --feature, --category or --type. What there is at all: xmpp-disco tree <domain>",
        );
      }
      return run((session) => find(session, domain, wanted));
    });
  about(
    "caps",
    "the hashes of what an entity is and can do, and whether those that it announces are right (XEP-0115, XEP-0390)",
    "info",
    printCaps,
  ).addHelpText(
    "after",
    "\nA person's clients announce theirs in their presence, which only contacts see; for them you go on line.",
  );
  program
    .command("watch")
    .description("contacts and what they can do, as their presence comes")
    .addOption(new Option("--for <seconds>", "end after this time; else Ctrl-C ends it").argParser(toSeconds))
    .action(({ for: seconds }: { for?: number }) => run((session) => watch(session, seconds)));
  return program;
}

const CODES = Object.entries(EXIT)
  .map(([name, code]) => `  ${String(code).padStart(3)}  ${EXIT_MEANINGS[name as keyof typeof EXIT]}`)
  .join("\n");

const HELP = `
The password is asked for on the terminal, or taken from XMPP_PASSWORD.

Examples:
  xmpp-disco --jid romeo@example.org info example.org
  xmpp-disco --jid romeo@example.org find --feature urn:xmpp:http:upload:0
  xmpp-disco --jid romeo@example.org items 'xmpp:example.org?disco;node=announce'
  xmpp-disco --anonymous guests.example.org tree guests.example.org

Exit codes:
${CODES}`;

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new InvalidArgumentError(`It is a number of seconds above 0, and no more than ${MAX_SECONDS}.`);
  }
  return seconds;
}

// What setTimeout can wait.
const MAX_SECONDS = 1_000_000;

function toCount(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("It is a whole number from 0 to 999.");
  return Number(text);
}
