// How many disco#info requests a second a component with 10,000 JIDs answers, and what memory it takes: with a tree for
// each JID, with one handler for all of them, and with @xmpp/component by hand.
//
//     npm run build && npx tsx bench/component.ts [--rounds 7] [--requests 20000]
//
// Nothing is between: this script plays the server on a loopback socket (XEP-0114). Each contender is a process of its
// own; they take turns, round by round, so that what else the machine does strikes all alike.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { component } from "@xmpp/component";
import xml from "@xmpp/xml";
import { DiscoInfo, DiscoServer, NS_DISCO_INFO, withServices } from "xmpp-disco";

const DOMAIN = "comp.localhost";
const JIDS = 10_000;
const IN_FLIGHT = 50;
/** With disco#info itself, thirty. */
const FEATURES = Array.from(
  { length: 29 },
  (_, i) => `urn:example:bench:feature:${String(i).padStart(2, "0")}`,
);
const IDENTITY = { category: "client", type: "pc" } as const;

const jidOf = (index: number) => `j${index}@${DOMAIN}`;

type Component = ReturnType<typeof component>;

/** What answers: each sets up a component for all JIDs. */
const CONTENDERS: Readonly<Record<string, (xmpp: Component) => void>> = {
  "xmpp-disco, a tree for each JID": (xmpp) => {
    const server = withServices(xmpp).summon(DiscoServer);
    for (let index = 0; index < JIDS; index++) {
      const entity = server.entity(jidOf(index));
      entity.registerIdentity(IDENTITY.category, IDENTITY.type);
      for (const feature of FEATURES) entity.registerFeature(feature);
    }
  },
  "xmpp-disco, one handler": (xmpp) => {
    const server = withServices(xmpp).summon(DiscoServer);
    const features = [NS_DISCO_INFO, ...FEATURES];
    server.setNodeHandler("getInfo", () => new DiscoInfo({ identities: [IDENTITY], features }));
  },
  "xmpp-disco, one handler that keeps its answer": (xmpp) => {
    const server = withServices(xmpp).summon(DiscoServer);
    const info = new DiscoInfo({ identities: [IDENTITY], features: [NS_DISCO_INFO, ...FEATURES] });
    server.setNodeHandler("getInfo", () => info);
  },
  "@xmpp/component by hand": (xmpp) => {
    const features = [NS_DISCO_INFO, ...FEATURES];
    xmpp.iqCallee.get(NS_DISCO_INFO, "query", () =>
      xml(
        "query",
        { xmlns: NS_DISCO_INFO },
        xml("identity", IDENTITY),
        ...features.map((feature) => xml("feature", { var: feature })),
      ),
    );
  },
};

/** What a contender's process tells of itself. */
interface Usage {
  readonly rss: number;
  readonly heap: number;
  /** Microseconds of the processor since it started. */
  readonly cpu: number;
}

/** What a contender was told to do before: nothing, to set up, to answer. */
interface Measured {
  readonly rates: number[];
  readonly cpus: number[];
  empty: Usage;
  ready: Usage;
  end: Usage;
  /** Milliseconds. */
  setUp: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "7" }, requests: { type: "string", default: "20000" } },
  });
  const rounds = Number(values.rounds);
  const requests = Number(values.requests);
  console.log(
    `${JIDS} JIDs, 30 features each, ${IN_FLIGHT} requests in flight, ${rounds} rounds of ${requests} requests`,
  );
  const contenders: { name: string; link: Link; measured: Measured }[] = [];
  for (const name of Object.keys(CONTENDERS)) {
    const link = await Link.open(name);
    const empty = await link.usage();
    const setUp = await link.setUp();
    const ready = await link.usage();
    await link.check();
    await link.ask(requests / 4);
    contenders.push({ name, link, measured: { rates: [], cpus: [], empty, ready, end: ready, setUp } });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { link, measured } of contenders) {
      const before = await link.usage();
      const milliseconds = await link.ask(requests);
      const after = await link.usage();
      measured.rates.push(requests / (milliseconds / 1_000));
      measured.cpus.push((after.cpu - before.cpu) / requests);
      measured.end = after;
    }
  }
  for (const { link } of contenders) link.close();
  const mega = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  printTable(
    [
      "",
      "answers/s",
      "min … max",
      "CPU µs/answer",
      "set-up ms",
      "heap bytes/JID",
      "RSS MB: empty",
      "set up",
      "end",
    ],
    contenders.map(({ name, measured: { rates, cpus, empty, ready, end, setUp } }) => [
      name,
      Math.round(median(rates)).toLocaleString("en"),
      `${Math.round(Math.min(...rates)).toLocaleString("en")} … ${Math.round(Math.max(...rates)).toLocaleString("en")}`,
      median(cpus).toFixed(1),
      setUp.toFixed(0),
      Math.round((ready.heap - empty.heap) / JIDS).toLocaleString("en"),
      mega(empty.rss),
      mega(ready.rss),
      mega(end.rss),
    ]),
  );
}

/** The server's side of the stream of one contender. */
class Link {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  #text = "";
  #onText = () => {};
  #next = 0;

  private constructor(child: ChildProcess, socket: Socket) {
    this.#child = child;
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#text += text;
      this.#onText();
    });
  }

  static async open(name: string): Promise<Link> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const connection = once(server, "connection");
    const child = fork(fileURLToPath(import.meta.url), ["--contender"], {
      env: { ...process.env, CONTENDER: name, PORT: String((server.address() as AddressInfo).port) },
    });
    const [socket] = (await connection) as [Socket];
    server.close();
    const link = new Link(child, socket);
    await link.#until(/<stream:stream[^>]*>/);
    link.#send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' ` +
        `xmlns:stream='http://etherx.jabber.org/streams' from='${DOMAIN}' id='bench'>`,
    );
    await link.#until(/<\/handshake>/);
    const [online] = await Promise.all([once(child, "message"), link.#send("<handshake/>")]);
    if (online[0] !== "online") throw new Error(`the contender says ${online[0]}`);
    return link;
  }

  /** Sets the contender up; how long it took, in milliseconds. */
  setUp(): Promise<number> {
    return this.#command("set up");
  }

  usage(): Promise<Usage> {
    return this.#command("usage");
  }

  async #command<T>(command: string): Promise<T> {
    const answer = once(this.#child, "message");
    this.#child.send(command);
    const [message] = (await answer) as [T];
    return message;
  }

  /** Asks each JID once, and looks at what it answers. */
  async check(): Promise<void> {
    for (let index = 0; index < JIDS; index += 1_000) {
      this.#next = index;
      this.#send(this.#request());
      const answer = await this.#until(/<iq[\s\S]*?<\/iq>/);
      const features = answer.split("<feature ").length - 1;
      const isRight =
        features === 30 && answer.includes('type="pc"') && answer.includes(`from="${jidOf(index)}"`);
      if (!isRight) throw new Error(`a wrong answer: ${answer}`);
    }
    this.#next = 0;
  }

  /** Asks so many times, so many at once; how long it took, in milliseconds. */
  async ask(count: number): Promise<number> {
    const startedAt = performance.now();
    let asked = 0;
    let answered = 0;
    const askMore = (more: number) => {
      let batch = "";
      for (let n = Math.min(more, count - asked); n > 0; n--) {
        batch += this.#request();
        asked += 1;
      }
      if (batch !== "") this.#send(batch);
    };
    await new Promise<void>((resolve) => {
      this.#onText = () => {
        let arrived = 0;
        let end = 0;
        for (let at = this.#text.indexOf("</iq>"); at !== -1; at = this.#text.indexOf("</iq>", end)) {
          arrived += 1;
          end = at + 5;
        }
        this.#text = this.#text.slice(end);
        answered += arrived;
        if (answered === count) resolve();
        else askMore(arrived);
      };
      askMore(IN_FLIGHT);
    });
    this.#onText = () => {};
    return performance.now() - startedAt;
  }

  #request(): string {
    // Strides through all JIDs.
    this.#next = (this.#next + 7_919) % JIDS;
    const to = jidOf((this.#next + JIDS - 7_919) % JIDS);
    return `<iq type='get' id='q${this.#next}' from='u0@localhost/load' to='${to}'><query xmlns='${NS_DISCO_INFO}'/></iq>`;
  }

  #send(text: string): void {
    this.#socket.write(text);
  }

  async #until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match.index + match[0].length);
        return match[0];
      }
      await once(this.#socket, "data");
    }
  }

  close(): void {
    this.#child.kill();
    this.#socket.destroy();
  }
}

/** The process of a contender: it connects, and does what it is told. */
async function contend(name: string, port: string): Promise<void> {
  const setUp = CONTENDERS[name];
  if (setUp === undefined) throw new Error(`there is no contender ${name}`);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const xmpp = component({ service: `xmpp://127.0.0.1:${port}`, domain: DOMAIN, password: "secret" });
  xmpp.reconnect.stop();
  xmpp.on("error", (error: Error) => console.error(error));
  xmpp.on("disconnect", () => process.exit());
  await xmpp.start();
  process.on("message", (command) => {
    if (command === "set up") {
      const startedAt = performance.now();
      setUp(xmpp);
      process.send?.(performance.now() - startedAt);
      return;
    }
    for (let pass = 0; pass < 3; pass++) collect();
    const { rss, heapUsed: heap } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    process.send?.({ rss, heap, cpu: user + system } satisfies Usage);
  });
  process.send?.("online");
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[sorted.length - 1 - middle], sorted[middle]];
  return (low + high) / 2;
}

/** Prints rows under their titles: the first column to the left, numbers to the right. */
function printTable(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of [titles, ...rows]) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(cells.join("  "));
  }
}

if (process.argv.includes("--contender"))
  await contend(process.env["CONTENDER"] ?? "", process.env["PORT"] ?? "");
else await main();
