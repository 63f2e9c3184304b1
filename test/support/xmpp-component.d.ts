// There are no types for it on npm.
declare module "@xmpp/component" {
  import type { jid as xmppJid, xml as xmppXml } from "@xmpp/client-core";
  import type Connection from "@xmpp/connection";
  import type { IQCallee } from "@xmpp/iq/callee.js";
  import type { IQCaller } from "@xmpp/iq/caller.js";
  import type { Middleware } from "@xmpp/middleware";
  import type { Reconnect } from "@xmpp/reconnect";

  export interface Options {
    service: string;
    domain: string;
    password: string;
  }

  export interface Component extends Connection {
    entity: Component;
    reconnect: Reconnect<Component>;
    middleware: Middleware<Component>;
    iqCaller: IQCaller<Component>;
    iqCallee: IQCallee<Component>;
  }

  export function component(options: Options): Component;
  export const xml: typeof xmppXml;
  export const jid: typeof xmppJid;
}
