import xml, { type Element } from "@xmpp/xml";
import {
  DiscoNode,
  type DiscoRequest,
  type Entity,
  IqError,
  IqService,
  mountAsNode,
  type Names,
  registerFeature,
  Service,
} from "xmpp-disco";

/** Ad-Hoc Commands (XEP-0050). */
export const NS_COMMANDS = "http://jabber.org/protocol/commands";

/** A command that others may find and execute. */
export interface Command {
  /** Its node. */
  readonly node: string;
  /** For people, in one language or several. */
  readonly names: Names;
  /** Who may see and execute it; everybody where it is left out. */
  readonly allows?: (jid: string) => boolean;
  /** Does it, and says what came of it. */
  readonly execute: (jid: string) => string | Promise<string>;
}

/**
 * Offers commands. All that it tells others lives as long as the service: dismissed, it leaves nothing behind.
 *
 * @example
 * const commands = xmpp.summon(Commands);
 * commands.offer({ node: "uptime", names: "How long are you up?", execute: () => `${process.uptime()} s` });
 */
export class Commands extends Service {
  readonly #commands = new Map<string, Command>();
  readonly #handler: Disposable;

  constructor(client: Entity) {
    super(client);
    registerFeature(this, NS_COMMANDS);
    mountAsNode(this, NS_COMMANDS, new CommandList(client, this.#commands));
    this.#handler = this.summon(IqService).handle(
      { type: "set", name: "command", xmlns: NS_COMMANDS },
      ({ element, from }) => this.#execute(element, String(from)),
    );
  }

  /** Lists a command from now on, for those who may execute it. */
  offer(command: Command): void {
    mountAsNode(this, command.node, new CommandNode(command));
    this.#commands.set(command.node, command);
  }

  async #execute(element: Element, jid: string): Promise<Element> {
    const { node } = element.attrs as Record<string, string | undefined>;
    const command = this.#commands.get(node ?? "");
    if (command === undefined) throw new IqError("item-not-found");
    if (!isAllowed(command, jid)) throw new IqError("forbidden");
    const note = xml("note", { type: "info" }, await command.execute(jid));
    return xml(
      "command",
      { xmlns: NS_COMMANDS, node, status: "completed", sessionid: crypto.randomUUID() },
      note,
    );
  }

  override shutdown(): void {
    this.#handler[Symbol.dispose]();
  }
}

/**
 * The commands are the items of one well-known node, each a node of the same JID: those that who asks may execute.
 * https://xmpp.org/extensions/xep-0050.html#retrieve
 */
class CommandList extends DiscoNode {
  readonly #client: Entity;
  readonly #commands: ReadonlyMap<string, Command>;

  constructor(client: Entity, commands: ReadonlyMap<string, Command>) {
    super();
    this.#client = client;
    this.#commands = commands;
    this.registerIdentity("automation", "command-list", { en: "Commands", it: "Comandi" });
  }

  override *iterItems(request?: DiscoRequest) {
    const jid = request?.to ?? this.#client.jid?.toString();
    if (jid === undefined) return;
    for (const command of this.#commands.values()) {
      if (!isAllowed(command, request?.from)) continue;
      yield { jid, node: command.node, name: nameOf(command.names, request?.lang) };
    }
  }
}

/**
 * A command is of the category automation and the type command-node, and has the features of ad-hoc commands and of
 * data forms. https://xmpp.org/extensions/xep-0050.html#retrieve
 */
class CommandNode extends DiscoNode {
  readonly #command: Command;

  constructor(command: Command) {
    super();
    this.#command = command;
    this.registerIdentity("automation", "command-node", command.names);
    this.registerFeature(NS_COMMANDS);
    this.registerFeature("jabber:x:data");
  }

  /** Who may not execute a command does not see that it is there: without an identity, a node is not found. */
  override iterIdentities(request?: DiscoRequest) {
    return isAllowed(this.#command, request?.from) ? this.ownIdentities() : [];
  }
}

function isAllowed({ allows }: Command, jid: string | undefined): boolean {
  return jid === undefined || allows === undefined || allows(jid);
}

function nameOf(names: Names, lang = "en"): string {
  if (typeof names === "string") return names;
  return names[lang] ?? names["en"] ?? Object.values(names)[0] ?? "";
}
