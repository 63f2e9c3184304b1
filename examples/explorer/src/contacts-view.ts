import type { DiscoInfo } from "xmpp-disco";
import { announce, h } from "./dom.ts";
import { explain } from "./explain.ts";
import type { Model, Thing } from "./model.ts";
import type { Availability, Contact, Resource, Session } from "./session.ts";
import { peerText } from "./text.ts";

const SOFTWARE_INFO = "urn:xmpp:dataforms:softwareinfo";

const SHOW_WORDS: Readonly<Record<string, string>> = {
  available: "Available",
  chat: "Free to chat",
  away: "Away",
  xa: "Away for long",
  dnd: "Do not disturb",
};

/** The contacts, where they are on line, and with what software. */
export class ContactsView {
  readonly element: HTMLElement;
  readonly heading = h("h2", { tabindex: "-1" }, "Contacts");
  readonly #session: Session;
  readonly #model: Model;
  readonly #open: (thing: Thing) => void;
  readonly #summary = h("p", { class: "muted" });
  readonly #list = h("ul", { class: "contacts" });
  #shown = "";

  constructor(session: Session, model: Model, open: (thing: Thing) => void) {
    this.#session = session;
    this.#model = model;
    this.#open = open;
    this.element = h("div", { class: "page" }, this.heading, this.#presenceForm(), this.#summary, this.#list);
  }

  /** Asks what those are who have come; a capability hash answers for all who announce the same. */
  contactsChanged(): void {
    for (const contact of this.#session.contacts.values()) {
      for (const jid of contact.resources.keys()) {
        const thing = this.#model.thing(jid);
        if (thing.state === "unasked") void this.#model.ask(thing);
      }
    }
  }

  update(): void {
    const contacts = [...this.#session.contacts.values()].sort(
      (a, b) =>
        Number(b.resources.size > 0) - Number(a.resources.size > 0) ||
        (a.name ?? a.jid).localeCompare(b.name ?? b.jid),
    );
    const signature = JSON.stringify(
      contacts.map(({ jid, name, resources }) => [
        jid,
        name,
        ...[...resources].map(([full, { show, status, hasCaps }]) => [
          full,
          show,
          status,
          hasCaps,
          this.#model.thing(full).version,
        ]),
      ]),
    );
    if (signature === this.#shown) return;
    this.#shown = signature;
    const online = contacts.filter(({ resources }) => resources.size > 0).length;
    this.#summary.textContent =
      contacts.length === 0
        ? "Nobody is in your contact list."
        : `${contacts.length.toLocaleString("en")} contacts, ${online.toLocaleString("en")} of them on line`;
    const focused = document.activeElement?.getAttribute("data-jid");
    this.#list.replaceChildren(...contacts.map((contact) => this.#contact(contact)));
    if (focused !== null && focused !== undefined) {
      this.#list.querySelector<HTMLElement>(`[data-jid="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  #contact({ jid, name, resources }: Contact): HTMLElement {
    return h(
      "li",
      { class: resources.size > 0 ? "contact" : "contact is-offline" },
      h(
        "div",
        { class: "who" },
        this.#link(jid, name || jid),
        name ? h("code", { class: "muted" }, peerText(jid, 80)) : "",
      ),
      resources.size === 0
        ? h("p", { class: "muted" }, "Not on line")
        : h("ul", {}, ...[...resources].map(([full, resource]) => this.#resource(full, resource))),
    );
  }

  #resource(jid: string, { show, status, hasCaps }: Resource): HTMLElement {
    const thing = this.#model.thing(jid);
    return h(
      "li",
      { class: "resource" },
      h(
        "span",
        { class: `presence presence-${show in SHOW_WORDS ? show : "available"}` },
        SHOW_WORDS[show] ?? "Available",
      ),
      h("span", { class: "software" }, ...this.#software(thing)),
      h(
        "span",
        { class: "muted" },
        this.#link(jid, jid.slice(jid.indexOf("/") + 1)),
        thing.info === undefined ? "" : hasCaps ? " · known from caps" : " · asked, it has no caps",
      ),
      status === undefined ? "" : h("span", { class: "muted said" }, peerText(status, 140)),
    );
  }

  #software({ state, info, error }: Thing): (HTMLElement | string)[] {
    if (info !== undefined) return softwareOf(info);
    if (state === "failed") return [`Unknown: ${explain(error).what}`];
    return ["Asking …"];
  }

  #link(jid: string, label: string): HTMLElement {
    const open = () => this.#open(this.#model.thing(jid));
    return h(
      "button",
      { type: "button", class: "link", "data-jid": jid, onclick: open },
      peerText(label, 60),
    );
  }

  #presenceForm(): HTMLElement {
    const select = h(
      "select",
      { id: "availability" },
      ...(
        [
          ["available", "Available"],
          ["away", "Away"],
          ["dnd", "Do not disturb"],
          ["offline", "Seen by nobody"],
        ] as const
      ).map(([value, label]) => h("option", { value }, label)),
    );
    const status = h("input", { id: "status", type: "text", maxlength: "200", autocomplete: "off" });
    return h(
      "form",
      {
        class: "bar",
        "aria-label": "My presence",
        onsubmit: (event) => {
          event.preventDefault();
          void this.#session.sendPresence(select.value as Availability, status.value.trim()).then(
            () => announce("Presence sent"),
            () => announce("Presence could not be sent: the connection is down"),
          );
        },
      },
      h("div", { class: "field" }, h("label", { for: "availability" }, "I am"), select),
      h("div", { class: "field grow" }, h("label", { for: "status" }, "Status"), status),
      h("button", { type: "submit" }, "Send presence"),
    );
  }
}

/** Name and version of a program, as it tells them. */
function softwareOf(info: DiscoInfo): (HTMLElement | string)[] {
  const form = info.form(SOFTWARE_INFO);
  const identity = info.identities[0];
  const name = form?.value("software") ?? info.name(navigator.language);
  const version = form?.value("software_version");
  const parts: (HTMLElement | string)[] = [];
  parts.push(name === undefined ? "Software without a name" : h("strong", {}, peerText(name, 60)));
  if (version !== undefined) parts.push(" ", peerText(version, 30));
  if (identity !== undefined)
    parts.push(" ", h("span", { class: "tag" }, peerText(`${identity.category}/${identity.type}`, 40)));
  return parts;
}
