import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type InlineConfig, preview } from "vite";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** The only address it is served at: everybody who can reach it could use it. */
const LOOPBACK = "127.0.0.1";

/** The built page, while it is served. */
export interface ServedPage extends AsyncDisposable {
  readonly url: string;
  /** The folder it is built in. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Builds the page into a folder of its own and serves it; on any free port for 0. */
export async function servePage(port = 0): Promise<ServedPage> {
  const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-explorer-"));
  try {
    const config: InlineConfig = {
      configFile: false,
      root: HERE,
      // So that it can be served from any path.
      base: "./",
      logLevel: "warn",
      // @xmpp/resolve 0.14.0 leaves "dns" out for browsers, and imports "node:dns".
      resolve: { alias: { "node:dns": join(HERE, "src/nothing.ts") } },
      // Light and dark are the browser's own: nothing is translated for old ones.
      build: { outDir: folder, emptyOutDir: true, target: "esnext", modulePreload: false },
    };
    await build(config);
    const server = await preview({
      ...config,
      preview: { host: LOOPBACK, port, strictPort: port !== 0, open: false },
    });
    const url = server.resolvedUrls?.local[0];
    if (url === undefined) throw new Error("the page is not served");
    const stop = async () => {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    };
    return { url, folder, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
