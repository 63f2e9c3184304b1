import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CapsStore } from "../index.js";

/** Keeps texts by key in a folder, a file each; many processes may use it at once. */
export class FileStore implements CapsStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async get(key: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(key), "utf8");
    } catch {
      return undefined;
    }
  }

  async set(key: string, value: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const path = this.#path(key);
    // Who reads meanwhile gets the old or the new, and not a part.
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, value);
    await rename(draft, path);
  }

  /** A key may be longer than a file's name, and have anything in it. */
  #path(key: string): string {
    return join(this.#folder, `${createHash("sha256").update(key).digest("hex")}.json`);
  }
}
