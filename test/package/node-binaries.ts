import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const exec = promisify(execFile);

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** One of each line that is supported, so that a run is the same on any day. */
export const NODE_VERSIONS = ["20.20.2", "22.23.3", "24.21.0", "26.10.0"] as const;

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
