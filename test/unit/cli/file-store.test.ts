import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileStore } from "../../../src/cli/file-store.ts";

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "xmpp-disco-store-"));
  folder = join(parent, "not", "there", "yet");
});

afterEach(() => rm(parent, { recursive: true, force: true }));

test("what was set is there, for another store as well", async () => {
  await new FileStore(folder).set("key", "välue");
  expect(await new FileStore(folder).get("key")).toBe("välue");
});

test("what was not set is not there, and makes no folder", async () => {
  expect(await new FileStore(folder).get("key")).toBeUndefined();
  expect(await readdir(parent)).toEqual([]);
});

test("a key may be anything", async () => {
  const store = new FileStore(folder);
  const keys = ["", "..", "../../key", "/etc/passwd", "a\0b", "x".repeat(100_000), "\ud800", "A", "a"];
  for (const [at, key] of keys.entries()) await store.set(key, String(at));
  expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(keys.map((_, at) => String(at)));
  expect(await readdir(parent)).toEqual(["not"]);
});

test("writers at the same time leave one of the values, whole, and nothing else", async () => {
  const store = new FileStore(folder);
  const values = Array.from({ length: 20 }, (_, at) => String(at).repeat(10_000));
  await Promise.all(values.map((value) => store.set("key", value)));
  expect(values).toContain(await store.get("key"));
  expect(await readdir(folder)).toHaveLength(1);
});

test("the folder is the user's alone", async () => {
  await new FileStore(folder).set("key", "value");
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

test("all that was set is written when it has settled", async () => {
  const store = new FileStore(folder);
  void store.set("key", "value");
  await store.settled();
  expect(await new FileStore(folder).get("key")).toBe("value");
});

test("where nothing can be written, setting rejects and settling does not", async () => {
  const file = join(parent, "file");
  await writeFile(file, "");
  const store = new FileStore(file);
  const setting = store.set("key", "value");
  await store.settled();
  await expect(setting).rejects.toThrow();
  expect(await store.get("key")).toBeUndefined();
});
