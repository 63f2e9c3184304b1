import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, client, xml } from "@xmpp/client";
import { DataForm, DiscoServer, EntityCapsService, type Services, withServices } from "xmpp-disco";
import { Prosody } from "../../test/support/prosody.ts";

/** A program for XMPP that people use. */
export interface Program {
  readonly name: string;
  readonly version: string;
  /** Of the category "client". */
  readonly type: string;
  readonly features: readonly string[];
}

/** Somebody at one of their devices. */
export class Person {
  readonly jid: string;
  /** How often they have announced what they use. */
  announcements = 1;
  #program: Program;
  readonly #install: (program: Program) => void;

  constructor(jid: string, program: Program, install: (program: Program) => void) {
    this.jid = jid;
    this.#program = program;
    this.#install = install;
  }

  /** The name and the version of what they use. */
  get program(): string {
    return `${this.#program.name} ${this.#program.version}`;
  }

  /** Has them use another version of their program from now on. */
  install(program: Program): void {
    this.#program = program;
    this.announcements++;
    this.#install(program);
  }
}

/** That somebody can be called. */
export const CALLS = "urn:xmpp:jingle:1";

const RECEIPTS = "urn:xmpp:receipts";
const TYPING = "http://jabber.org/protocol/chatstates";
const ROOMS = "http://jabber.org/protocol/muc";
const CORRECTION = "urn:xmpp:message-correct:0";
const AUDIO = [CALLS, "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:apps:rtp:audio"];
const VIDEO = [...AUDIO, "urn:xmpp:jingle:apps:rtp:video"];

/** What they use, and how many of a hundred do. */
const PROGRAMS: readonly (readonly [count: number, Program])[] = [
  [31, { name: "Balcony", version: "2.1", type: "web", features: [RECEIPTS, TYPING, ROOMS, ...VIDEO] }],
  [
    24,
    {
      name: "Orchard",
      version: "1.4",
      type: "pc",
      features: [RECEIPTS, TYPING, ROOMS, CORRECTION, ...AUDIO],
    },
  ],
  [16, { name: "Orchard", version: "1.3", type: "pc", features: [RECEIPTS, TYPING, ROOMS] }],
  [12, { name: "Nightingale", version: "7.0", type: "phone", features: [RECEIPTS, TYPING, ...VIDEO] }],
  [8, { name: "Lark", version: "0.9", type: "phone", features: [RECEIPTS] }],
  [6, { name: "Rapier", version: "3.2", type: "console", features: [ROOMS, CORRECTION] }],
  [3, { name: "Apothecary", version: "1.0", type: "tablet", features: [RECEIPTS] }],
];

/** What came out in the meantime. */
export const NEW_PROGRAM: Program = {
  name: "Balcony",
  version: "2.2",
  type: "web",
  features: [RECEIPTS, TYPING, ROOMS, CORRECTION, ...VIDEO],
};

const NAMES = [
  "benvolio",
  "mercutio",
  "tybalt",
  "paris",
  "nurse",
  "laurence",
  "rosaline",
  "balthasar",
  "peter",
  "abram",
];

/** How many log in at once. */
const AT_ONCE = 20;

/** A Prosody with a hundred people on line, ten accounts with ten devices each, who are contacts of all `guests`. */
export class Verona implements AsyncDisposable {
  readonly prosody: Prosody;
  readonly people: readonly Person[];
  readonly #clients: readonly Client[];

  private constructor(prosody: Prosody, people: readonly Person[], clients: readonly Client[]) {
    this.prosody = prosody;
    this.people = people;
    this.#clients = clients;
  }

  static async open(guests: readonly string[]): Promise<Verona> {
    const prosody = await withRosters(guests);
    const programs = PROGRAMS.flatMap(([count, program]) => Array<Program>(count).fill(program));
    const people: Person[] = [];
    const clients: Client[] = [];
    for (let from = 0; from < programs.length; from += AT_ONCE) {
      const some = programs.slice(from, from + AT_ONCE);
      await Promise.all(
        some.map(async (program, index) => {
          // The programs are spread over the accounts.
          const number = from + index;
          const username = NAMES[number % NAMES.length] ?? "";
          const xmpp = connect(prosody, username, `device-${Math.floor(number / NAMES.length) + 1}`);
          clients.push(xmpp);
          const install = use(xmpp, program);
          people.push(new Person((await xmpp.start()).toString(), program, install));
          await xmpp.send(xml("presence"));
        }),
      );
    }
    return new Verona(prosody, people, clients);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#clients.map((xmpp) => xmpp.stop()));
    await this.prosody.stop();
  }
}

/** What is needed to log in, and the same for everybody. */
export type Server = Pick<Prosody, "service" | "domain" | "password">;

/** A client that can log in. */
export function connect(server: Server, username: string, resource?: string): Client & Services {
  const { service, domain, password } = server;
  const xmpp = withServices(client({ service, domain, username, password, resource }));
  // For a busy machine.
  xmpp.timeout = 10_000;
  // An example that cannot log in ends; it does not try for ever.
  xmpp.reconnect.stop();
  xmpp.on("error", () => {});
  return xmpp;
}

/** Has a client be a program; returns how to make another one of it. */
function use(xmpp: Client & Services, first: Program): (program: Program) => void {
  const server = xmpp.summon(DiscoServer);
  server.registerIdentity("client", first.type, { en: first.name });
  server.unregisterIdentity("client", "bot");
  let used: Program | undefined;
  const install = (program: Program) =>
    server.batch(() => {
      for (const feature of used?.features ?? []) server.unregisterFeature(feature);
      for (const feature of program.features) server.registerFeature(feature);
      const { name: software, version: software_version } = program;
      const fields = { software, software_version };
      server.registerForm(new DataForm({ formType: "urn:xmpp:dataforms:softwareinfo", fields }));
      used = program;
    });
  install(first);
  xmpp.summon(EntityCapsService, { node: `https://${first.name.toLowerCase()}.example/` });
  return install;
}

/** A Prosody where everybody is on the roster of each guest, by its module for shared rosters. */
async function withRosters(guests: readonly string[]): Promise<Prosody> {
  const extra = 'modules_enabled = { "groups" }\n\tgroups_file = "groups"';
  const prosody = await Prosody.start({ accounts: [...guests, ...NAMES], extra });
  const groups = NAMES.map((name) => {
    const members = [name, ...guests].map((member) => `${member}@${prosody.domain}`);
    return [`[${name}]`, ...members].join("\n");
  });
  // It has a folder since it was started, and reads the file when it is started again.
  await writeFile(join(prosody.folder, "groups"), `${groups.join("\n")}\n`);
  await prosody.restart();
  return prosody;
}
