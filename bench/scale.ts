// What capabilities save where there are many: a simulation with the library itself.
//
//     npm run scale                        all scenarios; writes the tables of docs/scale.md and its picture
//     npm run scale -- contacts room       some of contacts, room, component, fleet; writes nothing
//
// --seed <n> has everything drawn otherwise. There is no network but a Redis on the loopback address.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { createClient } from "@keyv/redis";
import { Redis } from "../test/support/redis.ts";
import { type Shown, together, total, type VariantOptions } from "./scale/figures.ts";
import {
  ASIDE,
  between,
  draw,
  loadNow,
  machine,
  type Results,
  SCENARIOS,
  type Scenario,
  savingsText,
  scenarioText,
} from "./scale/report.ts";

const PAGE = new URL("../docs/scale.md", import.meta.url);
const PICTURE = new URL("../docs/pictures/scale.svg", import.meta.url);

const run = promisify(execFile);

/** Has a process of its own show a variant, or a part of it. */
async function show(scenario: string, name: string, options: VariantOptions): Promise<Shown> {
  const script = fileURLToPath(new URL("scale/process.ts", import.meta.url));
  const args = ["--expose-gc", "--import", "tsx", script, scenario, name, JSON.stringify(options)];
  const { stdout } = await run(process.execPath, args, {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
  });
  return JSON.parse(stdout) as Shown;
}

/** A round of a variant, by all its processes at once. */
async function measure({ id, parts, needsRedis }: Scenario, name: string, seed: number): Promise<Shown> {
  await using redis = needsRedis ? await Redis.start() : undefined;
  const shown = await Promise.all(
    Array.from({ length: parts }, (_, part) => show(id, name, { seed, part, redis: redis?.url ?? "" })),
  );
  const whole = together(shown);
  return redis === undefined
    ? whole
    : { ...whole, notes: { ...whole.notes, ...(await askRedis(redis.url)) } };
}

/** What Redis says of itself. */
async function askRedis(url: string): Promise<Readonly<Record<string, number>>> {
  const client = await createClient({ url }).connect();
  try {
    const text = await client.info("all");
    const read = (name: string) =>
      Number(new RegExp(`^${name}:(?:calls=)?([\\d.]+)`, "m").exec(text)?.[1] ?? 0);
    return {
      commands: read("total_commands_processed"),
      keys: await client.dbSize(),
      redisBytes: read("total_net_input_bytes") + read("total_net_output_bytes"),
      redisMemory: read("used_memory_dataset"),
      redisCpu: read("used_cpu_sys") + read("used_cpu_user"),
    };
  } finally {
    await client.close();
  }
}

/** The round in the middle by the processor's time: all else is the same in each, but for some memory. */
async function inTheMiddle(scenario: Scenario, name: string, seed: number): Promise<Shown> {
  const rounds: Shown[] = [];
  for (let round = 0; round < scenario.rounds; round += 1) rounds.push(await measure(scenario, name, seed));
  rounds.sort((one, other) => total(one.stages).cpu - total(other.stages).cpu);
  const [middle] = rounds.slice(rounds.length >> 1);
  if (middle === undefined) throw new Error("there is no round");
  return middle;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { seed: { type: "string", default: "1" } },
    allowPositionals: true,
  });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new RangeError(`--seed is a whole number, not ${values.seed}`);
  const unknown = positionals.find((id) => !SCENARIOS.some((scenario) => scenario.id === id));
  if (unknown !== undefined) {
    throw new RangeError(`there is no ${unknown}; there are ${SCENARIOS.map(({ id }) => id).join(", ")}`);
  }
  const startedAt = performance.now();
  const load = loadNow();
  const all = new Map<Scenario, Results>();
  for (const scenario of SCENARIOS) {
    if (positionals.length > 0 && !positionals.includes(scenario.id)) continue;
    const results: Record<string, Shown> = {};
    for (const name of [...Object.keys(scenario.variants), ...(ASIDE[scenario.id] ?? [])]) {
      results[name] = await inTheMiddle(scenario, name, seed);
    }
    all.set(scenario, results);
    console.log(`\n${scenario.title}\n\n${scenarioText(scenario, results)}`);
  }
  console.log(`\n${savingsText(all)}\n`);
  if (positionals.length === 0) {
    let page = await readFile(PAGE, "utf8");
    page = between(page, "machine", `Made on ${machine(load)}, with seed ${seed}.`);
    page = between(page, "savings", savingsText(all));
    for (const [scenario, results] of all) page = between(page, scenario.id, scenarioText(scenario, results));
    await writeFile(PAGE, page);
    await writeFile(PICTURE, draw(all));
    console.log("docs/scale.md and its picture are written.");
  }
  console.log(`It took ${Math.round((performance.now() - startedAt) / 1_000)} s.`);
}

await main();
