import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import * as vite from "vite";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { PACKED, runNode, writeProgram } from "./consumer.ts";

const CLIENT_ALONE = 'export { DiscoClient, withServices } from "xmpp-disco";';
const ALL = 'export * from "xmpp-disco";';

/** The simple example of XEP-0115, §5.2. */
const EXODUS = {
  identities: [{ category: "client", type: "pc", name: "Exodus 0.9.1" }],
  features: ["caps", "disco#info", "disco#items", "muc"].map((name) => `http://jabber.org/protocol/${name}`),
};
const EXODUS_VER = "QgayPKawpkPSDYmwT/WM94uAlu0=";

const APPLICATION = `
import { client } from "@xmpp/client";
import { DiscoClient, DiscoInfo, EntityCapsService, withServices, xep0115 } from "xmpp-disco";
const xmpp = withServices(client({ service: "ws://127.0.0.1:1/", username: "romeo", password: "secret" }));
xmpp.summon(EntityCapsService);
const { sent } = xmpp.summon(DiscoClient).stats;
console.log(JSON.stringify({ sent, ver: xep0115.hash(new DiscoInfo(${JSON.stringify(EXODUS)})) }));
`;

// @xmpp/resolve 0.14 leaves "dns" out for browsers, and imports "node:dns": the one alias that is necessary.
const DNS = { "node:dns": "data:text/javascript,export default {}" };

/** An import of what only Node.js has. */
const BUILT_IN = /(from|import|require)\s*\(?\s*["'`]node:.{0,20}/;

/** A bundle, and what its bundler tells of it. */
interface Bundle {
  readonly text: string;
  /** The files that something of is in it: paths within the consumer's project. */
  readonly inputs: readonly string[];
  /** What it imports from elsewhere; of Vite, what it warns of too. */
  readonly imports: readonly string[];
}

/** Bundles a module for browsers. */
type Bundler = (contents: string, alias?: Record<string, string>) => Promise<Bundle>;

async function withEsbuild(
  contents: string,
  alias: Record<string, string> = {},
  target: Pick<esbuild.BuildOptions, "format" | "platform"> = { platform: "browser", format: "esm" },
): Promise<Bundle> {
  const { metafile, outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: PACKED.consumer },
    absWorkingDir: PACKED.consumer,
    alias,
    bundle: true,
    ...target,
    target: "es2022",
    minify: true,
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const outputs = Object.values(metafile.outputs);
  return {
    text: outputFiles.map(({ text }) => text).join(""),
    inputs: outputs.flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
    ),
    imports: outputs.flatMap(({ imports }) => imports.map(({ path }) => path)),
  };
}

async function withVite(contents: string, alias: Record<string, string> = {}): Promise<Bundle> {
  const entry = await writeProgram(`bundle-${randomUUID()}.js`, contents);
  const warnings: string[] = [];
  const built = await vite.build({
    configFile: false,
    root: PACKED.consumer,
    // Not "silent": it would warn of nothing.
    logLevel: "warn",
    resolve: { alias },
    build: {
      write: false,
      target: "es2022",
      rolldownOptions: {
        input: entry,
        preserveEntrySignatures: "strict",
        output: { format: "es" },
        onLog: (_level, { message }) => warnings.push(message),
      },
    },
  });
  const outputs = [built].flat().flatMap((output) => ("output" in output ? output.output : []));
  const chunks = outputs.filter((output) => output.type === "chunk");
  return {
    text: chunks.map(({ code }) => code).join(""),
    inputs: chunks.flatMap(({ modules }) =>
      Object.entries(modules).flatMap(([id, { renderedLength }]) =>
        renderedLength > 0 ? [relative(PACKED.consumer, id)] : [],
      ),
    ),
    imports: [...chunks.flatMap(({ imports }) => imports), ...warnings],
  };
}

/** Whether it is made of the modules: a bundler leaves out whole ones more surely than parts of the one for Node.js. */
function isOfModules(inputs: readonly string[]): boolean {
  const own = inputs.filter((input) => input.includes("xmpp-disco/dist/"));
  return own.length > 1 && !own.some((input) => input.endsWith("xmpp-disco/dist/bundle.js"));
}

/** The names of the packages that files are of. */
function packagesOf(inputs: readonly string[]): Set<string> {
  const names = inputs.map((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]);
  return new Set(names.filter((name) => name !== undefined));
}

/** Writes a size where whoever runs the tests sees it. */
function tell(what: string, text: string): void {
  const [plain, gzipped] = [Buffer.byteLength(text), gzipSync(text).length].map((size) =>
    (size / 1024).toFixed(1),
  );
  process.stderr.write(`${what}: ${plain} KiB, ${gzipped} KiB gzipped\n`);
}

// As in an application's build: what Vite leaves out it warns of in production only, and Vitest says "test".
beforeAll(() => void vi.stubEnv("NODE_ENV", "production"));
afterAll(() => void vi.unstubAllEnvs());

const BUNDLERS: readonly (readonly [string, Bundler])[] = [
  ["esbuild", withEsbuild],
  ["Vite", withVite],
];

describe.each(BUNDLERS)("a bundle for browsers, made with %s", (name, bundle) => {
  test("has with DiscoClient alone no capabilities, server, presence, command line or hashes in it", async () => {
    const { text, inputs, imports } = await bundle(CLIENT_ALONE);
    expect(text.includes("http://jabber.org/protocol/disco#info")).toBe(true);
    expect(isOfModules(inputs)).toBe(true);
    // The server's own files: nobody else needs them.
    const unwanted =
      /xmpp-disco\/dist\/((caps|cli|presence)\/|disco\/(server|static-node|snapshot-node|node-handlers|answer|tree|registration)\.js)/;
    expect(inputs.filter((input) => unwanted.test(input))).toEqual([]);
    expect(packagesOf(inputs)).not.toContain("@noble/hashes");
    // Whatever the files are called.
    expect(text.includes("urn:xmpp:caps")).toBe(false);
    expect(imports).toEqual([]);
    expect(text.match(BUILT_IN)?.[0]).toBeUndefined();
    tell(`DiscoClient alone with ${name}, peers included`, text);
  });

  test("has with everything of the library nothing of the command line in it", async () => {
    const { text, inputs, imports } = await bundle(ALL);
    expect(text.includes("urn:xmpp:caps")).toBe(true);
    expect(isOfModules(inputs)).toBe(true);
    expect(inputs.filter((input) => input.includes("xmpp-disco/dist/cli/"))).toEqual([]);
    // "events" and "ltx" are what @xmpp/events and @xmpp/xml are made of.
    const library = ["@noble/hashes", "events", "lru-cache", "ltx", "strict-event-emitter", "xmpp-disco"];
    const others = [...packagesOf(inputs)].filter((name) => !name.startsWith("@xmpp/"));
    expect(others.filter((name) => !library.includes(name))).toEqual([]);
    expect(imports).toEqual([]);
    expect(text.match(BUILT_IN)?.[0]).toBeUndefined();
    tell(`Everything of the library with ${name}, peers included`, text);
  });

  test("is all that an application with @xmpp/client needs, given the alias for node:dns", async () => {
    const { text, inputs, imports } = await bundle(APPLICATION, DNS);
    expect([...packagesOf(inputs)]).toEqual(expect.arrayContaining(["@xmpp/client", "xmpp-disco"]));
    expect(imports).toEqual([]);
    tell(`An application with ${name}, @xmpp/client included`, text);
  });

  test("lacks node:dns without that alias, and its making fails or warns", async () => {
    const without = await bundle(APPLICATION).then(
      ({ imports }) => imports.join("\n"),
      (error: Error) => error.message,
    );
    expect(without).toMatch(/node:dns/);
  });
});

describe("a bundle for Node.js, made with esbuild", () => {
  test("has with DiscoClient alone no hashes in it, as one for browsers", async () => {
    const { inputs } = await withEsbuild(CLIENT_ALONE, {}, { platform: "node", format: "cjs" });
    expect(isOfModules(inputs)).toBe(true);
    expect(packagesOf(inputs)).not.toContain("@noble/hashes");
  });

  // As CommonJS: ltx requires "events", which esbuild cannot translate for ES modules.
  test("runs by itself, without any package beside it", async () => {
    const { text, imports } = await withEsbuild(APPLICATION, {}, { platform: "node", format: "cjs" });
    expect(imports.filter((path) => !isBuiltin(path))).toEqual([]);
    // Where no node_modules is above it.
    const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-bundle-"));
    try {
      const path = join(folder, "application.cjs");
      await writeFile(path, text);
      const { stdout, stderr, exitCode } = await runNode([path]);
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      expect(JSON.parse(stdout)).toEqual({ sent: 0, ver: EXODUS_VER });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    tell("An application for Node.js with esbuild, @xmpp/client included", text);
  });
});
