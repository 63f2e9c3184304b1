// An application that keeps all of its service discovery data in an SQLite database, and survives being killed.
//
//     npx tsx examples/database/main.ts
//
// store.ts is the part to look at: node handlers for every action, which write what the application says to a
// database, and answer who asks from there, page by page. library.ts is the application. It is started twice as a
// process of its own: the first one fills the database, and is killed outright; the second says nothing and answers
// the same. In between and after, a client looks at it over a real server.
//
// It starts a Prosody of its own, which is installed where it is missing, ends by itself and leaves nothing behind.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { client } from "@xmpp/client";
import colors from "picocolors";
import { DiscoClient, IqError, withServices } from "xmpp-disco";
import { Prosody } from "../../test/support/prosody.ts";
import { installPrograms } from "../../test/support/setup.mjs";
import type { Told } from "./library.ts";

/** What the library says it can do: by this it is found. */
const LIBRARY = "urn:example:library";
const DOMAIN = "library.localhost";
const number = new Intl.NumberFormat("en");

async function main(): Promise<void> {
  installPrograms(["prosody"]);
  const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-database-"));
  const file = join(folder, "library.sqlite");
  await using prosody = await Prosody.start({ components: { [DOMAIN]: "secret" } });
  const { service, domain, password, componentService } = prosody;
  const xmpp = withServices(client({ service, domain, username: "romeo", password }));
  xmpp.on("error", (error: Error) => console.error(error.message));
  try {
    await xmpp.start();
    const disco = xmpp.summon(DiscoClient);

    heading("The application starts for the first time");
    await using first = await Application.start(componentService, file);
    done(`its database is empty, so it fills it: ${number.format(first.told.books)} books`);
    const before = await lookAround(disco);
    print(before);

    heading("The application is killed");
    await first.kill();
    line(DOMAIN, colors.yellow(await refusal(disco)));
    done(`its database is still there: ${number.format(Math.ceil((await sizeOf(folder)) / 1024))} KiB`);

    heading("The application starts again");
    await using second = await Application.start(componentService, file);
    const what = second.told.isNew
      ? "it fills its database again"
      : "it has nothing to say and fills nothing";
    done(`${what}: ${number.format(second.told.books)} books are there`);
    disco.flushCache();
    const after = await lookAround(disco);
    print(after);
    if (!isDeepStrictEqual(after, before)) throw new Error("it does not answer as before");
    done("every answer is the same as before");
  } finally {
    await xmpp.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a client sees of the library that it finds. */
interface Seen {
  readonly jid: string;
  readonly names: readonly (string | undefined)[];
  readonly open: string;
  readonly shelves: readonly Shelf[];
}

interface Shelf {
  readonly node: string;
  readonly name: string | undefined;
  readonly books: readonly string[];
}

async function lookAround(disco: DiscoClient): Promise<Seen> {
  const info = await disco.findService({ feature: LIBRARY });
  if (info?.jid === undefined) throw new Error("there is no library");
  const { jid } = info;
  const shelves: Shelf[] = [];
  for (const { node = "", name } of (await disco.queryItems(jid)).items) {
    const books: string[] = [];
    for await (const book of disco.iterItems(jid, { node, pageSize: 50 })) books.push(book.name ?? "");
    shelves.push({ node, name, books });
  }
  return {
    jid,
    names: [info.name("en"), info.name("it")],
    open: info.form(LIBRARY)?.get("open").join(", ") ?? "",
    shelves,
  };
}

function print({ jid, names, open, shelves }: Seen): void {
  line(jid, `${names.map((name) => `“${name}”`).join(", ")}, open ${open}`);
  for (const { node, books } of shelves) {
    line(`  ${node}`, `${number.format(books.length)} books, from “${books[0]}” to “${books.at(-1)}”`);
  }
}

/** What the server says of a component that is gone, once it has seen that. */
async function refusal(disco: DiscoClient): Promise<string> {
  for (;;) {
    try {
      await disco.queryInfo(DOMAIN, { requireFresh: true, timeout: 500 });
    } catch (error) {
      if (error instanceof IqError) return `${error.condition}: ${error.text}`;
    }
    await sleep(20);
  }
}

async function sizeOf(folder: string): Promise<number> {
  const files = await readdir(folder);
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The application as a process of its own. */
class Application implements AsyncDisposable {
  readonly #process: ReturnType<typeof fork>;
  readonly told: Told;

  private constructor(process: ReturnType<typeof fork>, told: Told) {
    this.#process = process;
    this.told = told;
  }

  static async start(service: string, file: string): Promise<Application> {
    const program = fileURLToPath(new URL("library.ts", import.meta.url));
    const process = fork(program, [service, DOMAIN, file]);
    const exit = once(process, "exit").then(() => {
      throw new Error("the application could not start");
    });
    const [told] = (await Promise.race([once(process, "message"), exit])) as [Told];
    exit.catch(() => {});
    return new Application(process, told);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

function heading(text: string): void {
  console.log(`\n${colors.bold(text)}`);
}

function line(what: string, text: string): void {
  console.log(`  ${colors.cyan(what.padEnd(18))} ${text}`);
}

function done(text: string): void {
  console.log(`  ${colors.green("✓")} ${text}`);
}

main().catch((error: unknown) => {
  console.error(colors.red(`The example failed: ${error instanceof Error ? error.message : error}`));
  process.exitCode = 1;
});
