import type { Element } from "@xmpp/xml";
import type { Entity } from "../services/entity.js";

interface Sender {
  send(element: Element, ...rest: unknown[]): Promise<void>;
  sendMany?(elements: Iterable<Element>, ...rest: unknown[]): Promise<void>;
}

/**
 * Has `change` see every stanza before it is written; returns what ends that.
 *
 * xmpp.js tells of a stanza when it has been written, so its methods are wrapped. Where an application has wrapped them
 * in turn, its wrapper stays, and ours lets everything pass.
 */
export function interceptSend(entity: Entity, change: (stanza: Element) => void): () => void {
  const sender = entity as Sender;
  let isActive = true;
  const hadSend = Object.hasOwn(sender, "send");
  const hadSendMany = Object.hasOwn(sender, "sendMany");
  const { send, sendMany } = sender;

  const ownSend: Sender["send"] = function (this: Sender, element, ...rest) {
    if (isActive) change(element);
    return send.call(this, element, ...rest);
  };
  const ownSendMany =
    sendMany &&
    async function (this: Sender, elements: Iterable<Element>, ...rest: unknown[]): Promise<void> {
      const list = [...elements];
      if (isActive) for (const element of list) change(element);
      return sendMany.call(this, list, ...rest);
    };

  sender.send = ownSend;
  if (ownSendMany !== undefined) sender.sendMany = ownSendMany;

  return () => {
    isActive = false;
    if (sender.send === ownSend) {
      if (hadSend) sender.send = send;
      else Reflect.deleteProperty(sender, "send");
    }
    if (ownSendMany !== undefined && sender.sendMany === ownSendMany) {
      if (hadSendMany && sendMany !== undefined) sender.sendMany = sendMany;
      else Reflect.deleteProperty(sender, "sendMany");
    }
  };
}
