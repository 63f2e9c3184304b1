import { component } from "@xmpp/component";
import xml from "@xmpp/xml";
import { createClient } from "stanza";
import { DiscoServer, NS_DISCO_INFO, withServices } from "xmpp-disco";
import { connect } from "../../test/support/ready.ts";
import { ALL_FEATURES, COMPONENT_JIDS, DOMAIN, IDENTITY, OWN_FEATURES, OWN_INFO } from "../inputs.ts";
import { RawStream } from "../raw.ts";
import { type Contenders, cpu, type Task } from "../task.ts";

/** What a plain handler of xmpp.js answers. */
const byHand = () =>
  xml(
    "query",
    { xmlns: NS_DISCO_INFO },
    xml("identity", IDENTITY),
    ...ALL_FEATURES.map((feature) => xml("feature", { var: feature })),
  );

function addAll(node: Pick<DiscoServer, "registerFeature">): void {
  for (const feature of OWN_FEATURES) node.registerFeature(feature);
}

/** The processor's time is the contender's own; the stopwatch is with who asks. */
const usage: Task = { cpu };

/** Answers to plain text, without a parser. */
function answerRaw(stream: RawStream): void {
  stream.onText = (text) => {
    let answers = "";
    for (const [, attributes = ""] of text.matchAll(/<iq ([^>]*)>[\s\S]*?<\/iq>/g)) {
      const attribute = (name: string) => new RegExp(`\\b${name}=['"]([^'"]*)['"]`).exec(attributes)?.[1];
      answers += `<iq type="result" id="${attribute("id")}" from="${attribute("to")}" to="${attribute("from")}">${OWN_INFO}</iq>`;
    }
    // A part of a stanza waits for the rest.
    const end = text.lastIndexOf("</iq>");
    if (answers !== "") stream.send(answers);
    return end === -1 ? text : text.slice(end + 5);
  };
}

export const asClient: Contenders = {
  async "xmpp-disco"({ service = "", username = "" }) {
    const { xmpp, jid } = await connect({
      service,
      username,
      prepare: (unready) => {
        const server = withServices(unready).summon(DiscoServer);
        server.registerIdentity(IDENTITY.category, IDENTITY.type);
        server.unregisterIdentity("client", "bot");
        addAll(server);
      },
    });
    return { ...usage, jid: () => (xmpp.status === "online" ? jid : undefined) };
  },
  async "xmpp.js by hand"({ service = "", username = "" }) {
    const { jid } = await connect({
      service,
      username,
      prepare: (unready) => {
        unready.iqCallee.get(NS_DISCO_INFO, "query", byHand);
      },
    });
    return { ...usage, jid: () => jid };
  },
  async floor({ port = "", username = "" }) {
    const stream = await RawStream.login(Number(port), username);
    answerRaw(stream);
    return { ...usage, jid: () => stream.jid };
  },
  async stanza({ webSocket = "", username = "" }) {
    const client = createClient({
      jid: `${username}@localhost`,
      password: "secret",
      transports: { websocket: webSocket, bosh: false },
      useStreamManagement: false,
    });
    client.disco.identities.set("", [IDENTITY]);
    client.disco.features.set("", new Set(ALL_FEATURES));
    await new Promise<void>((resolve, reject) => {
      client.on("session:started", () => resolve());
      client.on("disconnected", () => reject(new Error("stanza cannot log in")));
      client.connect();
    });
    return { ...usage, jid: () => client.jid };
  },
};

type Component = ReturnType<typeof component>;

async function componentWith(
  { port }: Readonly<Record<string, string>>,
  setUp: (xmpp: Component) => void,
): Promise<Task> {
  const xmpp = component({ service: `xmpp://127.0.0.1:${port}`, domain: DOMAIN, password: "secret" });
  xmpp.reconnect.stop();
  xmpp.on("error", (error: Error) => process.stderr.write(`${error.stack}\n`));
  await xmpp.start();
  setUp(xmpp);
  return usage;
}

export const asComponent: Contenders = {
  "xmpp-disco": (args) =>
    componentWith(args, (xmpp) => {
      const server = withServices(xmpp).summon(DiscoServer);
      for (let index = 0; index < COMPONENT_JIDS; index++) {
        const entity = server.entity(`j${index}@${DOMAIN}`);
        entity.registerIdentity(IDENTITY.category, IDENTITY.type);
        addAll(entity);
      }
    }),
  "xmpp.js by hand": (args) =>
    componentWith(args, (xmpp) => {
      xmpp.iqCallee.get(NS_DISCO_INFO, "query", byHand);
    }),
  async floor({ port = "" }) {
    const stream = await RawStream.handshake(Number(port), DOMAIN);
    answerRaw(stream);
    return usage;
  },
};
