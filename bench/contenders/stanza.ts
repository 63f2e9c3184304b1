import { createRequire } from "node:module";
import { type Agent, createClient, JXT, Stanzas } from "stanza";
import { DELAY, OWN_INFO } from "../inputs.ts";

/** What stanza does with capabilities. It has no place among its exports. */
export const stanzaCaps = createRequire(import.meta.url)("stanza/helpers/LegacyEntityCapabilities") as {
  generate(info: object, hash: string): string | null;
  verify(info: object, hash: string, value: string): boolean;
};

const registry = new JXT.Registry();
registry.define(Stanzas.default);

/** What stanza makes of the XML of a `<query/>`. */
export function stanzaRead(xml: string): object {
  const info = registry.import(JXT.parse(xml));
  if (info === undefined) throw new Error(`stanza does not know ${xml.slice(0, 80)}`);
  return info;
}

/** A client of stanza over a stream in memory, whose requests are answered after a while; `sent` is called for each. */
export function stanzaClient(sent: () => void): Agent {
  const client = createClient({ jid: "romeo@montague.example/orchard", useStreamManagement: false });
  client.jid = "romeo@montague.example/orchard";
  const transport = {
    async send(kind: string, data: JXT.JSONElement) {
      const text = String(client.stanzas.export(kind, data));
      sent();
      const id = /id="([^"]*)"/.exec(text)?.[1];
      const to = /to="([^"]*)"/.exec(text)?.[1];
      const answer =
        `<iq xmlns="jabber:client" type="result" id="${id}" from="${to}" to="romeo@montague.example/orchard">` +
        `${OWN_INFO}</iq>`;
      setTimeout(() => {
        client.emit("stream:data", client.stanzas.import(JXT.parse(answer)) as never, "iq");
      }, DELAY);
    },
    disconnect() {},
  };
  Object.assign(client, { transport });
  return client;
}
