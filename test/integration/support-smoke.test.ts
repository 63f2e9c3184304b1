import { type EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, xml } from "@xmpp/client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Ejabberd } from "../support/ejabberd.ts";
import { accepts, freePorts, LOOPBACK } from "../support/ports.ts";
import { Prosody } from "../support/prosody.ts";
import { connect, connectComponent } from "../support/ready.ts";
import { Redis } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const COMPONENT = { jid: "component.localhost", secret: "s3cret" };

// For a busy machine; without other work no test takes longer than two seconds.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });
const POLL = { interval: 5, timeout: 10_000 };

function ping(xmpp: Pick<Client, "iqCaller">, to: string): Promise<unknown> {
  return xmpp.iqCaller.request(xml("iq", { type: "get", to }, xml("ping", "urn:xmpp:ping")), 10_000);
}

/** Its types leave out that it emits events. */
function streamManagement(xmpp: Client): Client["streamManagement"] & EventEmitter {
  return xmpp.streamManagement as Client["streamManagement"] & EventEmitter;
}

/** Unlike `once` of Node.js does not mind that the emitter has an "error" meanwhile. */
function occurs(emitter: EventEmitter, event: string): Promise<void> {
  return new Promise((resolve) => {
    emitter.once(event, () => resolve());
  });
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe.each([
  ["Prosody", Prosody],
  ["ejabberd", Ejabberd],
] as const)("%s", (_name, Server) => {
  let server: Prosody | Ejabberd;

  beforeAll(async () => {
    server = await Server.start({ smacks: true, components: { [COMPONENT.jid]: COMPONENT.secret } });
  });

  afterAll(() => server?.stop());

  test.each(["service", "webSocket"] as const)("lets two clients in by its %s", async (address) => {
    const service = server[address];
    await using romeo = await connect({ service, username: "romeo", resource: "orchard" });
    await using juliet = await connect({ service, username: "juliet", resource: "balcony" });
    expect([romeo.jid, juliet.jid]).toEqual(["romeo@localhost/orchard", "juliet@localhost/balcony"]);
    await ping(romeo.xmpp, server.domain);
    await ping(romeo.xmpp, juliet.jid);
    expect([romeo.errors, juliet.errors]).toEqual([[], []]);
  });

  test("keeps a wrong password out", async () => {
    const attempt = connect({ service: server.service, username: "romeo", password: "wrong" });
    await expect(attempt).rejects.toMatchObject({ name: "SASLError" });
  });

  test("lets anybody in on its anonymous host", async () => {
    await using nobody = await connect({ service: server.service, domain: server.anonymousDomain });
    expect(nobody.jid).toMatch(/^[^@]+@anon\.localhost\/./);
  });

  test("lets an external component in", async () => {
    const { jid: domain, secret: password } = COMPONENT;
    const service = server.componentService;
    await using component = await connectComponent({ service, domain, password });
    await using romeo = await connect({ service: server.service, username: "romeo" });
    component.xmpp.iqCallee.get("urn:xmpp:ping", "ping", () => true);
    await ping(romeo.xmpp, domain);
    await ping(component.xmpp, romeo.jid);
    expect(component.jid).toBe(domain);
    expect(component.errors).toEqual([]);
  });

  test("has rooms and personal eventing", async () => {
    await using romeo = await connect({ service: server.service, username: "romeo" });
    const query = xml("query", "http://jabber.org/protocol/disco#info");
    const rooms = await romeo.xmpp.iqCaller.get(query, server.mucDomain);
    expect(rooms?.getChild("identity")?.attrs).toMatchObject({ category: "conference", name: "Rooms" });
    const account = await romeo.xmpp.iqCaller.get(query, "romeo@localhost");
    expect(account?.getChildByAttr("category", "pubsub")?.attrs).toMatchObject({ type: "pep" });
  });

  test("lets a client resume its stream after a cut", async () => {
    await using proxy = await TcpProxy.start(server.port);
    const service = `xmpp://${LOOPBACK}:${proxy.port}`;
    await using romeo = await connect({ service, username: "romeo", reconnectDelay: 10 });
    const management = streamManagement(romeo.xmpp);
    await expect.poll(() => management.id, POLL).not.toBe("");
    const { id } = management;
    const resumed = occurs(management, "resumed");
    proxy.cut();
    await resumed;
    expect(management.id).toBe(id);
    await ping(romeo.xmpp, server.domain);
  });

  test("can be killed and restarted with the same accounts", async () => {
    const { service } = server;
    await using romeo = await connect({ service, username: "romeo", reconnectDelay: 10 });
    const online = occurs(romeo.xmpp, "online");
    await server.kill();
    await expect(connect({ service, username: "juliet" })).rejects.toThrow("ECONNREFUSED");
    await server.restart();
    await online;
    await ping(romeo.xmpp, server.domain);
    await using juliet = await connect({ service, username: "juliet" });
    await ping(juliet.xmpp, server.domain);
  });

  test("is gone after it has been stopped", async () => {
    const { folder, pid, port } = server;
    expect(existsSync(folder)).toBe(true);
    expect(isRunning(pid as number)).toBe(true);
    await Promise.all([server.stop(), server.stop()]);
    expect(isRunning(pid as number)).toBe(false);
    expect(existsSync(folder)).toBe(false);
    expect(await accepts(port)).toBe(false);
    await expect(server.restart()).rejects.toThrow("has been stopped");
  });
});

describe("Prosody's options", () => {
  test("offer no stream management and no components unless asked to", async () => {
    await using prosody = await Prosody.start({ accounts: ["nurse.of-juliet"] });
    await using nurse = await connect({ service: prosody.service, username: "nurse.of-juliet" });
    await ping(nurse.xmpp, prosody.domain);
    expect(nurse.xmpp.streamManagement.id).toBe("");
    expect(await accepts(prosody.componentPort)).toBe(false);
  });

  test("add to the configuration of the main host", async () => {
    await using prosody = await Prosody.start({ extra: 'authentication = "anonymous"' });
    await using nobody = await connect({ service: prosody.service });
    expect(nobody.jid).toContain("@localhost/");
  });

  test("that Prosody cannot read fail with the end of its log", async () => {
    const attempt = Prosody.start({ extra: "this is not Lua" });
    await expect(attempt).rejects.toThrow(/^Prosody exited early \(1\).*syntax error near 'is'/s);
  });
});

describe("Redis", () => {
  async function greet(port: number): Promise<string> {
    const socket = connectSocket(port, LOOPBACK);
    socket.write("PING\r\n");
    const [answer] = await once(socket, "data");
    socket.destroy();
    return String(answer);
  }

  test("starts, is killed, restarted and stopped", async () => {
    const redis = await Redis.start();
    const { folder, port } = redis;
    expect(redis.url).toBe(`redis://127.0.0.1:${port}`);
    expect(await greet(port)).toBe("+PONG\r\n");
    await redis.kill();
    expect(redis.pid).toBeUndefined();
    await expect(greet(port)).rejects.toThrow("ECONNREFUSED");
    await redis.restart();
    expect(await greet(port)).toBe("+PONG\r\n");
    expect(await redis.log()).toContain("Ready to accept connections");
    await redis.stop();
    expect(await accepts(port)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  test("does not take somebody else's port for its own", async () => {
    await using redis = await Redis.start();
    await redis.kill();
    const squatter = createServer().listen(redis.port, LOOPBACK);
    await once(squatter, "listening");
    await expect(redis.restart()).rejects.toThrow("in use");
    squatter.close();
  });
});

describe("without the programs", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test.each([
    ["Prosody is not installed: sudo apt-get install prosody", Prosody],
    ["ejabberd is not installed: sudo apt-get install ejabberd", Ejabberd],
    ["redis-server is not installed: sudo apt-get install redis-server", Redis],
  ] as const)("%s", async (message, Server) => {
    vi.stubEnv("PATH", "/nowhere");
    await expect(Server.start()).rejects.toThrow(message);
  });
});

describe("TcpProxy", () => {
  async function echo() {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    server.listen(0, LOOPBACK);
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const proxy = await TcpProxy.start(port);
    const socket = connectSocket({ port: proxy.port, host: LOOPBACK, allowHalfOpen: true });
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes;
    });
    return {
      proxy,
      socket,
      received: () => received,
      async [Symbol.asyncDispose]() {
        socket.destroy();
        await proxy.stop();
        server.close();
      },
    };
  }

  test.each(["down", "up"] as const)("keeps back what goes %s until it is released", async (direction) => {
    await using link = await echo();
    link.socket.write("a");
    await expect.poll(link.received, POLL).toBe("a");
    link.proxy.hold(direction);
    link.socket.write("b");
    link.socket.end("c");
    await sleep(30);
    expect(link.received()).toBe("a");
    const end = once(link.socket, "end");
    link.proxy.release();
    await end;
    expect(link.received()).toBe("abc");
    await expect.poll(() => link.proxy.connections, POLL).toBe(0);
  });

  test("drops what it held back when it cuts", async () => {
    await using link = await echo();
    link.proxy.hold("up");
    link.socket.write("a");
    await expect.poll(() => link.proxy.connections, POLL).toBe(1);
    const error = once(link.socket, "error");
    link.proxy.cut();
    link.proxy.release();
    expect(await error).toMatchObject([{ code: "ECONNRESET" }]);
    expect(link.received()).toBe("");
  });

  test("refuses new connections and leaves others alone", async () => {
    await using link = await echo();
    link.socket.write("a");
    await expect.poll(link.received, POLL).toBe("a");
    link.proxy.refuse(true);
    const service = `xmpp://${LOOPBACK}:${link.proxy.port}`;
    await expect(connect({ service, username: "romeo" })).rejects.toMatchObject({ code: "ECONNRESET" });
    link.socket.write("b");
    await expect.poll(link.received, POLL).toBe("ab");
  });

  test("resets the client when the server is not there", async () => {
    const [port] = await freePorts(1);
    await using proxy = await TcpProxy.start(port as number);
    const socket = connectSocket(proxy.port, LOOPBACK);
    expect(await once(socket, "error")).toMatchObject([{ code: "ECONNRESET" }]);
  });
});
