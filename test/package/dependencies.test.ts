import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PACKED } from "./consumer.ts";

test("installing it runs no script and compiles nothing, neither its own nor of what it brings", async () => {
  const modules = join(PACKED.consumer, "node_modules");
  const found = (await readdir(modules, { recursive: true })).sort();
  const manifests = found.filter((path) =>
    /^(.+\/node_modules\/)?(@[^/]+\/)?[^/@]+\/package\.json$/.test(path),
  );
  const some = ["xmpp-disco", "@xmpp/client", "ws"].map((name) => `${name}/package.json`);
  expect(manifests).toEqual(expect.arrayContaining(some));
  const scripts: string[] = [];
  for (const path of manifests) {
    const manifest = JSON.parse(await readFile(join(modules, path), "utf8")) as {
      readonly scripts?: Readonly<Record<string, string>>;
    };
    for (const script of ["preinstall", "install", "postinstall"]) {
      if (manifest.scripts?.[script] !== undefined) scripts.push(`${path}: ${script}`);
    }
  }
  expect(scripts).toEqual([]);
  // npm compiles what has one at its top, though no script says so.
  expect(found.filter((path) => /(^|\/)binding\.gyp$/.test(path))).toEqual([]);
});
