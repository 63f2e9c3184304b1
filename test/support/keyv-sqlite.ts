import { EventEmitter } from "node:events";
import type { KeyvStoreAdapter, StoredData } from "keyv";
import Database from "libsql";

/** How long a process waits for others that write, in milliseconds. */
const BUSY_TIMEOUT = 10_000;

/**
 * Keyv's storage in an SQLite file, which several processes may have open at once.
 *
 * Keyv's own adapter has to be compiled or downloaded by an install script; this one comes as it is.
 *
 * @example
 * const store = new Keyv(new KeyvSqlite("caps.sqlite"));
 */
export class KeyvSqlite extends EventEmitter implements KeyvStoreAdapter {
  readonly opts: { readonly dialect: "sqlite"; readonly url: string };
  /** Set by Keyv, which prefixes all keys with it. */
  namespace?: string | undefined;
  readonly #database: Database.Database;
  readonly #get: Database.Statement;
  readonly #set: Database.Statement;
  readonly #delete: Database.Statement;

  /** @throws Error when the file cannot be opened, or is no SQLite database */
  constructor(file: string) {
    super();
    this.opts = { dialect: "sqlite", url: file };
    this.#database = new Database(file);
    this.#database.exec(
      `PRAGMA busy_timeout = ${BUSY_TIMEOUT};
       PRAGMA journal_mode = WAL;
       CREATE TABLE IF NOT EXISTS keyv (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
    );
    this.#get = this.#database.prepare("SELECT value FROM keyv WHERE key = ?");
    this.#set = this.#database.prepare("INSERT OR REPLACE INTO keyv (key, value) VALUES (?, ?)");
    this.#delete = this.#database.prepare("DELETE FROM keyv WHERE key = ?");
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const row = this.#get.get(key) as { readonly value: StoredData<Value> } | undefined;
    return row?.value;
  }

  async set(key: string, value: string): Promise<void> {
    this.#set.run(key, value);
  }

  async delete(key: string): Promise<boolean> {
    return this.#delete.run(key).changes > 0;
  }

  async clear(): Promise<void> {
    const prefix = this.namespace === undefined ? "" : `${this.namespace}:`;
    this.#database.prepare("DELETE FROM keyv WHERE substr(key, 1, ?) = ?").run(prefix.length, prefix);
  }

  async *iterator<Value>(): AsyncGenerator<Array<string | Awaited<Value> | undefined>, void> {
    for (const row of this.#database.prepare("SELECT key, value FROM keyv ORDER BY key").all()) {
      const { key, value } = row as { readonly key: string; readonly value: Awaited<Value> };
      yield [key, value];
    }
  }

  async disconnect(): Promise<void> {
    this.#database.close();
  }
}
