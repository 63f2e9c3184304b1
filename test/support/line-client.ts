// A client in a process of its own that is told what to do by lines of JSON, see JsonProcess: one that can be suspended.
import { createInterface } from "node:readline";
import { DiscoClient, withServices } from "../../src/index.ts";
import { connect } from "./ready.ts";
import { survive } from "./survive.ts";

interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: { readonly jid?: string; readonly node?: string; readonly timeout?: number };
}

/** How a question ended, and after how many milliseconds. */
export interface Ended {
  /** The name of what is there, or of the error. */
  readonly with: string;
  readonly after: number;
  /** How many requests were sent so far. */
  readonly sent: number;
}

const [service = "", ttl = "Infinity"] = process.argv.slice(2);

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

let resumed = 0;
let sessions = 0;
const { xmpp, jid } = await connect({
  service,
  username: "romeo",
  reconnectDelay: 20,
  prepare: (unready) => {
    survive(unready);
    withServices(unready).summon(DiscoClient, { infoTtl: Number(ttl) });
    unready.on("online", () => {
      sessions += 1;
    });
    (unready.streamManagement as unknown as NodeJS.EventEmitter).on("resumed", () => {
      resumed += 1;
    });
  },
});
const disco = withServices(xmpp).summon(DiscoClient);

async function handle({ name, args }: Request): Promise<unknown> {
  if (name === "state") {
    return { sessions, resumed, status: xmpp.status, resumable: Boolean(xmpp.streamManagement.id) };
  }
  const startedAt = performance.now();
  const { jid: to = "", node, timeout } = args;
  const ended = await disco.queryInfo(to, { node, timeout }).then(
    (info) => info.name() ?? "",
    (error: Error) => error.name,
  );
  return { with: ended, after: performance.now() - startedAt, sent: disco.stats.sent } satisfies Ended;
}

tell({ ready: { jid, pid: process.pid } });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request;
  void handle(request).then(
    (result) => tell({ id: request.id, result }),
    (error: unknown) => tell({ id: request.id, error: String(error) }),
  );
}
process.exit();
