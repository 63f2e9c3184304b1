import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where the inputs are that are kept with the sources. */
export const CORPUS = fileURLToPath(new URL("corpus", import.meta.url));

/** An input in printable ASCII, so that nothing that handles files changes it. */
export function encode(input: string): string {
  return input.replaceAll(
    /[^\x20-\x7e\n]|\\/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The input that was encoded. */
export function decode(text: string): string {
  return text.replaceAll(/\\u([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** The inputs that are kept for a target, in order of their names. */
export function loadCorpus(target: string, folder = CORPUS): string[] {
  let names: string[];
  try {
    names = readdirSync(`${folder}/${target}`);
  } catch {
    return [];
  }
  return names.sort().map((name) => decode(readFileSync(`${folder}/${target}/${name}`, "utf8")));
}

/** Replaces what is kept for a target. */
export function saveCorpus(target: string, inputs: readonly string[], folder = CORPUS): void {
  rmSync(`${folder}/${target}`, { recursive: true, force: true });
  mkdirSync(`${folder}/${target}`, { recursive: true });
  for (const input of inputs) {
    const text = encode(input);
    const name = createHash("sha256").update(text).digest("hex").slice(0, 12);
    writeFileSync(`${folder}/${target}/${name}`, text);
  }
}
