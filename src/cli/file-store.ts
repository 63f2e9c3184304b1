import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CapsStore } from "../index.js";

/** Keeps texts by key in a folder, a file each; many processes may use it at once. */
export class FileStore implements CapsStore {
  readonly #folder: string;
  readonly #writing = new Set<Promise<void>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined where there is none, or none that can be read. */
  async get(key: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(key), "utf8");
    } catch {
      return undefined;
    }
  }

  /** @throws Error when it cannot be written */
  set(key: string, value: string): Promise<void> {
    const writing = this.#write(this.#path(key), value);
    this.#writing.add(writing);
    return writing.finally(() => this.#writing.delete(writing));
  }

  /** Resolves when all that was set before has been written, or could not be. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writing);
  }

  async #write(path: string, value: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Who reads meanwhile gets the old or the new, and not a part.
    const draft = `${path}.${randomUUID()}`;
    try {
      await writeFile(draft, value);
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** A key may be longer than a file's name, and have anything in it. */
  #path(key: string): string {
    return join(this.#folder, `${createHash("sha256").update(key).digest("hex")}.json`);
  }
}
