import { pathToFileURL } from "node:url";
import type { CompiledPage } from "./compile.ts";
import { type Given, given } from "./given.ts";
import { World } from "./world.ts";

interface Module {
  run(given: Given, at: (line: number) => void): Promise<void>;
}

/** How long listeners of a page may take to fail, in milliseconds. */
const SETTLING = 50;

/** Runs a page, its blocks in order. Rejects with an Error that names page and line. */
export async function runPage({ page, file, lineOf }: CompiledPage): Promise<void> {
  const world = new World();
  const end = new AbortController();
  Object.assign(globalThis, { xmppDiscoDocs: world });
  let line = 0;
  try {
    const module: Module = await import(/* @vite-ignore */ `${pathToFileURL(file)}?${Date.now()}`);
    await module.run(given(end.signal), (reached) => {
      line = reached;
    });
    await new Promise((resolve) => setTimeout(resolve, SETTLING));
  } catch (error) {
    throw new Error(`${page.name}:${lineIn(error, file, lineOf) ?? line}: ${error}`, { cause: error });
  } finally {
    end.abort();
    await world.stop();
    Reflect.deleteProperty(globalThis, "xmppDiscoDocs");
  }
}

/** The line of the page that an error was thrown in, where its stack tells. */
function lineIn(error: unknown, file: string, lineOf: CompiledPage["lineOf"]): number | undefined {
  for (const frame of (error instanceof Error ? error.stack : undefined)?.split("\n") ?? []) {
    const [, line, column] = (frame.includes(file) && /:(\d+):(\d+)\)?$/.exec(frame)) || [];
    const found = line === undefined ? undefined : lineOf(Number(line), Number(column));
    if (found !== undefined) return found;
  }
  return undefined;
}
