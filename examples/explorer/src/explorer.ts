import { AnswersView } from "./answers-view.ts";
import { ContactsView } from "./contacts-view.ts";
import { DetailView } from "./detail-view.ts";
import { announce, byId, h, icon, perFrame, setAttributes } from "./dom.ts";
import { FailuresView } from "./failures-view.ts";
import { Model, type Thing } from "./model.ts";
import { SearchView } from "./search-view.ts";
import type { Connection, Session } from "./session.ts";
import { peerText } from "./text.ts";
import { type Place, TreeView } from "./tree-view.ts";

const VIEWS = ["explore", "contacts", "answers", "failures"] as const;
type View = (typeof VIEWS)[number];

const VIEW_NAMES: Readonly<Record<View, string>> = {
  explore: "Explore",
  contacts: "Contacts",
  answers: "Answers",
  failures: "Failures",
};

const CONNECTION_WORDS: Readonly<Record<Connection, string>> = {
  connected: "Connected",
  reconnecting: "Connection lost. Connecting again …",
  ended: "Logged out",
};

/** The page of somebody who has logged in. */
export class Explorer {
  readonly #session: Session;
  readonly #model: Model;
  readonly #tree: TreeView;
  readonly #search: SearchView;
  readonly #detail: DetailView;
  readonly #contacts: ContactsView;
  readonly #answers: AnswersView;
  readonly #failures: FailuresView;
  readonly #pages: Readonly<Record<View, HTMLElement>>;
  readonly #tabs = new Map<View, HTMLAnchorElement>();
  readonly #badge = h("span", { class: "badge", hidden: true });
  readonly #banner = h("p", { class: "banner", role: "status", hidden: true });
  readonly #jid = h("input", {
    type: "text",
    id: "look",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    placeholder: "example.org",
  });
  readonly #lookFailure = h("p", { class: "small error", role: "alert", id: "look-failure" });
  /** How each thing was come to, for the breadcrumbs. */
  readonly #paths = new Map<string, readonly Thing[]>();
  readonly #update = perFrame(() => this.#draw());
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #onHash = () => this.#route(true);
  #view: View = "explore";

  constructor(session: Session) {
    this.#session = session;
    this.#model = new Model(session.disco, () => this.#update());
    this.#tree = new TreeView(this.#model, (place) => this.#go(place.thing, pathOf(place)));
    this.#search = new SearchView(
      this.#model,
      (thing) => this.#go(thing, this.#paths.get(thing.key) ?? this.#pathTo(thing)),
      (isSearching) => {
        this.#tree.element.hidden = isSearching;
      },
    );
    this.#detail = new DetailView(this.#model, {
      open: (thing, path) => {
        this.#go(thing, path);
        this.#detail.heading.focus({ preventScroll: true });
      },
      filter: (feature) => {
        this.#show("explore");
        this.#pages.explore.classList.remove("shows-detail");
        this.#search.filter(feature);
      },
    });
    this.#contacts = new ContactsView(session, this.#model, (thing) => this.#go(thing, this.#pathTo(thing)));
    this.#answers = new AnswersView(this.#model);
    this.#failures = new FailuresView(this.#model, (thing) => this.#go(thing, this.#pathTo(thing)));
    this.#pages = {
      explore: this.#explorePage(),
      contacts: this.#contacts.element,
      answers: this.#answers.element,
      failures: this.#failures.element,
    };
    // The chart moves on also when nothing happens.
    this.#timer = setInterval(() => this.#update(), 1_000);
    addEventListener("hashchange", this.#onHash);
  }

  /** Puts the page up. */
  start(): void {
    byId("main", HTMLElement).replaceChildren(this.#banner, ...VIEWS.map((view) => this.#pages[view]));
    const { domain, account, isAnonymous } = this.#session;
    const server = this.#model.thing(domain);
    this.#model.addRoot(server);
    if (!isAnonymous) {
      const own = this.#model.thing(account);
      own.listedAs = "My account";
      this.#model.addRoot(own);
    }
    this.#tree.open(server);
    // Beside the tree, where there is room for both.
    this.#detail.show(server, [server]);
    this.#tree.select(server);
    this.contactsChanged();
    this.#route(false);
    this.#tree.element.focus();
    announce(`Logged in as ${this.#session.jid}`);
  }

  /** What the header shows between the name of the page and its settings. */
  navigation(): HTMLElement {
    return h(
      "nav",
      { "aria-label": "Views", class: "tabs" },
      ...VIEWS.map((view) => {
        const tab = h("a", { href: `#${view}` }, VIEW_NAMES[view], view === "failures" ? this.#badge : "");
        this.#tabs.set(view, tab);
        return tab;
      }),
    );
  }

  connectionChanged(connection: Connection): void {
    this.#banner.hidden = connection === "connected";
    this.#banner.textContent = CONNECTION_WORDS[connection];
    if (connection === "connected") announce("Connected again");
    this.#update();
  }

  contactsChanged(): void {
    this.#contacts.contactsChanged();
    this.#update();
  }

  end(): void {
    clearInterval(this.#timer);
    removeEventListener("hashchange", this.#onHash);
    history.replaceState(null, "", location.pathname + location.search);
  }

  #explorePage(): HTMLElement {
    const back = h("a", { href: "#explore", class: "back" }, icon("chevron"), "Services");
    return h(
      "div",
      { class: "explore" },
      h(
        "aside",
        { "aria-label": "Services" },
        h("h2", { class: "sr-only" }, "Services"),
        this.#search.element,
        this.#tree.element,
        this.#search.results,
        this.#lookForm(),
      ),
      h("section", { class: "detail-pane", "aria-label": "Details" }, back, this.#detail.element),
    );
  }

  #lookForm(): HTMLElement {
    return h(
      "form",
      {
        class: "look",
        "aria-label": "Look at an address",
        onsubmit: (event) => {
          event.preventDefault();
          this.#lookAt(this.#jid.value);
        },
      },
      h("label", { for: "look" }, "Look at another address"),
      h("div", { class: "joined" }, this.#jid, h("button", { type: "submit" }, "Look")),
      this.#lookFailure,
    );
  }

  #lookAt(text: string): void {
    const target = parseTarget(text);
    const isBad = target === undefined;
    setAttributes(this.#jid, {
      "aria-invalid": isBad ? "true" : undefined,
      "aria-describedby": isBad ? "look-failure" : undefined,
    });
    this.#lookFailure.textContent = isBad
      ? "This is no address. It looks like example.org or romeo@example.org."
      : "";
    if (target === undefined) return;
    const thing = this.#model.thing(target.jid, target.node);
    const path = this.#pathTo(thing);
    // What the tree has already needs no second place in it.
    if (path.length === 1) this.#model.addRoot(thing);
    this.#search.clear();
    this.#jid.value = "";
    this.#go(thing, path);
    this.#detail.heading.focus({ preventScroll: true });
  }

  /** Looks at something, with a step in the history of the browser. */
  #go(thing: Thing, path: readonly Thing[]): void {
    this.#paths.set(thing.key, path);
    const hash = `#${new URLSearchParams(thing.node === undefined ? { at: thing.jid } : { at: thing.jid, node: thing.node })}`;
    if (location.hash === hash) this.#route(true);
    else location.hash = hash;
  }

  #route(isMove: boolean): void {
    const hash = location.hash.slice(1);
    const query = new URLSearchParams(hash);
    const jid = query.get("at");
    if (jid === null) {
      const view = VIEWS.find((name) => name === hash) ?? "explore";
      this.#show(view);
      this.#pages.explore.classList.remove("shows-detail");
      if (isMove) this.#headingOf(view)?.focus({ preventScroll: true });
      return;
    }
    const target = parseTarget(jid);
    if (target === undefined) return;
    const thing = this.#model.thing(target.jid, query.get("node") ?? undefined);
    this.#show("explore");
    if (this.#detail.thing !== thing)
      this.#detail.show(thing, this.#paths.get(thing.key) ?? this.#pathTo(thing));
    this.#pages.explore.classList.add("shows-detail");
    this.#tree.select(thing);
    // Where there is room for one of the two, the tree is gone now.
    if (
      getComputedStyle(this.#tree.element).visibility === "hidden" ||
      this.#tree.element.offsetParent === null
    ) {
      if (!this.#search.isSearching || this.#search.results.offsetParent === null)
        this.#detail.heading.focus({ preventScroll: true });
      scrollTo({ top: 0 });
    }
    this.#update();
  }

  #headingOf(view: View): HTMLElement | undefined {
    if (view === "explore") return this.#search.isSearching ? this.#search.results : this.#tree.element;
    return { contacts: this.#contacts, answers: this.#answers, failures: this.#failures }[view].heading;
  }

  #show(view: View): void {
    this.#view = view;
    for (const name of VIEWS) {
      this.#pages[name].hidden = name !== view;
      const tab = this.#tabs.get(name);
      if (tab !== undefined) setAttributes(tab, { "aria-current": name === view ? "page" : undefined });
    }
    document.title = view === "explore" ? "XMPP Explorer" : `${VIEW_NAMES[view]} · XMPP Explorer`;
    this.#draw();
  }

  /** A way to a thing for the breadcrumbs: the first there is in the tree, or none but itself. */
  #pathTo(thing: Thing): readonly Thing[] {
    const queue: (readonly Thing[])[] = this.#model.roots.map((root) => [root]);
    const seen = new Set<Thing>();
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const last = path.at(-1);
      if (last === thing) return path;
      if (last === undefined || seen.has(last)) continue;
      seen.add(last);
      if (last.items.includes(thing)) return [...path, thing];
      for (const item of last.items) if (item.items.length > 0) queue.push([...path, item]);
    }
    return [thing];
  }

  #draw(): void {
    const failures = this.#model.failures.size;
    const badge = failures === 0 ? "" : failures.toLocaleString("en");
    if (this.#badge.textContent !== badge) {
      this.#badge.textContent = badge;
      this.#badge.hidden = failures === 0;
    }
    if (this.#view === "explore") {
      if (this.#search.isSearching) this.#search.update();
      else this.#tree.update();
      this.#detail.update();
    } else if (this.#view === "contacts") this.#contacts.update();
    else if (this.#view === "answers") this.#answers.update();
    else this.#failures.update();
  }
}

function pathOf(place: Place): Thing[] {
  return place.parent === undefined ? [place.thing] : [...pathOf(place.parent), place.thing];
}

/** A JID, or a URI as `xmpp:example.org?disco;node=…` (XEP-0030 §10.3). */
function parseTarget(text: string): { jid: string; node?: string } | undefined {
  let address = text.trim();
  let node: string | undefined;
  if (/^xmpp:/i.test(address)) {
    const [path = "", query = ""] = address.slice(5).split("?", 2);
    try {
      address = decodeURIComponent(path.replace(/^\/\/[^/]*\//, ""));
      for (const part of query.split(";")) {
        if (part.startsWith("node=")) node = decodeURIComponent(part.slice(5));
      }
    } catch {
      return undefined;
    }
  }
  const domain = address.replace(/\/.*$/s, "").replace(/^[^@]*@/, "");
  if (domain === "" || address.startsWith("@") || /[\s<>"&'@]/.test(domain) || address.length > 3_071)
    return undefined;
  return node === undefined || node === "" ? { jid: address } : { jid: address, node };
}

/** Who is logged in, for the header. */
export function accountLabel(session: Session): HTMLElement {
  return h(
    "span",
    { class: "account", title: session.jid },
    peerText(session.isAnonymous ? `Guest of ${session.domain}` : session.account, 48),
  );
}
