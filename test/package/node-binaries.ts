import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./consumer.ts";

const exec = promisify(execFile);

const CACHE = join(ROOT, "node_modules/.cache/xmpp-disco");

/** The npm package that has the binary for this machine, as the npm package "node" chooses it. */
function packageName(): string {
  const { platform, arch } = process;
  return `${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`;
}

/**
 * Returns the folder that has a version of Node.js as the program `node`; it is downloaded once.
 *
 * @throws Error when it cannot be downloaded.
 */
export async function nodeFolder(version: string): Promise<string> {
  const folder = join(CACHE, `node-${version}`);
  if (await exists(join(folder, "node"))) return folder;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, `node-${version}-`));
  const spec = `${packageName()}@${version}`;
  try {
    await exec("npm", ["pack", "--silent", "--pack-destination", work, spec], { cwd: work });
    const [tarball] = await readdir(work);
    if (tarball === undefined) throw new Error("npm pack gave nothing");
    await exec("tar", ["-xzf", tarball, "--strip-components=2", "package/bin/node"], { cwd: work });
    await rm(join(work, tarball));
    // Another run may have been quicker.
    await rename(work, folder).catch(async (error: unknown) => {
      if (!(await exists(join(folder, "node")))) throw error;
    });
    return folder;
  } catch (error) {
    throw new Error(`Node.js ${version} could not be downloaded, as the npm package ${spec}`, {
      cause: error,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
