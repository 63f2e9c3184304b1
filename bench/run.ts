import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { JsonProcess } from "../test/support/python-client.ts";
import { CONTENDERS, type Contender, type Row } from "./rows.ts";
import type { Measured } from "./task.ts";

const PYTHON: readonly string[] = ["slixmpp", "aioxmpp"];

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** How the rounds are run. */
export interface RunOptions {
  readonly rounds: number;
  /** The folder with the inputs. */
  readonly inputs: string;
  /** A folder for profiles of the processor's time of this package's processes. */
  readonly profiles?: string | undefined;
}

/** What a contender has shown, one figure a round. */
export interface Result {
  readonly name: Contender;
  readonly values: readonly number[];
  readonly stanzas: readonly number[];
}

/** A row and its figures. */
export interface RowResult {
  readonly row: Row;
  readonly results: readonly Result[];
}

/** Starts the process of a contender. */
function start(row: Row, name: Contender, options: RunOptions, args: object = {}): Promise<JsonProcess> {
  const profile = name === "xmpp-disco" && options.profiles !== undefined;
  const json = JSON.stringify({
    ...{ ...args, inputs: options.inputs },
    ...(profile ? { profile: join(resolve(options.profiles ?? ""), `${row.id}.cpuprofile`) } : {}),
  });
  if (PYTHON.includes(name)) {
    return JsonProcess.run({
      ...{ name, command: "/usr/bin/python3" },
      args: ["-B", path(`python/${name}_bench.py`), row.task, json],
    });
  }
  return JsonProcess.run({
    ...{ name, command: process.execPath, cwd: path("..") },
    args: [
      ...["--expose-gc", "--import", "tsx"],
      ...[path("contender.ts"), row.module, row.task, name, json],
    ],
  });
}

/** Runs a row: each contender in a process of its own, and all of them in turn, round by round. */
export async function runRow(row: Row, options: RunOptions): Promise<RowResult> {
  const names = CONTENDERS.filter((name) => row.unable[name] === undefined);
  const results = names.map((name) => ({ name, values: [] as number[], stanzas: [] as number[] }));
  const note = (index: number, { value, stanzas }: Measured) => {
    results[index]?.values.push(value);
    if (stanzas !== undefined) results[index]?.stanzas.push(stanzas);
  };
  if (row.isFresh) {
    for (let round = 0; round < options.rounds; round++) {
      for (const [index, name] of names.entries()) {
        await using contender = await start(row, name, options);
        note(index, await contender.request<Measured>("round"));
      }
    }
    return { row, results };
  }
  const world = await row.world?.();
  const contenders: JsonProcess[] = [];
  try {
    for (const name of names) {
      const begin = (args?: object) => start(row, name, options, args);
      contenders.push(await (world === undefined ? begin() : world.enlist(name, begin)));
    }
    // The first shows what is compiled and allocated once.
    for (let round = -1; round < options.rounds; round++) {
      for (const [index, contender] of contenders.entries()) {
        const measured = await (world === undefined
          ? contender.request<Measured>("round")
          : world.round(names[index] ?? "floor", contender));
        if (round >= 0) note(index, measured);
      }
    }
    return { row, results };
  } finally {
    for (const contender of contenders) await contender.stop();
    await world?.[Symbol.asyncDispose]();
  }
}
