import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Client, xml } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  EntityCapsService,
  NS_DISCO_INFO,
  withServices,
} from "../../src/index.ts";
import { Ejabberd } from "../support/ejabberd.ts";
import { freePorts, LOOPBACK } from "../support/ports.ts";
import { Prosody } from "../support/prosody.ts";
import { connect, connectComponent, type Ready } from "../support/ready.ts";
import { type Finished, type Running, run, runOnTerminal, screen } from "../support/terminal.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const PROSODY = { name: "Prosody", items: 10_000 };
// It passes them on ten times as fast.
const EJABBERD = { name: "ejabberd", items: 100_000 };

// What XML can carry of what terminals obey; and what cannot be told from it by its looks.
const EVIL = "\u009b31mred\u202eder \u2028🤖👩‍👩‍👧‍👦日本";
const EVIL_SHOWN = "\\u{9b}31mred\\u{202e}der \\u{2028}🤖👩‍👩‍👧‍👦日本";
const ENDLESS = "m".repeat(50_000);
const MEGABYTE = "m".repeat(1_000_000);

let folder: string;
let prosody: Prosody;
let ejabberd: Ejabberd;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "xmpp-disco-cli-"));
  // Nobody is there for the second one.
  const components = { "hostile.localhost": "secret", "quiet.localhost": "secret" };
  [prosody, ejabberd] = await Promise.all([Prosody.start({ components }), Ejabberd.start({ components })]);
});

afterAll(async () => {
  await Promise.allSettled([prosody?.stop(), ejabberd?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

interface CliOptions {
  readonly service?: string;
  readonly terminal?: boolean;
  readonly env?: Record<string, string | undefined>;
}

/** The environment of a user who has set nothing but the password, with a cache folder of the tests. */
function environment(env: CliOptions["env"]) {
  const unset = { XMPP_JID: undefined, XMPP_SERVICE: undefined, NODE_OPTIONS: undefined, LANG: "C.UTF-8" };
  return { ...unset, XMPP_PASSWORD: "secret", XDG_CACHE_HOME: join(folder, "cache"), ...env };
}

/** Starts the command, as romeo unless it is said who. */
function start(args: readonly string[], { service, terminal, env }: CliOptions = {}): Running {
  const who = args.some((arg) => /^--(jid|anonymous)$/.test(arg)) ? [] : ["--jid", "romeo@localhost"];
  const where = service === undefined ? [] : ["--service", service];
  return (terminal ? runOnTerminal : run)(process.execPath, [MAIN, ...who, ...where, ...args], {
    env: environment(env),
  });
}

function cli(args: readonly string[], options?: CliOptions): Promise<Finished> {
  return start(args, options).finished;
}

/** Fails where something is in a text that a terminal obeys, line breaks aside. */
function expectSafe(text: string): void {
  expect(
    text.replaceAll("\n", "").match(/.{0,20}[\p{Cc}\p{Bidi_Control}\u2028].{0,20}/u)?.[0],
  ).toBeUndefined();
}

/** A component that has hostile names, and a list of very many items. */
async function hostile(service: string, count: number): Promise<Ready<Component>> {
  const ready = await connectComponent({ service, domain: "hostile.localhost" });
  const server = withServices(ready.xmpp).summon(DiscoServer);
  const jid = "hostile.localhost";
  server.setNodeHandler("getInfo", () => {
    return new DiscoInfo({
      identities: [{ category: "component", type: EVIL, name: EVIL }],
      features: [EVIL, ENDLESS],
    });
  });
  server.setNodeHandler("getItems", ({ node, page }) => {
    if (node !== "many") return new DiscoItems({ items: [{ jid, node: EVIL, name: EVIL }] });
    const index = page?.after === undefined ? 0 : Number(/\d+$/.exec(page.after)?.[0]) + 1;
    const length = Math.min(page?.max ?? count, count - index);
    const items = Array.from({ length }, (_, at) => ({ jid, node: `n${index + at}`, name: "日本" }));
    return { items, index, count };
  });
  return ready;
}

/** Makes juliet a contact of romeo, and leaves her on line. */
async function befriend(service: string): Promise<Ready<Client>> {
  const juliet = await connect({ service, username: "juliet", resource: "balcony" });
  juliet.xmpp.on("stanza", (stanza) => {
    if (!stanza.is("presence") || stanza.attrs["type"] !== "subscribe") return;
    void juliet.xmpp.send(xml("presence", { to: "romeo@localhost", type: "subscribed" }));
  });
  const romeo = await connect({ service, username: "romeo" });
  try {
    await juliet.xmpp.send(xml("presence"));
    await romeo.xmpp.iqCaller.get(xml("query", "jabber:iq:roster"));
    const accepted = new Promise<void>((resolve) => {
      romeo.xmpp.on("stanza", (stanza) => {
        const item = stanza.getChild("query", "jabber:iq:roster")?.getChild("item");
        if (item?.attrs["subscription"] === "to") resolve();
      });
    });
    await romeo.xmpp.send(xml("presence", { to: "juliet@localhost", type: "subscribe" }));
    await accepted;
  } finally {
    await romeo.stop();
  }
  return juliet;
}

describe.each([PROSODY, EJABBERD])("against $name", ({ name, items: count }) => {
  let service: string;
  let webSocket: string;
  let component: Ready<Component>;

  beforeAll(async () => {
    const server = name === "Prosody" ? prosody : ejabberd;
    ({ service, webSocket } = server);
    component = await hostile(server.componentService, count);
  });

  afterAll(() => component?.stop());

  test("info, identities and features tell what an entity is and can do", async () => {
    const [info, identities, features] = await Promise.all(
      ["info", "identities", "features"].map((command) => cli([command, "localhost"], { service })),
    );
    expect(info).toMatchObject({ exitCode: 0, stderr: "" });
    expect(identities?.stdout).toMatch(new RegExp(`^Identities\\n(  .*\\n)*  server/im +${name}\\n$`));
    expect(features?.stdout).toMatch(/^Features \(\d+\)\n/);
    expect(features?.stdout).toMatch(/\n {2}urn:xmpp:ping +XEP-0199 {2}XMPP Ping\n/);
    expect(info?.stdout).toMatch(/^Identities\n.*\n\nFeatures \(\d+\)\n/s);
    const starts = features?.stdout.match(/^.*XEP-\d{4} /gm)?.map((line) => line.indexOf("XEP-"));
    expect(new Set(starts).size).toBe(1);
    expectSafe(info?.stdout ?? "");
  });

  test("items and all tell what an entity has", async () => {
    const [items, all, empty] = await Promise.all([
      cli(["items", "localhost"], { service }),
      cli(["all", "xmpp:localhost?disco"], { service }),
      cli(["items", "muc.localhost"], { service }),
    ]);
    expect(items.stdout).toMatch(/^Items \(\d\)\n( {2}.*\n)* {2}muc\.localhost/);
    expect(all.stdout).toMatch(/^Identities\n.*\n\nFeatures \(\d+\)\n.*\n\nItems \(\d\)\n/s);
    expect(empty).toEqual({ stdout: "Items (0)\n  none\n", stderr: "", exitCode: 0 });
  });

  test("tree shows what is under an entity, and what does not answer", async () => {
    const { stdout, stderr, exitCode } = await cli(["tree", "localhost"], { service });
    expect(stdout).toMatch(/^localhost {2}.*server\/im\n/);
    expect(stdout).toMatch(/\n[├└]─ muc\.localhost {2}Rooms {2}conference\/text\n/);
    expect(stdout).toContain(`hostile.localhost  ${EVIL_SHOWN}  component/${EVIL_SHOWN}\n`);
    expect(stdout).toContain(`└─ ${EVIL_SHOWN}`);
    expect([stderr, exitCode]).toEqual([
      name === "Prosody" ? expect.stringMatching(/^1 of \d did not answer\n$/) : "",
      0,
    ]);
    expectSafe(stdout);
  });

  test("find shows the services that fit, by feature and by identity", async () => {
    const [byFeature, byIdentity] = await Promise.all([
      cli(["find", "--feature", "http://jabber.org/protocol/muc"], { service }),
      cli(["find", "xmpp:localhost", "--category", "conference", "--type", "text"], { service }),
    ]);
    expect(byFeature).toMatchObject({ exitCode: 0, stdout: "muc.localhost  Rooms  conference/text\n" });
    expect(byIdentity.stdout).toBe(byFeature.stdout);
  });

  test("find that finds nothing ends with a code of its own", async () => {
    const { stdout, stderr, exitCode } = await cli(["find", "--feature", "urn:example:none"], { service });
    expect([stdout, exitCode]).toEqual(["", 9]);
    expect(stderr).toContain("xmpp-disco: no service of localhost fits\n");
  });

  test("caps shows what a server announces, verified", async () => {
    const { stdout, exitCode } = await cli(["caps", "localhost"], { service });
    expect(stdout).toMatch(/^localhost {2}http.*\n {2}XEP-0115 {2}sha-1 +\S+= +verified\n/);
    expect(stdout).toMatch(/\n {2}XEP-0390 {2}sha-256 +\S+= +(not announced|verified)\n/);
    expect(exitCode).toBe(0);
  });

  test("every command prints JSON for programs", async () => {
    const commands = [
      ...["info", "items", "tree", "caps"].map((name) => [name, "localhost"]),
      ["find", "--category", "conference"],
      ["all", "hostile.localhost"],
    ];
    const results = await Promise.all(commands.map((args) => cli([...args, "--json"], { service })));
    for (const { stdout, exitCode } of results) {
      expect(exitCode).toBe(0);
      expectSafe(stdout);
    }
    const [info, items, tree, caps, found, evil] = results.map(({ stdout }) => JSON.parse(stdout));
    expect(info).toMatchObject({ jid: "localhost", features: expect.arrayContaining(["urn:xmpp:ping"]) });
    expect(items.items).toContainEqual(expect.objectContaining({ jid: "muc.localhost" }));
    expect(tree[0]).toMatchObject({ jid: "localhost", depth: 0 });
    expect(caps[0].hashes[0]).toMatchObject({ xep: "XEP-0115", verified: true });
    expect(found.services).toEqual([expect.objectContaining({ jid: "muc.localhost" })]);
    expect(evil).toMatchObject({ features: [NS_DISCO_INFO, EVIL, ENDLESS], items: [{ name: EVIL }] });
  });

  test("hostile names, and endless ones, are shown safely", async () => {
    const { stdout, exitCode } = await cli(["all", "hostile.localhost"], { service });
    expect(stdout).toContain(`component/${EVIL_SHOWN}  ${EVIL_SHOWN}\n`);
    expect(stdout).toMatch(/\n {2}m+…\n/);
    expect(stdout.length).toBeLessThan(2_000);
    expect(exitCode).toBe(0);
    expectSafe(stdout);
  });

  test("very many items are all there", async () => {
    const { stdout, exitCode } = await cli(["items", "hostile.localhost", "many"], { service });
    const lines = stdout.split("\n");
    expect(exitCode).toBe(0);
    expect(lines[0]).toBe(`Items (${count})`);
    expect(lines).toHaveLength(count + 2);
    expect(new Set(lines).size).toBe(count + 2);
  });

  test("on a terminal there are colours, and a progress bar that goes away", async () => {
    const [info, tree, plain] = await Promise.all([
      cli(["info", "localhost"], { service, terminal: true }),
      cli(["tree", "localhost"], { service, terminal: true }),
      cli(["tree", "localhost"], { service, terminal: true, env: { NO_COLOR: "1" } }),
    ]);
    expect(info.stdout).toContain("\u001b[1mIdentities\u001b[22m");
    expect(info.stdout).toContain("\u001b[36mXEP-0199\u001b[39m");
    expect(tree.stdout).toMatch(/ (\d+) of \1 asked, \d+ found, \d failed/);
    // The cursor is back, and the line of the bar empty, when the tree begins.
    const [before = ""] = tree.stdout.split("\u001b[2K\u001b[1mlocalhost\u001b[22m");
    expect(before.lastIndexOf("\u001b[?25h")).toBeGreaterThan(before.lastIndexOf("\u001b[?25l"));
    expect(screen(tree.stdout)).toContain("muc.localhost  Rooms  conference/text");
    expect(plain.stdout).not.toContain("\u001b[1m");
    expect(plain.stdout).not.toContain("\u001b[3");
  });

  test("over WebSocket it is the same", async () => {
    const [tcp, ws] = await Promise.all(
      [service, webSocket].map((service) => cli(["identities", "localhost"], { service })),
    );
    expect(ws).toEqual(tcp);
  });

  test("a guest gets in without an account where that is allowed, and is told where it is not", async () => {
    const [guest, refused] = await Promise.all([
      cli(["--anonymous", "anon.localhost", "identities", "anon.localhost"], { service }),
      cli(["--anonymous", "localhost", "identities", "localhost"], { service }),
    ]);
    expect(guest).toMatchObject({ exitCode: 0, stderr: "" });
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain("localhost lets nobody in without an account");
  });

  test("who asks in vain is told why, with a code for each kind", async () => {
    const wrong = { service, env: { XMPP_PASSWORD: "wrong" } };
    const results = await Promise.all([
      cli(["info", "localhost"], wrong),
      cli(["info", "localhost", "no-such-node"], { service }),
      cli(["info", "nobody@localhost"], { service }),
      cli(["--jid", "romeo@elsewhere.example", "info", "localhost"], { service }),
    ]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([4, 5, 5, 3]);
    expect(results.map(({ stdout }) => stdout)).toEqual(["", "", "", ""]);
    expect(results.map(({ stderr }) => stderr)).toEqual([
      expect.stringContaining("does not accept this user name and password"),
      expect.stringContaining("the node no-such-node of localhost answers item-not-found"),
      expect.stringMatching(/nobody@localhost answers (service-unavailable|subscription-required)/),
      expect.stringContaining("host-unknown"),
    ]);
  });

  test("the password is asked for on the terminal, and not shown", async () => {
    const running = start(["identities", "localhost"], {
      service,
      terminal: true,
      env: { XMPP_PASSWORD: undefined },
    });
    await running.shows("Password of romeo@localhost");
    // Before that, the terminal echoes what is typed.
    await running.shows("\u001b[?25l");
    running.type("secret\r");
    const { stdout, exitCode } = await running.finished;
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("secret");
    expect(screen(stdout)).toMatch(/server\/im +\S/);
  });

  describe("with a contact", () => {
    let juliet: Ready<Client>;
    let asked = 0;

    beforeAll(async () => {
      juliet = await befriend(service);
      withServices(juliet.xmpp).summon(EntityCapsService, { node: "https://balcony.example/" });
      juliet.xmpp.on("element", (element) => {
        if (element.is("iq") && element.getChild("query", NS_DISCO_INFO)) asked += 1;
      });
      await juliet.xmpp.send(xml("presence"));
    });

    afterAll(() => juliet?.stop());

    /** Watches until the contact is shown, and interrupts. */
    async function watchOnce(args: readonly string[] = [], env: CliOptions["env"] = {}): Promise<Finished> {
      const running = start(["watch", ...args], { service, env });
      await running.shows("juliet@localhost/balcony");
      running.child.kill("SIGINT");
      return running.finished;
    }

    test("caps shows what her client announces, verified", async () => {
      const [bare, full] = await Promise.all(
        ["juliet@localhost", "juliet@localhost/balcony"].map((jid) => cli(["caps", jid], { service })),
      );
      expect(bare?.stdout).toMatch(
        /^juliet@localhost\/balcony {2}https:\/\/balcony\.example\/\n.*XEP-0115.*verified\n.*XEP-0390 {2}sha-256.*verified\n/,
      );
      expect(full).toEqual(bare);
    });

    test("the second run knows her software from the cache; with --no-cache nothing is known or kept", async () => {
      const env = { XDG_CACHE_HOME: join(folder, `cache of ${name}`) };
      asked = 0;
      await watchOnce(["--no-cache"], env);
      expect(asked).toBe(1);
      await expect(readdir(env.XDG_CACHE_HOME)).rejects.toThrow();
      const { stdout } = await watchOnce([], env);
      expect(asked).toBe(2);
      expect((await readdir(join(env.XDG_CACHE_HOME, "xmpp-disco"))).length).toBeGreaterThan(0);
      const again = await watchOnce([], env);
      expect(asked).toBe(2);
      expect(again.stdout.slice(8)).toBe(stdout.slice(8));
      await watchOnce(["--no-cache"], env);
      expect(asked).toBe(3);
    });

    test("watch shows who comes, changes and goes, in lines for people and in lines of JSON", async () => {
      const [people, programs] = [start(["watch"], { service }), start(["watch", "--json"], { service })];
      const both = [people, programs];
      const visitor = await connect({ service, username: "juliet", resource: "visitor" });
      try {
        const services = withServices(visitor.xmpp);
        services.summon(EntityCapsService, { rebroadcastDelay: 0 });
        await visitor.xmpp.send(xml("presence"));
        await Promise.all(both.map((running) => running.shows("juliet@localhost/visitor")));
        services.summon(DiscoServer).registerFeature("urn:xmpp:receipts");
        await Promise.all(both.map((running) => running.shows("urn:xmpp:receipts")));
      } finally {
        await visitor.stop();
      }
      await Promise.all(both.map((running) => running.shows("gone")));
      for (const running of both) running.child.kill("SIGINT");
      const [text, json] = await Promise.all(both.map((running) => running.finished));
      expect([text?.exitCode, json?.exitCode, text?.stderr]).toEqual([130, 130, ""]);
      const visits = text?.stdout.replaceAll(/^\d\d:\d\d:\d\d {2}/gm, "").split("\n");
      expect(visits?.filter((line) => !/\/balcony|romeo@/.test(line))).toEqual([
        "new      juliet@localhost/visitor  client/bot",
        "changed  juliet@localhost/visitor  client/bot",
        `${" ".repeat(19)}+ urn:xmpp:receipts  XEP-0184  Message Delivery Receipts`,
        "gone     juliet@localhost/visitor",
        "",
      ]);
      const lines = json?.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(lines?.filter(({ jid }) => jid.endsWith("/visitor"))).toEqual([
        expect.objectContaining({ change: "new", features: expect.any(Array), time: expect.any(String) }),
        expect.objectContaining({ change: "changed", added: ["urn:xmpp:receipts"], removed: [] }),
        expect.objectContaining({ change: "gone" }),
      ]);
    });

    test("watch takes no messages that are meant for others, and is off line when it has ended", async () => {
      const romeo = await connect({ service, username: "romeo" });
      const seen: string[] = [];
      romeo.xmpp.on("stanza", (stanza) => {
        const from = stanza.attrs["from"] ?? "";
        if (!stanza.is("presence") || !from.startsWith("romeo@")) return;
        if (from !== romeo.jid)
          seen.push(stanza.attrs["type"] ?? `priority ${stanza.getChildText("priority")}`);
      });
      try {
        await romeo.xmpp.send(xml("presence"));
        await watchOnce();
        await expect.poll(() => seen).toEqual(["priority -1", "unavailable"]);
      } finally {
        await romeo.stop();
      }
    });

    test("watch ends by itself after the time that is given", async () => {
      const { exitCode } = await cli(["watch", "--for", "0.1"], { service });
      expect(exitCode).toBe(0);
    });
  });
});

describe("what is typed wrong ends with 2", () => {
  test("and says what is wrong, and what to do", async () => {
    const [option, jid] = await Promise.all([
      cli(["info", "localhost", "--password", "x"]),
      cli(["info", "@@"]),
    ]);
    expect([option?.exitCode, option?.stderr]).toEqual([
      2,
      "error: unknown option '--password'\n(xmpp-disco --help says more)\n",
    ]);
    expect([jid?.exitCode, jid?.stderr]).toEqual([
      2,
      'xmpp-disco: not a JID: "@@"\nA JID is user@domain/resource, user@domain or domain.\n',
    ]);
  });

  test("no password, and no terminal to ask on", async () => {
    const { exitCode, stderr } = await cli(["info", "localhost"], { env: { XMPP_PASSWORD: undefined } });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("Set XMPP_PASSWORD")]);
  });
});

test("the account and the server may come from the environment", async () => {
  const env = environment({ XMPP_JID: "romeo@localhost", XMPP_SERVICE: prosody.service });
  const named = run(process.execPath, [MAIN, "identities", "localhost"], { env });
  const guest = run(
    process.execPath,
    [MAIN, "--anonymous", "anon.localhost", "identities", "anon.localhost"],
    { env },
  );
  expect(await named.finished).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await guest.finished).toMatchObject({ exitCode: 0, stderr: "" });
});

/** A server that listens on a free port, and is gone at the end of the block. */
async function listening(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** What a {@link fakeServer} says to a request; "cut" ends the connection. */
type Answer = (request: { readonly id: string; readonly xmlns: string }) => string;

/** A server that lets everybody in and answers requests in whatever XML it is told to; it counts the streams that were closed. */
function fakeServer(
  answer: Answer,
  { features = "", create = createServer as (onSocket: (socket: Socket) => void) => Server } = {},
) {
  const state = { closed: 0, requests: 0 };
  const server = create((socket) => {
    let isIn = false;
    let buffer = "";
    socket.on("error", () => {});
    const reply = (token: string): string => {
      const id = /id="([^"]*)"/.exec(token)?.[1] ?? "";
      if (token.startsWith("<stream:stream")) {
        const mechanisms =
          '<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>ANONYMOUS</mechanism></mechanisms>';
        const bind = '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>';
        return `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" version="1.0" id="1" from="localhost"><stream:features>${isIn ? bind + features : mechanisms}</stream:features>`;
      }
      if (token.startsWith("<auth")) {
        isIn = true;
        return '<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>';
      }
      if (token.startsWith("</stream:stream")) {
        state.closed += 1;
        return token;
      }
      if (token.includes("xmpp-bind")) {
        return `<iq type="result" id="${id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>guest@localhost/1</jid></bind></iq>`;
      }
      state.requests += 1;
      return answer({ id, xmlns: /<query xmlns="([^"]*)"/.exec(token)?.[1] ?? "" });
    };
    socket.setEncoding("utf8").on("data", (text: string) => {
      buffer += text;
      buffer = buffer.replace(
        /<stream:stream[^>]*>|<auth[^>]*\/>|<auth.*?<\/auth>|<iq.*?<\/iq>|<\/stream:stream>/gs,
        (token) => {
          const answer = reply(token);
          if (answer === "cut") socket.destroy();
          else socket.write(answer);
          return "";
        },
      );
    });
  });
  return { server, state };
}

/** Runs the command as a guest of a server on this port. */
function guest(port: number, args: readonly string[], options: CliOptions = {}): Running {
  const service = `xmpp://${LOOPBACK}:${port}`;
  return start(["--anonymous", "localhost", ...args], { service, ...options });
}

/** An answer of the server's with these children of the query. */
function info(id: string, children: string): string {
  return `<iq type="result" id="${id}" from="localhost"><query xmlns="${NS_DISCO_INFO}">${children}</query></iq>`;
}

describe("a server that is none, or a bad one", () => {
  test("that is not there, or not by that name, is not reached", async () => {
    const [port] = await freePorts(1);
    const results = await Promise.all([
      guest(port ?? 0, ["info", "localhost"]).finished,
      cli(["info", "localhost"], { service: `ws://${LOOPBACK}:${port}/` }),
      cli(["info", "localhost"], { service: `${LOOPBACK}:${port}` }),
      cli(["info", "localhost"], { service: "xmpp://no-such-host.invalid" }),
    ]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([3, 3, 3, 3]);
    for (const { stderr } of results.slice(0, 3)) expect(stderr).toContain("nobody answers at");
    // Whether it is known that there is none depends on the network.
    expect(results[3]?.stderr).toMatch(/there is no host|cannot be looked up/);
  });

  test("that says nothing is given up, also by TLS", async () => {
    await using silent = await listening(createServer());
    const service = `xmpps://${LOOPBACK}:${silent.port}`;
    const results = await Promise.all([
      guest(silent.port, ["info", "localhost", "--timeout", "0.5"]).finished,
      cli(["info", "localhost", "--timeout", "0.5"], { service }),
    ]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([3, 3]);
    for (const { stderr } of results) expect(stderr).toContain("has said nothing for 0.5 s");
  });

  test("that talks HTTP is told so, by TCP, TLS and WebSocket", async () => {
    const http = createHttpServer((_request, response) => response.end("<html>\n".repeat(10_000)));
    http.on("clientError", (_error, socket) => {
      socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      // A second piece, after what is no XML.
      setImmediate(() => socket.end("<html><body>Bad request</body></html>"));
    });
    await using server = await listening(http);
    const at = (protocol: string) => `${protocol}://${LOOPBACK}:${server.port}`;
    const results = await Promise.all(
      [at("xmpp"), at("xmpps"), at("ws")].map((service) => cli(["info", "localhost"], { service })),
    );
    expect(results.map(({ exitCode }) => exitCode)).toEqual([3, 3, 3]);
    expect(results.map(({ stderr }) => stderr)).toEqual([
      expect.stringContaining("does not talk XMPP"),
      expect.stringContaining("does not talk TLS"),
      expect.stringContaining("is no WebSocket"),
    ]);
  });

  test("whose certificate does not verify is refused, until it is known", async () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    await promisify(execFile)("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
      ...["-keyout", key, "-out", cert],
    ]);
    const identity = { key: await readFile(key), cert: await readFile(cert) };
    const { server } = fakeServer(({ id }) => info(id, '<identity category="server" type="im"/>'), {
      create: (onSocket) => createTlsServer(identity, onSocket),
    });
    server.on("tlsClientError", () => {});
    await using secure = await listening(server);
    const args = ["--anonymous", "localhost", "identities", "localhost"];
    const service = `xmpps://localhost:${secure.port}`;
    const [refused, accepted] = await Promise.all([
      cli(args, { service }),
      cli(args, { service, env: { NODE_EXTRA_CA_CERTS: cert } }),
    ]);
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toMatch(/certificate of xmpps:.* does not verify.*\n.*NODE_EXTRA_CA_CERTS/);
    expect(accepted).toMatchObject({ exitCode: 0, stdout: "Identities\n  server/im\n" });
  });

  test("that answers in vain is told by kind: no answer, nonsense, a connection that is cut, bad XML", async () => {
    const answers: Answer[] = [
      () => "",
      ({ id }) => `<iq type="result" id="${id}" from="localhost"><other xmlns="x"/></iq>`,
      () => "cut",
      () => "<a></b>",
    ];
    const results = await Promise.all(
      answers.map(async (answer) => {
        await using server = await listening(fakeServer(answer).server);
        return await guest(server.port, ["info", "localhost", "--timeout", "1"]).finished;
      }),
    );
    expect(results.map(({ exitCode }) => exitCode)).toEqual([6, 7, 8, 8]);
    expect(results.map(({ stderr }) => stderr)).toEqual([
      "xmpp-disco: localhost: no answer within 1 s\nTry --timeout 3.\n",
      expect.stringContaining("the answer of localhost makes no sense"),
      expect.stringContaining("the connection was lost"),
      expect.stringContaining("the connection was lost"),
    ]);
  });

  test("that sends escapes that XML cannot carry does not reach the terminal with them", async () => {
    const evil = "&#27;[31m&#27;]0;title&#7;&#8;&#13;&#10;x";
    const { server } = fakeServer(({ id }) =>
      info(id, `<identity category="server" type="im" name="${evil}"/><feature var="${evil}"/>`),
    );
    const { server: refusing } = fakeServer(
      ({ id }) =>
        `<iq type="error" id="${id}" from="localhost"><error type="cancel"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">${evil}</text></error></iq>`,
    );
    await using telling = await listening(server);
    await using saying = await listening(refusing);
    const results = await Promise.all([
      guest(telling.port, ["info", "localhost"]).finished,
      guest(telling.port, ["info", "localhost", "--json"]).finished,
      guest(saying.port, ["info", "localhost"]).finished,
    ]);
    for (const { stdout, stderr } of results) expectSafe(stdout + stderr);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([7, 7, 7]);
    expect(results[0]?.stderr).toContain("the server sends what is no XML");
  });

  test("that has a name of a megabyte is shown safely", async () => {
    const { server } = fakeServer(({ id }) =>
      info(id, `<identity category="a" type="b" name="${MEGABYTE}"/>`),
    );
    await using telling = await listening(server);
    const [people, programs] = await Promise.all([
      guest(telling.port, ["identities", "localhost"]).finished,
      guest(telling.port, ["identities", "localhost", "--json"]).finished,
    ]);
    expect(people.stdout).toMatch(/^Identities\n {2}a\/b {2}m{159}…\n$/);
    expect(JSON.parse(programs.stdout).identities[0].name).toBe(MEGABYTE);
  });

  test("that announces a hash that is not its own is found out", async () => {
    const features = `<c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:x" ver="AAAAAAAAAAAAAAAAAAAAAAAAAAA="/>`;
    const { server } = fakeServer(({ id }) => info(id, '<identity category="server" type="im"/>'), {
      features,
    });
    await using lying = await listening(server);
    const { stdout, stderr, exitCode } = await guest(lying.port, ["caps", "localhost"]).finished;
    expect(exitCode).toBe(7);
    expect(stdout).toMatch(/AAA= +wrong: should be \S+=\n/);
    expect(stderr).toContain("localhost announces a hash that is not its own");
  });
});

describe("Ctrl-C ends it within a second, with 130 and the cursor back", () => {
  async function interrupted(running: Running, interrupt: () => void): Promise<Finished> {
    const at = performance.now();
    interrupt();
    const finished = await running.finished;
    expect(performance.now() - at).toBeLessThan(1_000);
    expect(finished.exitCode).toBe(130);
    expect(finished.stdout.lastIndexOf("\u001b[?25l")).toBeLessThanOrEqual(
      finished.stdout.lastIndexOf("\u001b[?25h"),
    );
    expect(finished.stdout + finished.stderr).not.toContain("xmpp-disco:");
    return finished;
  }

  test("at the password", async () => {
    const env = { XMPP_PASSWORD: undefined };
    const running = start(["info", "localhost"], { service: prosody.service, terminal: true, env });
    await running.shows("\u001b[?25l");
    running.type("sec");
    await interrupted(running, () => running.type("\u0003"));
  });

  test("during the log-in", async () => {
    await using silent = await listening(createServer((socket) => socket.once("data", () => onData())));
    let onData = () => {};
    const reached = new Promise<void>((resolve) => {
      onData = resolve;
    });
    const running = guest(silent.port, ["info", "localhost"], { terminal: true });
    await reached;
    await interrupted(running, () => running.type("\u0003"));
  });

  test("during a search, and the stream is closed", async () => {
    const { server, state } = fakeServer(() => "");
    await using waiting = await listening(server);
    const running = guest(waiting.port, ["tree", "localhost"], { terminal: true });
    await running.shows("0 of 1 asked");
    await expect.poll(() => state.requests).toBeGreaterThan(0);
    await interrupted(running, () => running.type("\u0003"));
    expect(state.closed).toBe(1);
  });

  test("while it watches, and Prosody's session is closed", async () => {
    const running = start(["watch"], { service: prosody.service, terminal: true });
    await running.shows("Ctrl-C ends it.");
    const [, jid = ""] = /Watching as (\S+);/.exec(running.stdout) ?? [];
    expect(jid).toMatch(/^romeo@localhost\//);
    await interrupted(running, () => running.type("\u0003"));
    const { exitCode } = await cli(["info", jid], { service: prosody.service });
    expect(exitCode).toBe(5);
  });

  test("from another process, by its signal", async () => {
    const { server, state } = fakeServer(() => "");
    await using waiting = await listening(server);
    const running = guest(waiting.port, ["info", "localhost"]);
    await expect.poll(() => state.requests).toBeGreaterThan(0);
    await interrupted(running, () => running.child.kill("SIGINT"));
    expect(state.closed).toBe(1);
  });
});

test("Ctrl-D at the password gives none", async () => {
  const env = { XMPP_PASSWORD: undefined };
  const running = start(["info", "localhost"], { service: prosody.service, terminal: true, env });
  await running.shows("\u001b[?25l");
  running.type("\u0004");
  const { stdout, exitCode } = await running.finished;
  expect([exitCode, screen(stdout)]).toEqual([2, expect.stringContaining("no password was given")]);
});

test("who reads no further ends it quietly, also while it watches", async () => {
  const { service } = prosody;
  const info = start(["info", "localhost"], { service });
  info.child.stdout.destroy();
  expect(await info.finished).toMatchObject({ exitCode: 0, stderr: "" });
  const watching = start(["watch", "--json"], { service });
  watching.child.stdout.destroy();
  const juliet = await befriend(service);
  try {
    expect(await watching.finished).toMatchObject({ exitCode: 0, stderr: "" });
  } finally {
    await juliet.stop();
  }
});

test("output that cannot be written is a failure", async () => {
  const command = `exec "$0" "$@" > /dev/full`;
  const args = ["-c", command, process.execPath, MAIN, "--jid", "romeo@localhost", "info", "localhost"];
  const env = environment({ XMPP_SERVICE: prosody.service });
  const { exitCode, stderr } = await run("sh", args, { env }).finished;
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("the output cannot be written: ENOSPC")]);
});

test("the help says all it takes, and the version is the package's", async () => {
  const [help, version] = await Promise.all(
    ["--help", "--version"].map((option) => run(process.execPath, [MAIN, option]).finished),
  );
  expect(help).toMatchObject({ exitCode: 0, stderr: "" });
  expect(help?.stdout).toMatch(/info.*identities.*features.*all.*tree.*find.*caps.*watch.*Exit codes:/s);
  expect(help?.stdout).not.toContain("--password");
  expect(version?.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
