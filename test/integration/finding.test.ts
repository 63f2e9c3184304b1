import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Client } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { DiscoClient, DiscoServer, IqError, IqTimeout, withServices } from "../../src/index.ts";
import { Ejabberd } from "../support/ejabberd.ts";
import { Prosody } from "../support/prosody.ts";
import { connect, connectComponent, type Ready } from "../support/ready.ts";
import type { XmppServer, XmppServerOptions } from "../support/xmpp-server.ts";

// For a busy machine; without other work no test takes longer than five seconds.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const POLL = { interval: 20, timeout: 30_000 };

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NS_MUC = "http://jabber.org/protocol/muc";
const STORE = "urn:example:store";
/** A service that answers, one that never does, one that is killed. */
const STEADY = "steady.localhost";
const SILENT = "silent.localhost";
const VICTIM = "victim.localhost";

/** A component in a process of its own, which says when it is asked, and never answers. */
const VICTIM_PROGRAM = `
import { component } from "@xmpp/component";
const [service, domain] = process.argv.slice(1);
const xmpp = component({ service, domain, password: "secret" });
xmpp.on("error", () => {});
xmpp.iqCallee.get("http://jabber.org/protocol/disco#info", "query", () => {
  console.log("asked");
  return new Promise(() => {});
});
await xmpp.start();
console.log("online");
`;

class Victim implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error("the victim has no output");
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  static async start(service: string): Promise<Victim> {
    const args = ["--input-type=module", "--eval", VICTIM_PROGRAM, service, VICTIM];
    // The packages are found from there.
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    const victim = new Victim(child);
    await victim.says("online");
    return victim;
  }

  async says(what: string): Promise<void> {
    const { value, done } = await this.#lines.next();
    if (done || value !== what) throw new Error(`the victim says ${value}, not ${what}`);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** ejabberd gives each component all addresses of its listener, unless it is told not to. */
async function startEjabberd(options: XmppServerOptions): Promise<Ejabberd> {
  const ejabberd = await Ejabberd.start(options);
  const file = join(ejabberd.folder, "ejabberd.yml");
  const config = JSON.parse(await readFile(file, "utf8")) as { listen: Record<string, unknown>[] };
  for (const listener of config.listen) {
    if (listener["module"] === "ejabberd_service") listener["global_routes"] = false;
  }
  await writeFile(file, JSON.stringify(config));
  await ejabberd.restart();
  return ejabberd;
}

describe.each([
  {
    name: "Prosody",
    start: (options: XmppServerOptions) => Prosody.start(options),
    listsDead: true,
    refusal: "remote-server-timeout",
  },
  {
    name: "ejabberd",
    start: startEjabberd,
    listsDead: false,
    // An address without a component is another server's, and this one talks to none.
    refusal: "forbidden",
  },
])("looking for services at $name", ({ start, listsDead, refusal }) => {
  let server: XmppServer;
  let steady: Ready<Component>;
  let silent: Ready<Component>;
  /** Called whenever the silent service is asked. */
  let onSilence = () => {};

  beforeAll(async () => {
    const components = { [STEADY]: "secret", [SILENT]: "secret", [VICTIM]: "secret" };
    server = await start({ components });
    const service = server.componentService;
    [steady, silent] = await Promise.all([
      connectComponent({ service, domain: STEADY }),
      connectComponent({ service, domain: SILENT }),
    ]);
    withServices(steady.xmpp).summon(DiscoServer).registerFeature(STORE);
    withServices(silent.xmpp)
      .summon(DiscoServer)
      .setNodeHandler("getInfo", () => {
        onSilence();
        return new Promise<never>(() => {});
      });
  });

  afterAll(async () => {
    await Promise.allSettled([steady?.stop(), silent?.stop()]);
    await server?.stop();
  });

  /** A client of its own for each test, since what it found is cached. */
  async function asker(): Promise<Ready<Client> & { disco: DiscoClient }> {
    const ready = await connect({ service: server.service, username: "romeo" });
    return { ...ready, disco: withServices(ready.xmpp).summon(DiscoClient) };
  }

  test("the domain, its services and the own account are told", async () => {
    await using romeo = await asker();
    const told = new Map<string, string[] | Error>();
    for await (const { jid, info, error } of romeo.disco.queryDomain(undefined, { timeout: 3_000 })) {
      expect(told.has(jid)).toBe(false);
      told.set(jid, error ?? info.identities.map(({ category, type }) => `${category}/${type}`));
    }
    expect(told.get(server.domain)).toContain("server/im");
    expect(told.get("romeo@localhost")).toContain("account/registered");
    expect(told.get(server.mucDomain)).toContain("conference/text");
    expect(told.get(STEADY)).toEqual(["component/generic"]);
    expect(told.get(SILENT)).toBeInstanceOf(IqTimeout);
    // Prosody lists components that are not connected, and refuses for them at once.
    expect(told.has(VICTIM)).toBe(listsDead);
    if (listsDead) expect(told.get(VICTIM)).toMatchObject({ condition: refusal });
  });

  test("of another domain than one's own, the own account is no part", async () => {
    await using romeo = await asker();
    const jids: string[] = [];
    for await (const { jid } of romeo.disco.queryDomain(STEADY)) jids.push(jid);
    expect(jids).toEqual([STEADY]);
  });

  test("one service is killed when it has been asked, another hangs: the rest arrive first, their errors are told", async () => {
    await using romeo = await asker();
    await using victim = await Victim.start(server.componentService);
    const timeout = 4_000;
    const order: (string | Error)[] = [];
    const errors = new Map<string, Error>();
    const startedAt = performance.now();
    const all = (async () => {
      for await (const { jid, error } of romeo.disco.queryDomain(undefined, { timeout }))
        order.push(error ?? jid);
    })();
    // It shares the requests of the other.
    const found = romeo.disco.findServices(
      { feature: STORE },
      { timeout, onError: (jid, error) => errors.set(jid, error) },
    );
    await victim.says("asked");
    await victim.kill();
    expect((await found).map(({ jid }) => jid)).toEqual([STEADY]);
    await all;
    // Both waits ran at once: they took one timeout and not two.
    expect(performance.now() - startedAt).toBeLessThan(2 * timeout);
    expect([...errors.keys()].sort()).toEqual([SILENT, VICTIM]);
    expect([...errors.values()].every((error) => error instanceof IqTimeout)).toBe(true);
    const answered = order.filter((each) => typeof each === "string");
    expect(order.slice(0, -2)).toEqual(answered);
    expect(answered).toEqual(expect.arrayContaining([server.domain, server.mucDomain, STEADY]));
    expect(romeo.errors).toEqual([]);
    // Asked anew, the server refuses for who is gone.
    const again = romeo.disco.queryInfo(VICTIM, { requireFresh: true });
    await expect(again).rejects.toBeInstanceOf(IqError);
  });

  test("one service is killed before its turn comes: its refusal is told at once, and those behind it are asked", async () => {
    await using romeo = await asker();
    await using victim = await Victim.start(server.componentService);
    // A list in a known order, asked one by one, whose first entry waits until the second is dead.
    const directory = withServices(steady.xmpp).summon(DiscoServer);
    const gate = `gate@${STEADY}`;
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    let ask = () => {};
    const asked = new Promise<void>((resolve) => {
      ask = resolve;
    });
    directory.setNodeHandler(
      "getInfo",
      async (_context, next) => {
        ask();
        await opened;
        return next();
      },
      { jid: gate },
    );
    await directory.setItems([gate, VICTIM, server.mucDomain].map((jid) => ({ jid })));
    try {
      const errors = new Map<string, Error>();
      const found = romeo.disco.findServices(
        { feature: NS_MUC },
        { domain: STEADY, concurrency: 1, onError: (jid, error) => errors.set(jid, error) },
      );
      await asked;
      await victim.kill();
      await using other = await asker();
      // Until the server has seen that it is gone.
      const isRefused = () =>
        other.disco.queryInfo(VICTIM, { timeout: 200 }).catch((error: unknown) => error);
      await expect.poll(isRefused, POLL).toBeInstanceOf(IqError);
      open();
      expect((await found).map(({ jid }) => jid)).toEqual([server.mucDomain]);
      expect([...errors.keys()]).toEqual([VICTIM]);
      expect(errors.get(VICTIM)).toMatchObject({ condition: refusal });
    } finally {
      await directory.setItems([]);
      directory.deleteNodeHandler("getInfo", { jid: gate });
    }
  });

  test("the first service is there while another hangs", async () => {
    await using romeo = await asker();
    const silence = new Promise<void>((resolve) => {
      onSilence = resolve;
    });
    const found = await romeo.disco.findService({ category: "conference" });
    expect(found?.jid).toBe(server.mucDomain);
    await silence;
  });

  test("who gives up is not kept by a service that hangs", async () => {
    await using romeo = await asker();
    const controller = new AbortController();
    onSilence = () => controller.abort(new Error("enough"));
    const finding = romeo.disco.findServices({ feature: "urn:example:none" }, { signal: controller.signal });
    await expect(finding).rejects.toThrow("enough");
  });
});
