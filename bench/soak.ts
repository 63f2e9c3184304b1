// A long run at full load: does anything grow?
//
//     npm run soak                                        thirty minutes; writes docs/soak.md, its picture and figures
//     npm run soak -- --minutes 2 --out /tmp/soak         shorter, elsewhere
//
// --seed <n> has the load choose otherwise, --from <soak.jsonl> tells again of a run that was. All of it stays on the
// loopback address.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Load } from "./soak/load.ts";
import { drawSoak, page, type Sample, type Soak, summary, verdicts, wrongOf } from "./soak/report.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
    from: { type: "string" },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new RangeError(`--minutes is a number above 0, not ${values.minutes}`);
const seed = Number(values.seed);
if (!Number.isInteger(seed)) throw new RangeError(`--seed is a whole number, not ${values.seed}`);
const out =
  values.out === undefined ? new URL("../docs/", import.meta.url) : new URL(`${pathToFileURL(values.out)}/`);
const RESOLUTION = 10;
const PAUSE = Math.min(10_000, (minutes * 60_000) / 30);

/** How many of each kind there are. */
function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  for (let pass = 0; pass < 3; pass += 1) globalThis.gc();
}

/** Looks at everything there is to look at. */
function take(load: Load, delays: IntervalHistogram, startedAt: number): Sample {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  const { client, disco, caps, counts } = load;
  const resources = tally(process.getActiveResourcesInfo());
  const { user, system } = process.cpuUsage();
  // What is measured is when a timer fires that is due every so many milliseconds.
  const milliseconds = (nanoseconds: number) =>
    Math.max(0, Math.round(nanoseconds / 1e4 - RESOLUTION * 100) / 100);
  const { hits, misses, aliased, sent, late, evicted } = disco.stats;
  const sample: Sample = {
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    heap: heapUsed + external,
    rss,
    cpu: (user + system) / 1e6,
    sockets: (resources["TCPSocketWrap"] ?? 0) + (resources["TCPServerWrap"] ?? 0),
    timers: resources["Timeout"] ?? 0,
    resources: sum(resources),
    listeners: client.eventNames().reduce((all, name) => all + client.listenerCount(name), 0),
    delay: {
      mean: milliseconds(delays.mean),
      p50: milliseconds(delays.percentile(50)),
      p99: milliseconds(delays.percentile(99)),
      max: milliseconds(delays.max),
    },
    caps: caps.size,
    stats: { hits, misses, aliased, sent, late, evicted },
    asked: sum(counts.asked),
    presences: counts.presences,
    told: counts.told,
  };
  // What the collection itself has cost is not the load's.
  delays.reset();
  return sample;
}

/** Makes a run. */
async function run(): Promise<Soak> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  const before = tally(process.getActiveResourcesInfo());
  const load = await Load.start(seed);
  const startedAt = performance.now();
  const samples: Sample[] = [];

  delays.enable();
  load.run();
  while (performance.now() - startedAt < minutes * 60_000) {
    await sleep(PAUSE);
    const sample = take(load, delays, startedAt);
    samples.push(sample);
    console.log(summary(sample));
  }
  delays.disable();
  await load.end();
  const { counts } = load;
  await load[Symbol.asyncDispose]();
  // What xmpp.js waits for when a negotiation is cut has an end after half a minute.
  await sleep(Math.min(31_000, minutes * 10_000));
  collectGarbage();
  return {
    minutes,
    seed,
    samples,
    counts,
    before,
    after: tally(process.getActiveResourcesInfo()),
    socketsLost: load.socketsLost,
  };
}

/** What was written of a run. */
async function read(file: string): Promise<Soak> {
  const [first = "", ...samples] = (await readFile(file, "utf8")).trimEnd().split("\n");
  return { ...JSON.parse(first), samples: samples.map((line) => JSON.parse(line)) } as Soak;
}

/** A line of JSON for the run, then one for each sample. */
function figures({ samples, ...rest }: Soak): string {
  return [rest, ...samples].map((line) => `${JSON.stringify(line)}\n`).join("");
}

const soak = values.from === undefined ? await run() : await read(values.from);
await mkdir(new URL("pictures/", out), { recursive: true });
await writeFile(new URL("soak.jsonl", out), figures(soak));
await writeFile(new URL("pictures/soak.svg", out), drawSoak(soak));
await writeFile(new URL("soak.md", out), page(soak));
for (const { what, said, isFlat } of verdicts(soak))
  console.log(`${isFlat ? "flat" : "NOT FLAT"}: ${what}, ${said}`);
console.log(
  `wrong answers: ${JSON.stringify(soak.counts.wrong)}; resources before ${JSON.stringify(soak.before)}, after ${JSON.stringify(soak.after)}`,
);
// Sockets that Node.js has lost would keep it alive.
process.exit(wrongOf(soak.counts) > 0 || verdicts(soak).some(({ isFlat }) => !isFlat) ? 1 : 0);
