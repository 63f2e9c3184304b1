// A client with capabilities in a process of its own, whose cache has a store that others use as well. It answers as
// the clients in Python do, see test/support/python-client.ts.
import { createInterface } from "node:readline";
import KeyvRedis from "@keyv/redis";
import { Keyv } from "keyv";
import { DiscoClient, EntityCapsCache, EntityCapsService, withServices } from "../../../src/index.ts";
import { KeyvSqlite } from "../../support/keyv-sqlite.ts";
import { connect } from "../../support/ready.ts";

interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: { readonly jid?: string };
}

const [service = "", username = "", address = ""] = process.argv.slice(2);

function openStore(): Keyv {
  if (!address.startsWith("redis:")) return new Keyv(new KeyvSqlite(address));
  return new Keyv(new KeyvRedis({ url: address, socket: { reconnectStrategy: 50 } }));
}

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const store = openStore();
// A store that is not there costs a query, never an answer.
store.on("error", () => {});

const announced = new Set<string>();
const { xmpp, jid } = await connect({
  service,
  username,
  reconnect: false,
  prepare: (unready) => {
    const caps = withServices(unready).summon(EntityCapsService, { cache: new EntityCapsCache({ store }) });
    caps.on("capsChanged", (changed) => announced.add(changed));
  },
});
const disco = withServices(xmpp).summon(DiscoClient);
const caps = withServices(xmpp).summon(EntityCapsService);

/** Waits for the presence of a contact. */
async function presence(from: string): Promise<void> {
  while (!announced.has(from)) {
    await new Promise<void>((resolve) => caps.once("capsChanged", () => resolve()));
  }
}

const handlers: Readonly<Record<string, (contact: string) => Promise<unknown>>> = {
  /** What a contact can do, and how many questions have been sent so far. */
  async ask(contact) {
    await presence(contact);
    const { features } = await disco.queryInfo(contact);
    return { features, sent: disco.stats.sent };
  },
  /** Whether the store keeps what it is given. */
  async keeps() {
    const value = String(Math.random());
    await store.set("probe", value);
    return (await store.get("probe")) === value;
  },
};

tell({ ready: jid });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, name, args } = JSON.parse(line) as Request;
  handlers[name]?.(args.jid ?? "").then(
    (result) => tell({ id, result }),
    (error: unknown) => tell({ id, error: String(error) }),
  );
}
// Redis would be waited for as long as it is not there.
process.exit();
