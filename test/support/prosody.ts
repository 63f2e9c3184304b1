import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LOOPBACK } from "./ports.ts";
import type { Launch } from "./server-process.ts";
import { XmppServer, type XmppServerOptions } from "./xmpp-server.ts";

/** What a Prosody can be started with. */
export interface ProsodyOptions extends XmppServerOptions {
  /** The rounds of PBKDF2 for a password; 1 unless given, since Prosody's own 10000 take xmpp.js most of a second. */
  readonly iterations?: number;
  /** Lua to add to the configuration of the main host. */
  readonly extra?: string;
}

const CONFIG = "prosody.cfg.lua";

/**
 * A Prosody of its own for a test.
 *
 * @example
 * await using prosody = await Prosody.start();
 */
export class Prosody extends XmppServer {
  readonly #iterations: number;
  readonly #extra: string;

  private constructor(options: ProsodyOptions) {
    super({ name: "Prosody", command: "prosody", debian: "prosody" }, options);
    this.#iterations = options.iterations ?? 1;
    this.#extra = options.extra ?? "";
  }

  /** @throws Error when Prosody is not installed, or does not start. */
  static start(options: ProsodyOptions = {}): Promise<Prosody> {
    return new Prosody(options).launch();
  }

  protected override async prepare(): Promise<Launch> {
    // The storage "internal" keeps an account in a file: writing it needs no running server.
    const accounts = join(this.folder, "data", this.domain, "accounts");
    await mkdir(accounts, { recursive: true });
    const account = `return { ["password"] = ${lua(this.password)} };\n`;
    await Promise.all(this.accounts.map((name) => writeFile(join(accounts, fileName(name)), account)));
    await writeFile(join(this.folder, CONFIG), this.#config());
    return { args: ["-F", "--config", join(this.folder, CONFIG)] };
  }

  #config(): string {
    const components = Object.entries(this.components).map(
      ([jid, secret]) => `Component ${lua(jid)}\n\tcomponent_secret = ${lua(secret)}\n`,
    );
    // Without the module "tls" nobody is asked to encrypt, so PLAIN in the clear has to be allowed.
    return `
run_as_root = true -- or root would become the user prosody, who may not write here
data_path = ${lua(join(this.folder, "data"))}
certificates = ${lua(this.folder)}
log = { info = "*console" }

interfaces = { ${lua(LOOPBACK)} }
local_interfaces = { ${lua(LOOPBACK)} }
http_interfaces = { ${lua(LOOPBACK)} }
component_interfaces = { ${lua(LOOPBACK)} }
c2s_ports = { ${this.port} }
http_ports = { ${this.httpPort} }
component_ports = { ${this.componentPort} }
c2s_direct_tls_ports = {}
https_ports = {}
s2s_ports = {}
s2s_direct_tls_ports = {}

modules_enabled = {
	"roster"; "saslauth"; "disco"; "pep"; "ping"; "version"; "websocket"; ${this.smacks ? '"smacks";' : ""}
}
modules_disabled = { "s2s" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_websocket_secure = true
http_default_host = ${lua(this.domain)}
authentication = "internal_hashed"
default_iteration_count = ${this.#iterations}
storage = "internal"

VirtualHost ${lua(this.domain)}
${this.#extra}

VirtualHost ${lua(this.anonymousDomain)}
	authentication = "anonymous"

Component ${lua(this.mucDomain)} "muc"
	name = "Rooms"
	restrict_room_creation = false

${components.join("\n")}`;
  }
}

/** A string in Lua, where JSON's notation goes for all but control characters. */
function lua(text: string): string {
  return JSON.stringify(text);
}

/** Prosody's own encoding of a name for the file system. */
function fileName(name: string): string {
  const encoded = Array.from(Buffer.from(name), (byte) => {
    const character = String.fromCharCode(byte);
    return /[a-z0-9]/i.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
  });
  return `${encoded.join("")}.dat`;
}
