// Time and memory to page through a list of items (XEP-0059): 1,000,000 in process, 50,000 over real servers.
//
//     npm run build && npx tsx bench/paging.ts [--rounds 5] [--items 1000000] [--wire 50000]
//
// Three nodes have the same items:
//   StaticNode   holds them all
//   generator    makes them one by one, whenever it is asked (iterItems): each page goes through all of them
//   pageItems    finds a page by itself: what an application does whose list is in a database
// Each is a process of its own. In process, DiscoServer.getItems is asked for page after page; over a server, a component
// has the node and a client goes through it with DiscoClient.iterItems.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { client } from "@xmpp/client";
import { component } from "@xmpp/component";
import {
  DiscoClient,
  DiscoNode,
  DiscoServer,
  type Item,
  type ItemPage,
  type PageStart,
  StaticNode,
  withServices,
} from "xmpp-disco";
import { Ejabberd } from "../test/support/ejabberd.ts";
import { Prosody } from "../test/support/prosody.ts";
import { installPrograms } from "../test/support/setup.mjs";

const DOMAIN = "list.localhost";
const NODE = "list";
const PAGE_SIZES = [100, 1_000];
/** A page of the generator takes so long that some are enough: the time of all is worked out from them. */
const GENERATOR_PAGES = 20;

const itemAt = (index: number): Item => ({ jid: `item-${index}@${DOMAIN}`, name: `Item ${index}` });

/** Makes its items when it is asked. */
class Generator extends DiscoNode {
  readonly count: number;

  constructor(count: number) {
    super();
    this.count = count;
    this.registerIdentity("hierarchy", "branch");
  }

  override *iterItems() {
    for (let index = 0; index < this.count; index++) yield itemAt(index);
  }
}

/** Knows where its items are. */
class Computed extends Generator {
  override pageItems({ max, after, index = 0 }: PageStart): ItemPage {
    const start = after === undefined ? index : Number(/\d+/.exec(after)?.[0]) + 1;
    const length = Math.max(0, Math.min(max, this.count - start));
    return {
      items: Array.from({ length }, (_, offset) => itemAt(start + offset)),
      index: start,
      count: this.count,
    };
  }
}

const NODES: Readonly<Record<string, (count: number) => DiscoNode>> = {
  StaticNode: (count) => {
    const node = new StaticNode();
    node.registerIdentity("hierarchy", "branch");
    node.setItems(Array.from({ length: count }, (_, index) => itemAt(index)));
    return node;
  },
  generator: (count) => new Generator(count),
  pageItems: (count) => new Computed(count),
};

/** What a child process is to do. */
interface Job {
  readonly kind: string;
  readonly items: number;
  readonly rounds: number;
  readonly pageSize: number;
}

/** What it found. Times are milliseconds, memory bytes. */
interface Found {
  /** For all pages, one time a round. */
  readonly times: readonly number[];
  /** Whether the times are worked out from some pages. */
  readonly isEstimate: boolean;
  readonly first: number;
  readonly pages: number;
  readonly setUp: number;
  /** What the list takes once it is there. */
  readonly held: number;
  /** What it takes after it was paged through. */
  readonly heldAfter: number;
  readonly peak: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      items: { type: "string", default: "1000000" },
      wire: { type: "string", default: "50000" },
    },
  });
  const rounds = Number(values.rounds);
  await inProcess(Number(values.items), rounds);
  await overServers(Number(values.wire), rounds);
}

async function inProcess(items: number, rounds: number): Promise<void> {
  console.log(`In process: ${thousands(items)} items, ${rounds} rounds`);
  const rows: string[][] = [];
  for (const kind of Object.keys(NODES)) {
    for (const pageSize of PAGE_SIZES) {
      const { times, isEstimate, first, pages, setUp, held, heldAfter, peak } = await measure({
        ...{ kind, items, rounds, pageSize },
      });
      rows.push([
        kind,
        String(pageSize),
        `${isEstimate ? "≈ " : ""}${seconds(median(times))}`,
        range(times.map(seconds)),
        `${((median(times) / pages) * 1_000).toFixed(0)}`,
        first.toFixed(1),
        setUp.toFixed(0),
        mega(held),
        mega(heldAfter),
        mega(peak),
      ]);
    }
  }
  printTable(
    [
      ...["node", "page", "whole list s", "min … max", "µs a page", "first page ms", "set-up ms"],
      ...["heap MB: set up", "paged", "peak RSS MB"],
    ],
    rows,
  );
}

/** Has a process of its own go through a list. */
async function measure(job: Job): Promise<Found> {
  const child = fork(fileURLToPath(import.meta.url), ["--job", JSON.stringify(job)]);
  const [[found]] = (await Promise.all([once(child, "message"), once(child, "exit")])) as [[Found], unknown];
  return found;
}

/** The process of one node and page size. */
async function work({ kind, items, rounds, pageSize }: Job): Promise<Found> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heap = () => {
    for (let pass = 0; pass < 3; pass++) collect();
    return process.memoryUsage().heapUsed;
  };
  // Never connected: nothing but the server is measured.
  const xmpp = withServices(component({ service: "xmpp://127.0.0.1:1", domain: DOMAIN, password: "" }));
  const server = xmpp.summon(DiscoServer);
  const empty = heap();
  const startedAt = performance.now();
  server.mountNode(NODE, makeNode(kind, items));
  const setUp = performance.now() - startedAt;
  const held = heap() - empty;
  const pages = Math.ceil(items / pageSize);
  const asked = kind === "generator" ? Math.min(pages, GENERATOR_PAGES) : pages;
  let first = 0;
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    let after: string | undefined;
    for (let page = 0; page < asked; page++) {
      const told = await server.getItems({ jid: DOMAIN, node: NODE, page: { max: pageSize, after } });
      after = told.items.at(-1)?.jid;
      if (round === 0 && page === 0) first = performance.now() - start;
    }
    if (after !== itemAt(Math.min(asked * pageSize, items) - 1).jid)
      throw new Error(`the last item is ${after}`);
    times.push(((performance.now() - start) * pages) / asked);
  }
  const heldAfter = heap() - empty;
  // Until here the node is in use, and so in memory.
  if (server.nodeAt(NODE) === undefined) throw new Error("the node is gone");
  const peak = process.resourceUsage().maxRSS * 1_024;
  return { times, isEstimate: asked < pages, first, pages, setUp, held, heldAfter, peak };
}

async function overServers(items: number, rounds: number): Promise<void> {
  installPrograms(["prosody", "ejabberdctl"]);
  console.log(`\nOver a server: ${thousands(items)} items, ${rounds} rounds`);
  const rows: string[][] = [];
  for (const [name, Server] of [
    ["Prosody", Prosody],
    ["ejabberd", Ejabberd],
  ] as const) {
    await using server = await Server.start({ components: { [DOMAIN]: "secret" } });
    for (const kind of ["StaticNode", "pageItems"]) {
      const service = server.componentService;
      const lists = withServices(component({ service, domain: DOMAIN, password: "secret" }));
      lists.summon(DiscoServer).mountNode(NODE, makeNode(kind, items));
      const romeo = withServices(
        client({
          service: server.service,
          domain: server.domain,
          username: "romeo",
          password: server.password,
        }),
      );
      await Promise.all([lists.start(), romeo.start()]);
      const disco = romeo.summon(DiscoClient);
      for (const pageSize of PAGE_SIZES) {
        const times: number[] = [];
        const { sent } = disco.stats;
        for (let round = 0; round < rounds; round++) {
          const start = performance.now();
          let read = 0;
          for await (const item of disco.iterItems(DOMAIN, { node: NODE, pageSize })) {
            if (item.jid !== itemAt(read).jid) throw new Error(`the item ${read} is ${item.jid}`);
            read += 1;
          }
          if (read !== items) throw new Error(`${read} of ${items} items were told`);
          times.push(performance.now() - start);
        }
        const requests = (disco.stats.sent - sent) / rounds;
        rows.push([
          ...[name, kind, String(pageSize), String(requests)],
          ...[seconds(median(times)), range(times.map(seconds))],
          ...[(median(times) / requests).toFixed(2), thousands(Math.round(items / (median(times) / 1_000)))],
        ]);
      }
      await Promise.allSettled([lists.stop(), romeo.stop()]);
    }
  }
  printTable(
    ["server", "node", "page", "requests", "whole list s", "min … max", "ms a page", "items/s"],
    rows,
  );
}

function makeNode(kind: string, items: number): DiscoNode {
  const make = NODES[kind];
  if (make === undefined) throw new Error(`there is no node ${kind}`);
  return make(items);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[sorted.length - 1 - middle], sorted[middle]];
  return (low + high) / 2;
}

function range(values: readonly string[]): string {
  const sorted = [...values].sort((a, b) => Number(a) - Number(b));
  return `${sorted[0]} … ${sorted.at(-1)}`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(2);
}

function mega(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function thousands(count: number): string {
  return count.toLocaleString("en");
}

/** Prints rows under their titles: words to the left, numbers to the right. */
function printTable(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isText = titles.map((_, column) => !/\d/.test(rows[0]?.[column] ?? ""));
  for (const row of [titles, ...rows]) {
    const cells = row.map((cell, column) =>
      isText[column] ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(cells.join("  "));
  }
}

const job = process.argv[process.argv.indexOf("--job") + 1];
if (process.argv.includes("--job") && job !== undefined) process.send?.(await work(JSON.parse(job) as Job));
else await main();
