import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { Contenders, Measured } from "../task.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Has a fresh process import something, after something else; how long the import takes, in milliseconds. */
function importing(before: string, name: string) {
  const script =
    `${before}; const start = performance.now(); await import(${JSON.stringify(name)});` +
    "process.stdout.write(String(performance.now() - start));";
  const run = (): Measured => ({
    value: Number(execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: ROOT })),
  });
  // Once, so that the files are in memory.
  run();
  return { round: run };
}

export const imports: Contenders = {
  "xmpp-disco": () => importing('await import("@xmpp/client")', "xmpp-disco"),
  floor: () =>
    importing('await import("@xmpp/client")', "data:text/javascript,export const nothing = undefined;"),
  stanza: () => importing("", "stanza"),
};

/** Bytes of what these exports take, minified and compressed, without xmpp.js. */
async function sizeOf(code: string): Promise<Measured> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: ROOT, sourcefile: "entry.js" },
    ...{ bundle: true, minify: true, format: "esm", platform: "browser", target: "es2022", write: false },
    external: ["@xmpp/*"],
    logLevel: "error",
  });
  return { value: gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length };
}

const bundle = (code: string) => ({ round: () => sizeOf(code) });

export const sizes: Contenders = {
  "xmpp-disco": () =>
    bundle('export { DiscoClient, DiscoServer, EntityCapsService, withServices } from "xmpp-disco";'),
};

export const clientSize: Contenders = {
  "xmpp-disco": () => bundle('export { DiscoClient, withServices } from "xmpp-disco";'),
};
