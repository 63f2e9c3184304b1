// A fuzzer over everything that peers, stores and people send: docs/fuzzing.md.
//
//     npm run fuzz -- --target info --runs 1000000     one target, or several with commas between them
//     npm run fuzz -- --runs 10000000                  all targets, each by its share
//
// --seed <number> has the same inputs again; --log <seconds> says how often it is told how far it has come; --keep
// writes what reached something new to test/fuzz/corpus, or to the folder of --corpus, reduced to what is needed;
// --replay <file> runs one input; --time takes the time by the byte for inputs of growing size.
import { readFileSync } from "node:fs";
import { inspect, parseArgs } from "node:util";
import { CORPUS, decode, encode, loadCorpus, saveCorpus } from "./corpus.ts";
import { Coverage, Profile } from "./coverage.ts";
import { type Finding, Fuzzer } from "./fuzzer.ts";
import { Strays } from "./strays.ts";
import { BrokenLaw, type Target } from "./target.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "all" },
    runs: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    log: { type: "string", default: "60" },
    corpus: { type: "string", default: CORPUS },
    keep: { type: "boolean", default: false },
    replay: { type: "string" },
    time: { type: "boolean", default: false },
  },
});
const [runs, seed, every] = [values.runs, values.seed, values.log].map((text) => {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new RangeError(`--runs, --seed and --log are whole numbers, not ${text}`);
}) as [number, number, number];
if (values.time) {
  const { timeTable } = await import("./timing.ts");
  process.exit((await timeTable(print)) ? 0 : 1);
}

const profile = new Profile(new URL("../../src/", import.meta.url).href);
const { TARGETS } = await profile.importing(() => import("./targets.ts"));
const targets = values.target === "all" ? TARGETS : values.target.split(",").map(findTarget);

function findTarget(name: string): Target {
  const found = TARGETS.find((target) => target.name === name);
  if (found !== undefined) return found;
  throw new RangeError(
    `there is no target ${name}; there are ${TARGETS.map((target) => target.name).join(", ")}`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** So many slices are run of each target in turn, so that all are under way early. */
const SLICES = 20;

const strays = new Strays();
const fuzzers = targets.map((target) => new Fuzzer(target, seed, strays, profile));
const shares = targets.reduce((sum, { share }) => sum + share, 0);
const told = new Set<Finding>();
const startedAt = performance.now();

try {
  process.exit(await (values.replay === undefined ? fuzz() : replay(values.replay)));
} catch (error) {
  // Nobody else tells it: strays are caught.
  print(error instanceof BrokenLaw ? `BROKEN ${error.message}\n${error.details}` : inspect(error));
  process.exit(2);
}

async function replay(file: string): Promise<number> {
  const input = decode(readFileSync(file, "utf8"));
  for (const target of targets) {
    await target.start?.();
    print(`${target.name}: ${await target.run(input)}`);
    await target.stop?.();
  }
  return 0;
}

/** Returns the process' exit code: 1 where there are findings. */
async function fuzz(): Promise<number> {
  print(`seed ${seed}, ${runs} runs, targets: ${targets.map(({ name }) => name).join(", ")}`);
  for (const fuzzer of fuzzers) {
    await fuzzer.target.start?.();
    await fuzzer.replay([...loadCorpus(fuzzer.target.name, values.corpus), ...fuzzer.target.seeds]);
  }
  let toldAt = startedAt;
  for (let slice = 1; slice <= SLICES; slice++) {
    // What the corpus found comes first.
    if (slice === 1) tellFindings();
    for (const fuzzer of fuzzers) {
      const due = Math.ceil((((runs * fuzzer.target.share) / shares) * slice) / SLICES);
      await fuzzer.run(Math.max(0, due - fuzzer.runs));
      tellFindings();
      if (performance.now() - toldAt < every * 1_000) continue;
      toldAt = performance.now();
      print(statusOf());
    }
  }
  for (const { target } of fuzzers) await target.stop?.();

  print("");
  print("| target | inputs | a second | sources reached | outcomes | kept | slowest | findings |");
  print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const { target, runs: done, time, coverage, outcomes, corpus, slowest, findings } of fuzzers) {
    const rate = Math.round(done / (time / 1_000));
    print(
      `| ${target.name} | ${done} | ${rate} | ${kilobytes(coverage)} | ${outcomes.size} | ${corpus.length} | ` +
        `${slowest === 0 ? "" : `${slowest.toFixed(1)} ms`} | ${findings.length} |`,
    );
  }
  print(statusOf());
  print("\nOf each module's functions, all targets together:");
  for (const { url, reached, all } of Coverage.union(fuzzers.map(({ coverage }) => coverage)).figures) {
    if (all > 0) print(`${Math.round((100 * reached) / all)} % ${url.replace(/^.*\/src\//, "src/")}`);
  }
  if (values.keep) {
    for (const fuzzer of fuzzers) {
      const reduced = await reduce(fuzzer.target, fuzzer.corpus);
      saveCorpus(fuzzer.target.name, reduced, values.corpus);
      print(`${fuzzer.target.name}: ${reduced.length} inputs are kept`);
    }
  }
  return fuzzers.some(({ findings }) => findings.length > 0) ? 1 : 0;
}

/** How much of the sources has run, in thousands of characters. */
function kilobytes(coverage: Coverage): string {
  return `${(coverage.figures.reduce((sum, { reached }) => sum + reached, 0) / 1_000).toFixed(1)} k`;
}

function statusOf(): string {
  const done = fuzzers.reduce((sum, { runs: some }) => sum + some, 0);
  const seconds = (performance.now() - startedAt) / 1_000;
  const found = fuzzers.reduce((sum, { findings }) => sum + findings.length, 0);
  return `${done} inputs in ${seconds.toFixed(0)} s, ${Math.round(done / seconds)} a second, ${found} findings`;
}

function tellFindings(): void {
  for (const finding of fuzzers.flatMap(({ findings }) => findings)) {
    if (told.has(finding)) continue;
    told.add(finding);
    const { target, law, details, input } = finding;
    print(`\nFOUND ${target}: ${law}\ninput: ${encode(input)}\n${details}\n`);
  }
}

/** As few and as short inputs as reach the same. */
async function reduce(target: Target, inputs: readonly string[]): Promise<string[]> {
  const kept = new Fuzzer(target, seed, strays, profile);
  await target.start?.();
  const short = [...new Set(inputs)].filter((input) => input.length <= 4_000);
  // The short ones first: a longer one stays where it reaches more.
  for (const input of short.sort((a, b) => a.length - b.length)) await kept.replay([input]);
  await target.stop?.();
  return kept.corpus;
}
