import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { INSTALLED, PACKED, runNode, writeProgram } from "./consumer.ts";

/** What is of interest in a source map. */
interface SourceMap {
  readonly sourceRoot?: string;
  readonly sources: readonly string[];
  readonly mappings: string;
}

async function read(path: string): Promise<string> {
  return readFile(join(INSTALLED, path), "utf8");
}

/** A mistake of the caller, which throws inside the package. */
const THROWING = `
import { DiscoInfo } from "xmpp-disco";
try {
  DiscoInfo.fromJSON(5);
} catch (error) {
  console.log(error.stack);
}
`;

describe("source maps", () => {
  test("lead from each file of dist to sources that are in the package", async () => {
    const paths = PACKED.files.map(({ path }) => path);
    const compiled = paths.filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path));
    expect(compiled.length).toBeGreaterThanOrEqual(2);
    const dangling: string[] = [];
    for (const path of compiled) {
      const code = await read(path);
      const [, map] = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(code) ?? [];
      if (map === undefined) {
        dangling.push(`${path} has no map`);
        continue;
      }
      const mapPath = join(dirname(path), map);
      const { sourceRoot = "", sources, mappings } = JSON.parse(await read(mapPath)) as SourceMap;
      // There is nothing to map where nothing is declared, as in the types of a program.
      const isEmpty = /^(#!.*\n)?export \{\};\n\/\//.test(code);
      if (sources.length === 0 || (mappings === "" && !isEmpty)) dangling.push(`${mapPath} maps nothing`);
      for (const source of sources) {
        const sourcePath = join(dirname(mapPath), sourceRoot, source);
        if (!sourcePath.startsWith("src/") || !paths.includes(sourcePath)) {
          dangling.push(`${mapPath} leads to ${sourcePath}`);
        }
      }
    }
    expect(dangling).toEqual([]);
  });

  test("make the stack of an error name the line of the source that has thrown it", async () => {
    const path = await writeProgram("throwing.js", THROWING);
    const { stdout, stderr, exitCode } = await runNode(["--enable-source-maps", path]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const [message = "", first = ""] = stdout.split("\n");
    const [, file = "", line = ""] = /([^(\s]*\.[jt]s):(\d+):\d+\)?$/.exec(first) ?? [];
    const inPackage = file.slice(file.lastIndexOf("xmpp-disco/") + "xmpp-disco/".length);
    const sources = (await readdir(join(INSTALLED, "src"), { recursive: true })).map((name) =>
      join("src", name),
    );
    expect(sources).toContain(inPackage);
    const text = (await read(inPackage)).split("\n")[Number(line) - 1] ?? "";
    expect(text).toContain("throw new");
    // The error's own text stands there, up to what is filled in.
    const said = message.replace(/^\w+: /, "");
    expect(text).toContain(said.slice(0, said.indexOf(":")));
  });
});
