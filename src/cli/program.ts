import { Command, InvalidArgumentError, Option } from "commander";
import envPaths from "env-paths";
import colors from "picocolors";
import {
  DiscoClient,
  type DiscoInfo,
  EntityCapsCache,
  EntityCapsService,
  type Item,
  type ServiceQuery,
  xep0115,
  xep0390,
} from "../index.js";
import { EXIT, Failure, queryFailure } from "./exit-codes.js";
import { FileStore } from "./file-store.js";
import { type LoginOptions, prepareLogin } from "./login.js";
import { featureLines, formLines, identityLines, itemLines, section, summary } from "./print.js";
import { progressBar } from "./progress.js";
import { parseTarget, type Target } from "./target.js";
import { columns, safe } from "./text.js";
import { renderTree, type TreeNode } from "./tree.js";
import { watch } from "./watch.js";

/** The options that all commands take. */
interface GlobalOptions {
  readonly jid?: string;
  readonly anonymous?: string;
  readonly service?: string;
  /** In seconds. */
  readonly timeout: number;
  readonly json?: true;
  readonly cache: boolean;
}

/** What a command works with. */
export interface Session {
  readonly xmpp: Awaited<ReturnType<typeof prepareLogin>>["xmpp"];
  readonly disco: DiscoClient;
  readonly caps: EntityCapsService;
  readonly options: GlobalOptions;
  readonly signal: AbortSignal;
  print(lines: readonly string[], json: unknown): void;
}

/** The command `xmpp-disco`; `signal` ends whatever it does. */
export function createProgram(version: string, signal: AbortSignal): Command {
  const program = new Command("xmpp-disco")
    .description("Looks around in XMPP: what entities are, can do and have (XEP-0030).")
    .version(version)
    .option(
      "-j, --jid <account>",
      "who logs in, user@domain (or XMPP_JID); the password is asked for (or XMPP_PASSWORD)",
    )
    .option("-a, --anonymous <domain>", "log in to this domain without an account")
    .option("-s, --service <address>", "where the server is, such as wss://example.org/ws (or XMPP_SERVICE)")
    .addOption(
      new Option("-t, --timeout <seconds>", "how long to wait for an answer")
        .default(10)
        .argParser(toSeconds),
    )
    .option("--json", "print JSON, for programs")
    .option("--no-cache", "neither read nor keep what hashes of capabilities stand for")
    .showHelpAfterError("(xmpp-disco --help says more)")
    .exitOverride()
    .addHelpText("after", HELP);

  const about = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .argument("<jid>", "a JID, or an xmpp: URI")
      .argument("[node]", "a node of it");
  const run = (work: (session: Session) => Promise<void>) =>
    withSession(program.opts<GlobalOptions>(), signal, work);

  about("info", "what an entity is and can do").action((jid: string, node?: string) => {
    const target = parseTarget(jid, node);
    return run((session) => printInfo(session, target, ["identities", "features", "forms"]));
  });
  about("identities", "what an entity is").action((jid: string, node?: string) => {
    const target = parseTarget(jid, node);
    return run((session) => printInfo(session, target, ["identities"]));
  });
  about("features", "what an entity can do").action((jid: string, node?: string) => {
    const target = parseTarget(jid, node);
    return run((session) => printInfo(session, target, ["features"]));
  });
  about("items", "what an entity has").action((jid: string, node?: string) => {
    const target = parseTarget(jid, node);
    return run((session) => printItems(session, target));
  });
  about("all", "what an entity is, can do and has").action((jid: string, node?: string) => {
    const target = parseTarget(jid, node);
    return run((session) => printAll(session, target));
  });
  about("tree", "an entity, its items, their items and so on")
    .addOption(new Option("-d, --depth <number>", "how far down").default(2).argParser(toCount))
    .action((jid: string, node: string | undefined, { depth }: { depth: number }) => {
      const target = parseTarget(jid, node);
      return run((session) => printTree(session, target, depth));
    });
  program
    .command("find")
    .description("the services of a domain that have a feature or identity")
    .argument("[domain]", "the server's own where it is left out")
    .option("-f, --feature <var>", "the feature")
    .option("-c, --category <category>", "the category of an identity")
    .option("--type <type>", "the type of an identity")
    .action((domain: string | undefined, query: ServiceQuery) => {
      const target = domain === undefined ? undefined : parseTarget(domain);
      return run((session) => find(session, target, query));
    });
  about("caps", "the hashes of what an entity is and can do (XEP-0115, XEP-0390)").action(
    (jid: string, node?: string) => {
      const target = parseTarget(jid, node);
      return run((session) => printCaps(session, target));
    },
  );
  program
    .command("watch")
    .description("contacts and what they can do, as their presence comes; Ctrl-C ends it")
    .addOption(new Option("--for <seconds>", "end by itself after this time").argParser(toSeconds))
    .action(({ for: seconds }: { for?: number }) => run((session) => watch(session, seconds)));
  return program;
}

const HELP = `
Examples:
  xmpp-disco --jid romeo@example.org info example.org
  xmpp-disco --anonymous anon.example.org tree anon.example.org
  xmpp-disco --jid romeo@example.org find --feature urn:xmpp:http:upload:0
  xmpp-disco --jid romeo@example.org items 'xmpp:example.org?disco;node=announce;type=get'

Exit codes: ${Object.entries(EXIT)
  .map(([name, code]) => `${code} ${name}`)
  .join(", ")}.`;

async function withSession(
  options: GlobalOptions,
  signal: AbortSignal,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const login: LoginOptions = { ...options, timeout: options.timeout * 1_000 };
  const { xmpp, start, stop } = await prepareLogin(login);
  const store = options.cache ? new FileStore(envPaths("xmpp-disco", { suffix: "" }).cache) : undefined;
  const caps = xmpp.summon(EntityCapsService, { cache: new EntityCapsCache({ store }) });
  const disco = xmpp.summon(DiscoClient);
  const print = (lines: readonly string[], json: unknown) => {
    process.stdout.write(
      `${options.json ? JSON.stringify(json, undefined, 2) : lines.join("\n").trimEnd()}\n`,
    );
  };
  await interruptible(start(), signal);
  try {
    await work({ xmpp, disco, caps, options, signal, print });
  } finally {
    await stop();
  }
}

/** Waits for something that knows no signals. */
function interruptible(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

function query({ options, signal }: Session, { node }: Target) {
  return { node, signal, timeout: options.timeout * 1_000 };
}

function label({ jid, node }: Target): string {
  return safe(node === undefined ? jid : `${jid}, node ${node},`);
}

/** Rejects with what a person is told. */
async function asked<T>(answer: Promise<T>, target: Target): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw queryFailure(error, label(target));
  }
}

type Part = "identities" | "features" | "forms";

async function printInfo(session: Session, target: Target, parts: readonly Part[]): Promise<void> {
  const info = await asked(session.disco.queryInfo(target.jid, query(session, target)), target);
  const json = info.toJSON();
  const chosen = Object.fromEntries(parts.map((part) => [part, json[part]]));
  session.print(infoSections(info, parts), { jid: target.jid, node: target.node, ...chosen });
}

function infoSections(info: DiscoInfo, parts: readonly Part[]): string[] {
  return [
    ...(parts.includes("identities") ? section("Identities", identityLines(info)) : []),
    ...(parts.includes("features")
      ? section(`Features (${info.features.length})`, featureLines(info.features))
      : []),
    ...(parts.includes("forms") ? section("Forms", formLines(info.forms)) : []),
  ];
}

async function allItems(session: Session, target: Target): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of session.disco.iterItems(target.jid, query(session, target))) items.push(item);
  return items;
}

async function printItems(session: Session, target: Target): Promise<void> {
  const items = await asked(allItems(session, target), target);
  const lines = items.length === 0 ? [colors.dim("no items")] : itemLines(items);
  session.print(section(`Items (${items.length})`, lines), { ...target, items });
}

async function printAll(session: Session, target: Target): Promise<void> {
  const [info, items] = await asked(
    Promise.all([session.disco.queryInfo(target.jid, query(session, target)), allItems(session, target)]),
    target,
  );
  session.print(
    [
      ...infoSections(info, ["identities", "features", "forms"]),
      ...section(`Items (${items.length})`, itemLines(items)),
    ],
    { ...target, ...info.toJSON(), items },
  );
}

async function printTree(session: Session, target: Target, depth: number): Promise<void> {
  const bar = progressBar();
  const nodes: TreeNode[] = [];
  try {
    const walk = session.disco.walk(target.jid, { ...query(session, target), depth, onProgress: bar.update });
    for await (const { jid, node, info, items, error } of walk) {
      const text =
        error === undefined ? summary(info) : colors.yellow(queryFailure(error, safe(jid)).message);
      nodes.push({ jid, node, text, items: items ?? [], info: info?.toJSON(), error: error?.message });
    }
  } finally {
    bar.stop();
  }
  const [root] = nodes;
  if (nodes.length === 1 && root?.error !== undefined)
    await asked(session.disco.queryInfo(target.jid, query(session, target)), target);
  session.print(
    renderTree(nodes),
    nodes.map(({ text: _, ...json }) => json),
  );
}

async function find(session: Session, target: Target | undefined, wanted: ServiceQuery): Promise<void> {
  const failed: { readonly jid: string; readonly error: string }[] = [];
  const { feature, category, type } = wanted;
  const services = await asked(
    session.disco.findServices(
      { feature, category, type },
      {
        domain: target?.jid,
        signal: session.signal,
        timeout: session.options.timeout * 1_000,
        onError: (jid, error) => failed.push({ jid, error: queryFailure(error, safe(jid)).message }),
      },
    ),
    target ?? { jid: "the server", node: undefined },
  );
  for (const { error } of failed) process.stderr.write(`${colors.yellow("skipped:")} ${error}\n`);
  const found = services.map((info) => ({ jid: info.jid ?? "", ...info.toJSON() }));
  session.print(columns(services.map((info) => [colors.bold(safe(info.jid ?? "")), summary(info)])), {
    services: found,
    failed,
  });
  if (found.length === 0)
    throw new Failure(EXIT.refused, "no service fits", "xmpp-disco tree shows what there is.");
}

async function printCaps(session: Session, target: Target): Promise<void> {
  const info = await asked(session.disco.queryInfo(target.jid, query(session, target)), target);
  const flaws = { "XEP-0115": xep0115.flaw(info), "XEP-0390": xep0390.flaw(info) };
  const hashes = [
    ["XEP-0115", "sha-1", xep0115.hash(info)],
    ...(flaws["XEP-0390"] === undefined
      ? ["sha-256", "sha3-256"].map((name) => ["XEP-0390", name, xep0390.hash(info, name)])
      : []),
  ];
  const warnings = Object.entries(flaws).flatMap(([xep, flaw]) =>
    flaw === undefined ? [] : [colors.yellow(`not to be shared by ${xep}: ${flaw}`)],
  );
  const json = hashes.map(([xep, algorithm, value]) => ({ xep, algorithm, value }));
  session.print([...columns(hashes), ...warnings], { ...target, hashes: json, flaws });
}

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !Number.isFinite(seconds) || seconds <= 0) {
    throw new InvalidArgumentError("It is a number of seconds above 0.");
  }
  return seconds;
}

function toCount(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("It is a whole number from 0 on.");
  return Number(text);
}
