import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LOOPBACK } from "./ports.ts";
import type { Launch } from "./server-process.ts";
import { XmppServer, type XmppServerOptions } from "./xmpp-server.ts";

const CONFIG = "ejabberd.yml";
const READY = "ready";
// Threads that spin while they wait starve each other on a busy machine: the start takes half a minute.
const NO_BUSY_WAIT = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"];

/**
 * An ejabberd of its own for a test.
 *
 * @example
 * await using ejabberd = await Ejabberd.start();
 */
export class Ejabberd extends XmppServer {
  private constructor(options: XmppServerOptions) {
    super({ name: "ejabberd", command: "erl", debian: "ejabberd" }, options);
  }

  /** @throws Error when ejabberd is not installed, or does not start. */
  static start(options: XmppServerOptions = {}): Promise<Ejabberd> {
    return new Ejabberd(options).launch();
  }

  /**
   * Starts the Erlang VM itself: ejabberdctl would change the user and leave an epmd behind that listens
   * on all interfaces. Without a node name there is none.
   */
  protected override async prepare(): Promise<Launch> {
    const libraries = await findLibraries();
    if (libraries === undefined) throw this.notInstalled();
    const mnesia = join(this.folder, "mnesia");
    await mkdir(mnesia, { recursive: true });
    // JSON is YAML.
    await writeFile(join(this.folder, CONFIG), JSON.stringify(this.#config(), undefined, 2));
    const accounts = this.accounts.map((name) => {
      return `ejabberd_auth:try_register(${erlang(name)}, ${erlang(this.domain)}, ${erlang(this.password)})`;
    });
    const ready = `file:write_file(${erlang(READY)}, os:getpid())`;
    return {
      args: [
        ...[...NO_BUSY_WAIT, "-noinput", "-mnesia", "dir", JSON.stringify(mnesia)],
        ...["-s", "ejabberd", "-eval", [...accounts, ready].join(", ")],
      ],
      env: {
        HOME: this.folder,
        ERL_LIBS: libraries,
        ERL_CRASH_DUMP: "/dev/null",
        EJABBERD_CONFIG_PATH: join(this.folder, CONFIG),
        EJABBERD_LOG_PATH: join(this.folder, "ejabberd.log"),
      },
    };
  }

  /** Only when the accounts are there as well, which are made after the ports were opened. */
  protected override async isReady(): Promise<boolean> {
    const ready = await readFile(join(this.folder, READY), "utf8").catch(() => "");
    return ready === String(this.pid) && super.isReady();
  }

  #config(): object {
    const components = Object.entries(this.components).map(([jid, password]) => [jid, { password }]);
    return {
      loglevel: "warning",
      hosts: [this.domain, this.anonymousDomain],
      host_config: {
        [this.anonymousDomain]: {
          auth_method: ["anonymous"],
          anonymous_protocol: "sasl_anon",
          allow_multiple_connections: true,
        },
      },
      auth_method: ["internal"],
      auth_password_format: "plain",
      s2s_access: "none",
      // Nothing is shaped, or a client would be slowed down to some kB a second.
      listen: [
        { port: this.port, ip: LOOPBACK, module: "ejabberd_c2s", access: "all" },
        {
          port: this.httpPort,
          ip: LOOPBACK,
          module: "ejabberd_http",
          request_handlers: { "/xmpp-websocket": "ejabberd_http_ws" },
        },
        ...(components.length > 0
          ? [
              {
                port: this.componentPort,
                ip: LOOPBACK,
                module: "ejabberd_service",
                access: "all",
                hosts: Object.fromEntries(components),
              },
            ]
          : []),
      ],
      modules: {
        mod_disco: {},
        mod_caps: {},
        mod_roster: {},
        mod_ping: {},
        mod_version: {},
        mod_muc: { host: this.mucDomain, name: "Rooms", access: "all", access_create: "all" },
        mod_pubsub: { plugins: ["flat", "pep"], access_createnode: "all" },
        ...(this.smacks ? { mod_stream_mgmt: {} } : {}),
      },
    };
  }
}

/** The folder with ejabberd's libraries, whose name has the architecture in it. */
async function findLibraries(): Promise<string | undefined> {
  const folders = await readdir("/usr/lib", { withFileTypes: true }).catch(() => []);
  for (const folder of folders) {
    const path = join("/usr/lib", folder.name);
    const names = folder.isDirectory() ? await readdir(path).catch(() => []) : [];
    if (names.some((name) => name.startsWith("ejabberd-"))) return path;
  }
  return undefined;
}

/** A binary in Erlang, where JSON's notation goes for all but control characters. */
function erlang(text: string): string {
  return `<<${JSON.stringify(text)}/utf8>>`;
}
