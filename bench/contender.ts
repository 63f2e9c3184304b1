// The process of one contender: `contender.ts <module> <task> <contender> <arguments>`. It is asked, and answers, by lines of JSON,
// as those in Python are, see test/support/python-client.ts.
import { writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { createInterface } from "node:readline";
import type { Contenders } from "./task.ts";

/** Has the processor's time noted until what this gives is called, which writes it as `node --cpu-prof` does. */
async function startProfile(file: string): Promise<() => Promise<void>> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  return async () => {
    const { profile } = await session.post("Profiler.stop");
    await writeFile(file, JSON.stringify(profile));
  };
}

async function main([module, task = "", name = "", json = "{}"]: readonly string[]): Promise<void> {
  const file = (await import(`./contenders/${module}.ts`)) as Record<string, Contenders | undefined>;
  const args = JSON.parse(json) as Record<string, string>;
  const start = file[task]?.[name];
  if (start === undefined) throw new Error(`${module}.ts has no ${task} by ${name}`);
  const handlers = await start(args);
  const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const stopProfile = args["profile"] === undefined ? undefined : await startProfile(args["profile"]);
  tell({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const {
      id,
      name: command,
      args: given,
    } = JSON.parse(line) as {
      id: number;
      name: string;
      args: Record<string, string>;
    };
    try {
      tell({ id, result: (await handlers[command]?.(given)) ?? null });
    } catch (error) {
      tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  await stopProfile?.();
  process.exit();
}

await main(process.argv.slice(2));
