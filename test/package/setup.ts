import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The package as `npm publish` would send it, and an empty project that has installed it. */
export interface Packed {
  /** The tarball. */
  readonly tarball: string;
  /** What is in it. */
  readonly files: readonly { readonly path: string; readonly mode: number }[];
  /** The bytes of the tarball, and of what is in it. */
  readonly size: number;
  readonly unpackedSize: number;
  /** The copy of the repository that it was built in. */
  readonly source: string;
  /** The project. */
  readonly consumer: string;
}

declare module "vitest" {
  interface ProvidedContext {
    packed: Packed;
  }
}

/** Packs and installs once, for all files of this folder. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-package-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    project.provide("packed", await packAndInstall(folder));
  } catch (error) {
    await remove();
    throw error;
  }
  return remove;
}

async function packAndInstall(folder: string): Promise<Packed> {
  const source = join(folder, "source");
  const consumer = join(folder, "consumer");
  await mkdir(source);
  await mkdir(consumer);
  const left = new Set([".git", "node_modules", "dist", "coverage"]);
  const entries = (await readdir(ROOT)).filter((name) => !left.has(name) && !name.endsWith(".tgz"));
  await Promise.all(
    entries.map((name) => cp(join(ROOT, name), join(source, name), { recursive: true, dereference: true })),
  );
  await symlink(join(ROOT, "node_modules"), join(source, "node_modules"));
  // What an earlier build has left of a file that is gone.
  await mkdir(join(source, "dist/gone"), { recursive: true });
  await writeFile(join(source, "dist/gone/module.js"), "export {};\n");

  // The last of what it prints: lifecycle scripts write to the standard output too.
  const printed = await exec("npm", ["pack", "--json", "--pack-destination", folder], { cwd: source });
  const [tarball] = JSON.parse(printed.stdout.slice(printed.stdout.search(/^\[$/m))) as {
    filename: string;
    size: number;
    unpackedSize: number;
    files: { path: string; mode: number }[];
  }[];
  if (tarball === undefined) throw new Error("npm pack gave nothing");
  const path = join(folder, tarball.filename);

  const manifest = { name: "consumer", private: true, type: "module" };
  await writeFile(join(consumer, "package.json"), JSON.stringify(manifest));
  await exec("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", path], { cwd: consumer });
  return {
    tarball: path,
    files: tarball.files,
    size: tarball.size,
    unpackedSize: tarball.unpackedSize,
    source,
    consumer,
  };
}
