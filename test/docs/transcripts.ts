import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, xml } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import { DataForm, DiscoServer, EntityCapsService, StaticNode, withServices } from "../../src/index.ts";
import { Prosody } from "../support/prosody.ts";
import { connect, connectComponent, type Ready } from "../support/ready.ts";
import { type Finished, type Running, run } from "../support/terminal.ts";

const COMMAND = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const DOMAIN = "example.org";

/** A command of a page, and what the page says that it prints. */
export interface Transcript {
  /** The line of the page that it stands in, from 1 on. */
  readonly line: number;
  /** As it is typed behind `npx xmpp-disco`. */
  readonly command: string;
  readonly output: string;
}

/** The commands in the blocks that are marked `console`, each with the lines below it. */
export function readTranscripts(markdown: string): Transcript[] {
  const found: { line: number; command: string; output: string }[] = [];
  let isInside = false;
  for (const [at, line] of markdown.split("\n").entries()) {
    if (line.startsWith("```")) isInside = line === "```console";
    else if (isInside && line.startsWith("$ npx xmpp-disco ")) {
      found.push({ line: at + 1, command: line.slice("$ npx xmpp-disco ".length), output: "" });
    } else if (isInside) {
      const last = found.at(-1);
      if (last === undefined) throw new Error(`line ${at + 1}: no command is above it`);
      last.output += `${line}\n`;
    }
  }
  // Between two commands of a block there may be an empty line.
  return found.map((transcript) => ({ ...transcript, output: `${transcript.output.trimEnd()}\n` }));
}

/** The words of a command line, where quotes keep what is in them together. */
function toWords(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

/** What the commands of the guide look at: a server with rooms and a store for files, and a contact of romeo's. */
export class Town implements AsyncDisposable {
  readonly #folder: string;
  readonly #prosody: Prosody;
  readonly #upload: Ready<Component>;
  readonly #juliet: Ready<Client>;

  private constructor(folder: string, prosody: Prosody, upload: Ready<Component>, juliet: Ready<Client>) {
    this.#folder = folder;
    this.#prosody = prosody;
    this.#upload = upload;
    this.#juliet = juliet;
  }

  static async open(): Promise<Town> {
    const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-town-"));
    const prosody = await Prosody.start({
      components: { [`upload.${DOMAIN}`]: "secret" },
      extra: `VirtualHost "${DOMAIN}"\nComponent "rooms.${DOMAIN}" "muc"\n\tname = "Rooms"\n`,
    });
    // Prosody reads an account when somebody logs in.
    const accounts = join(prosody.folder, "data", DOMAIN.replace(".", "%2e"), "accounts");
    await mkdir(accounts, { recursive: true });
    for (const name of ["romeo", "juliet"]) {
      await writeFile(join(accounts, `${name}.dat`), `return { ["password"] = "${prosody.password}" };\n`);
    }
    const [upload, juliet] = await Promise.all([
      serveFiles(prosody.componentService),
      befriend(prosody.service),
    ]);
    return new Town(folder, prosody, upload, juliet);
  }

  /** Starts the command as romeo, in whose environment account and password are. */
  start(command: string): Running {
    return run(process.execPath, [COMMAND, ...toWords(command)], {
      env: {
        XMPP_JID: `romeo@${DOMAIN}`,
        XMPP_PASSWORD: this.#prosody.password,
        XMPP_SERVICE: this.#prosody.service,
        XDG_CACHE_HOME: this.#folder,
        NODE_OPTIONS: undefined,
        FORCE_COLOR: undefined,
      },
    });
  }

  /** Watches until the contact has come, changed and gone, and interrupts. */
  async watch(command: string): Promise<Finished> {
    const watching = this.start(command);
    await watching.shows("juliet");
    withServices(this.#juliet.xmpp).summon(DiscoServer).registerFeature("urn:xmpp:receipts");
    await watching.shows("urn:xmpp:receipts");
    await this.#juliet.stop();
    await watching.shows("gone");
    watching.child.kill("SIGINT");
    return watching.finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#upload.stop(), this.#juliet.stop()]);
    await this.#prosody.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function serveFiles(service: string): Promise<Ready<Component>> {
  const prepare = (xmpp: Component) => {
    const server = withServices(xmpp).summon(DiscoServer);
    server.registerIdentity("store", "file", "Files");
    server.unregisterIdentity("component", "generic");
    server.registerFeature("urn:xmpp:http:upload:0");
    server.registerForm(
      new DataForm({ formType: "urn:xmpp:http:upload:0", fields: { "max-file-size": "10485760" } }),
    );
    const rules = new StaticNode();
    rules.registerIdentity("hierarchy", "leaf", "House rules");
    server.mountNode("rules", rules, { listed: true, name: "House rules" });
  };
  return connectComponent({ service, domain: `upload.${DOMAIN}`, prepare });
}

/** Makes juliet a contact of romeo, and leaves her on line. */
async function befriend(service: string): Promise<Ready<Client>> {
  const login = { service, domain: DOMAIN };
  const prepare = (xmpp: Client) => {
    const services = withServices(xmpp);
    services.summon(EntityCapsService, { node: "https://balcony.example/", rebroadcastDelay: 0 });
    const server = services.summon(DiscoServer);
    server.registerIdentity("client", "web", "Balcony");
    server.unregisterIdentity("client", "bot");
    server.registerFeature("urn:xmpp:jingle:1");
  };
  const juliet = await connect({ ...login, username: "juliet", resource: "balcony", prepare });
  juliet.xmpp.on("stanza", (stanza) => {
    if (!stanza.is("presence") || stanza.attrs["type"] !== "subscribe") return;
    void juliet.xmpp.send(xml("presence", { to: `romeo@${DOMAIN}`, type: "subscribed" }));
  });
  await using romeo = await connect({ ...login, username: "romeo" });
  await juliet.xmpp.send(xml("presence"));
  await romeo.xmpp.iqCaller.get(xml("query", "jabber:iq:roster"));
  const accepted = new Promise<void>((resolve) => {
    romeo.xmpp.on("stanza", (stanza) => {
      const item = stanza.getChild("query", "jabber:iq:roster")?.getChild("item");
      if (item?.attrs["subscription"] === "to") resolve();
    });
  });
  await romeo.xmpp.send(xml("presence", { to: `juliet@${DOMAIN}`, type: "subscribe" }));
  await accepted;
  return juliet;
}
