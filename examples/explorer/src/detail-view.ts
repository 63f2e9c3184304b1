import type { DataForm, DiscoInfo, Identity } from "xmpp-disco";
import { describeFeature, type FeatureDocument } from "../../../src/cli/features.ts";
import { addressOfDocument, compareDocuments } from "./documents.ts";
import { announce, type Child, h, icon, setAttributes } from "./dom.ts";
import { explain } from "./explain.ts";
import { type Model, PAGE_SIZE, type Source, type Thing } from "./model.ts";
import { peerText, shorten, visibleText, wholePeerText } from "./text.ts";
import { VirtualList } from "./virtual-list.ts";

/** What somebody does with what they look at. */
export interface DetailActions {
  /** Looks at something else. */
  readonly open: (thing: Thing, path: readonly Thing[]) => void;
  /** Looks for all that has a feature. */
  readonly filter: (feature: string) => void;
}

const SOURCE_WORDS: Readonly<Record<Source, string>> = {
  cache: "from the cache",
  caps: "from its capabilities",
  network: "from the network",
  aliased: "shared with a running request",
};

/** How many features or fields are laid out at once. */
const MANY = 300;

/** All that is known of one thing. */
export class DetailView {
  readonly element: HTMLElement;
  readonly heading: HTMLElement;
  readonly #model: Model;
  readonly #actions: DetailActions;
  readonly #crumbs = h("ol");
  readonly #address = h("div", { class: "address" });
  readonly #status = h("div", { class: "answer" });
  readonly #facts = h("div", { class: "facts" });
  readonly #itemsTitle = h("h3");
  readonly #itemsStatus = h("p", { class: "muted" });
  readonly #itemsBar = h("div", { class: "actions" });
  readonly #items: VirtualList<Thing>;
  readonly #itemsSection: HTMLElement;
  #thing: Thing | undefined;
  #path: readonly Thing[] = [];
  #shown = "";
  #shownInfo: DiscoInfo | undefined;
  #job: AbortController | undefined;

  constructor(model: Model, actions: DetailActions) {
    this.#model = model;
    this.#actions = actions;
    this.heading = h("h2", { tabindex: "-1" });
    this.#items = new VirtualList<Thing>({
      role: "listbox",
      label: "Items",
      key: (thing) => thing.key,
      signature: (thing) => String(thing.version),
      render: renderItem,
      onActivate: (thing) => this.#actions.open(thing, [...this.#path, thing]),
      textOf: (thing) => thing.title,
    });
    this.#itemsSection = h(
      "section",
      { class: "items", "aria-label": "Items" },
      h("div", { class: "section-head" }, this.#itemsTitle, this.#itemsStatus),
      this.#items.element,
      this.#itemsBar,
    );
    this.element = h(
      "article",
      { class: "detail" },
      h("nav", { "aria-label": "Breadcrumb", class: "crumbs" }, this.#crumbs),
      this.heading,
      this.#address,
      this.#status,
      this.#facts,
      this.#itemsSection,
    );
    this.show(undefined, []);
  }

  get thing(): Thing | undefined {
    return this.#thing;
  }

  /** Looks at something, which was come to by a path. */
  show(thing: Thing | undefined, path: readonly Thing[]): void {
    this.#job?.abort();
    this.#job = undefined;
    this.#thing = thing;
    this.#path = path;
    this.#shown = "";
    this.#shownInfo = undefined;
    this.#facts.replaceChildren();
    this.element.hidden = thing === undefined;
    if (thing === undefined) return;
    // What is known comes from the cache of the library, and costs nothing.
    if (thing.state !== "failed") void this.#model.ask(thing).then(() => this.#tell(thing));
    if (thing.itemsState === "unasked") void this.#model.askItems(thing);
    this.#items.element.scrollTop = 0;
    this.#items.set(thing.items);
    this.#items.activate(0);
    this.update();
  }

  /** Draws what has changed. */
  update(): void {
    const thing = this.#thing;
    if (thing === undefined) return;
    this.#items.set(thing.items);
    const version = `${thing.version} ${this.#job !== undefined}`;
    if (version === this.#shown) return;
    this.#shown = version;
    this.#showCrumbs();
    this.heading.replaceChildren(
      icon(thing.state === "failed" ? "failed" : (thing.category ?? "unknown")),
      wholePeerText(thing.title, 100),
    );
    this.#address.replaceChildren(...addressOf(thing));
    this.#showStatus(thing);
    if (thing.info !== this.#shownInfo) {
      this.#shownInfo = thing.info;
      this.#facts.replaceChildren(...(thing.info === undefined ? [] : this.#factsOf(thing.info)));
    }
    this.#showItems(thing);
  }

  #tell(thing: Thing): void {
    if (this.#thing !== thing) return;
    if (thing.state === "failed") announce(`Failed: ${explain(thing.error).what}`);
    else if (thing.info !== undefined) {
      announce(`${thing.info.identities.length} identities, ${thing.info.features.length} features`);
    }
  }

  #showCrumbs(): void {
    this.#crumbs.replaceChildren(
      ...this.#path.map((thing, index) => {
        const text = peerText(thing.title, 32);
        if (index === this.#path.length - 1) return h("li", {}, h("span", { "aria-current": "page" }, text));
        const open = () => this.#actions.open(thing, this.#path.slice(0, index + 1));
        return h("li", {}, h("button", { type: "button", class: "link", onclick: open }, text));
      }),
    );
  }

  #showStatus(thing: Thing): void {
    const isAsking = thing.state === "asking";
    const again = h(
      "button",
      {
        type: "button",
        onclick: () => void this.#model.ask(thing, { again: true }).then(() => this.#tell(thing)),
      },
      thing.state === "failed" ? "Try again" : "Ask again",
    );
    const hadFocus = this.#status.contains(document.activeElement);
    if (thing.state === "failed") {
      const { condition, what, advice, said } = explain(thing.error);
      this.#status.className = "answer failure";
      this.#status.replaceChildren(
        h("div", {}, h("p", {}, h("strong", {}, what), " ", advice), ...saidLine(condition, said)),
        again,
      );
    } else {
      this.#status.className = "answer";
      const source = thing.source === undefined ? "" : `Answered ${SOURCE_WORDS[thing.source]}`;
      this.#status.replaceChildren(h("p", { class: "muted" }, isAsking ? "Asking …" : source), again);
    }
    // The button that was pressed has been drawn anew.
    if (hadFocus) again.focus();
  }

  #factsOf(info: DiscoInfo): HTMLElement[] {
    return [
      h("section", {}, h("h3", {}, "Identities"), identityList(info.identities)),
      h(
        "section",
        {},
        h(
          "div",
          { class: "section-head" },
          h("h3", {}, "Features"),
          h("p", { class: "muted" }, plural(info.features.length, "feature")),
        ),
        this.#featureList(info.features),
      ),
      ...info.forms.map(formSection),
    ];
  }

  #featureList(features: readonly string[]): HTMLElement {
    const groups = new Map<string, { readonly description: FeatureDocument; readonly names: string[] }>();
    const others: string[] = [];
    for (const name of [...new Set(features)].sort()) {
      const description = describeFeature(name);
      if (description === undefined) {
        others.push(name);
        continue;
      }
      const group = groups.get(description.document) ?? { description, names: [] };
      group.names.push(name);
      groups.set(description.document, group);
    }
    const sorted = [...groups.values()].sort((a, b) => compareDocuments(a.description, b.description));
    const entries = sorted.map(({ description: { document, title }, names }) => {
      const href = addressOfDocument(document);
      return [
        h(
          "dt",
          {},
          h(
            "a",
            { href, target: "_blank", rel: "noreferrer" },
            h("span", { class: "xep" }, document),
            ` ${title}`,
          ),
        ),
        h("dd", {}, this.#featureNames(names)),
      ];
    });
    if (others.length > 0) {
      const title = sorted.length === 0 ? "Not well-known" : "Others";
      entries.push([h("dt", {}, title), h("dd", {}, this.#featureNames(others))]);
    }
    if (entries.length === 0) return h("p", { class: "muted" }, "None but service discovery itself.");
    return h("dl", { class: "features" }, ...entries.map((entry) => h("div", {}, ...entry)));
  }

  #featureNames(names: readonly string[]): HTMLElement {
    const list = h("ul");
    const grow = (count: number) => {
      const start = list.childElementCount;
      for (const name of names.slice(start, start + count)) {
        const filter = () => this.#actions.filter(name);
        list.append(
          h(
            "li",
            {},
            h(
              "button",
              { type: "button", class: "feature", title: "Find all that have this feature", onclick: filter },
              h("code", {}, peerText(name, 90)),
            ),
          ),
        );
      }
    };
    grow(MANY);
    if (names.length <= MANY) return list;
    const more: HTMLButtonElement = h("button", {
      type: "button",
      onclick: () => {
        grow(MANY);
        if (list.childElementCount === names.length) more.remove();
      },
    });
    more.textContent = `Show more of ${names.length.toLocaleString("en")}`;
    return h("div", {}, list, more);
  }

  #showItems(thing: Thing): void {
    const { items, count, hasMore, itemsState } = thing;
    const shown = items.length.toLocaleString("en");
    this.#itemsTitle.textContent = "Items";
    let status = "";
    if (itemsState === "asking") status = items.length === 0 ? "Asking …" : `${shown} shown, asking …`;
    else if (itemsState === "known" && items.length === 0) status = "None.";
    else if (itemsState === "known" && hasMore)
      status =
        count === undefined
          ? `${shown} shown, there may be more`
          : `${shown} of ${count.toLocaleString("en")} shown`;
    else if (itemsState === "known") status = `All ${shown} shown`;
    this.#itemsStatus.textContent = status;
    this.#items.element.hidden = items.length === 0;
    setAttributes(this.#items.element, { "aria-busy": itemsState === "asking" ? "true" : undefined });
    this.#items.element.style.setProperty("--rows", String(Math.min(items.length, 12)));
    this.#showItemsBar(thing);
  }

  #showItemsBar(thing: Thing): void {
    const focused = this.#itemsBar.contains(document.activeElement)
      ? document.activeElement?.getAttribute("data-action")
      : undefined;
    const button = (action: string, label: string, onclick: () => void) =>
      h("button", { type: "button", "data-action": action, onclick }, label);
    const buttons: Child[] = [];
    if (thing.itemsState === "failed") {
      const { condition, what, advice, said } = explain(thing.itemsError);
      buttons.push(
        h(
          "div",
          { class: "answer failure" },
          h("div", {}, h("p", {}, h("strong", {}, what), " ", advice), ...saidLine(condition, said)),
          button("again", "Try again", () => void this.#model.askItemsAgain(thing)),
        ),
      );
    } else if (this.#job !== undefined) {
      buttons.push(
        button("stop", "Stop", () => {
          this.#job?.abort();
        }),
      );
    } else {
      if (thing.hasMore && thing.items.length > 0) {
        buttons.push(
          button("more", `Load ${PAGE_SIZE} more`, () => void this.#loadMore(thing)),
          button("all", "Load all", () => this.#run((signal) => this.#model.askAllItems(thing, signal))),
        );
      }
      const unasked = thing.items.filter((item) => item.state === "unasked").length;
      if (unasked > 0) {
        buttons.push(
          button("look", `Look into all ${unasked.toLocaleString("en")}`, () =>
            this.#run((signal) => this.#model.askAll(thing.items, { signal })),
          ),
        );
      }
    }
    this.#itemsBar.replaceChildren(...buttons.filter((child) => child instanceof Node));
    if (focused === undefined) return;
    const next =
      this.#itemsBar.querySelector<HTMLElement>(`[data-action="${focused}"]`) ??
      this.#itemsBar.querySelector("button");
    (next ?? this.#items.element).focus({ preventScroll: true });
  }

  async #loadMore(thing: Thing): Promise<void> {
    const before = thing.items.length;
    await this.#model.askItems(thing);
    announce(`${thing.items.length - before} more items, ${thing.items.length} in all`);
  }

  #run(work: (signal: AbortSignal) => Promise<void>): void {
    const job = new AbortController();
    this.#job = job;
    this.update();
    void work(job.signal).finally(() => {
      if (this.#job !== job) return;
      this.#job = undefined;
      this.update();
      announce("Done");
    });
  }
}

function renderItem(thing: Thing, row: HTMLElement): void {
  row.className = `row item state-${thing.state}`;
  setAttributes(row, { "aria-selected": "false", title: visibleText(shorten(thing.jid, 120)) });
  const hasName = thing.title !== thing.jid;
  row.replaceChildren(
    icon(thing.state === "failed" ? "failed" : (thing.category ?? "unknown")),
    h("span", { class: "label" }, peerText(thing.title, 80)),
    h("span", { class: "hint" }, hasName ? peerText(thing.node ?? thing.jid, 60) : ""),
  );
}

function addressOf(thing: Thing): HTMLElement[] {
  const parts = [
    h("span", {}, h("span", { class: "muted" }, "JID "), h("code", {}, wholePeerText(thing.jid))),
  ];
  if (thing.node !== undefined) {
    parts.push(
      h("span", {}, h("span", { class: "muted" }, "Node "), h("code", {}, wholePeerText(thing.node))),
    );
  }
  return parts;
}

function identityList(identities: readonly Identity[]): HTMLElement {
  if (identities.length === 0) return h("p", { class: "muted" }, "It does not say what it is.");
  return h(
    "ul",
    { class: "identities" },
    ...identities
      .slice(0, MANY)
      .map(({ category, type, name, lang }) =>
        h(
          "li",
          {},
          h("span", { class: "tag" }, peerText(`${category}/${type}`, 60)),
          name === undefined || name === "" ? "" : wholePeerText(name),
          lang === undefined ? "" : h("span", { class: "muted" }, " ", peerText(lang, 20)),
        ),
      ),
  );
}

function formSection(form: DataForm): HTMLElement {
  const type = form.formType;
  const title = type === undefined ? undefined : describeFeature(type);
  const rows = form.fields
    .slice(0, MANY)
    .map((field) =>
      h(
        "tr",
        {},
        h(
          "th",
          { scope: "row" },
          peerText(field.label || field.var, 80),
          field.label ? h("code", { class: "muted" }, peerText(field.var, 60)) : "",
        ),
        h(
          "td",
          {},
          ...(field.values.length === 0
            ? [h("span", { class: "muted" }, "empty")]
            : field.values.slice(0, MANY).map((value) => h("p", {}, wholePeerText(value, 300)))),
        ),
      ),
    );
  return h(
    "section",
    {},
    h(
      "div",
      { class: "section-head" },
      h("h3", {}, title?.title ?? "Form"),
      h("p", { class: "muted" }, h("code", {}, peerText(type ?? "no FORM_TYPE", 80))),
    ),
    h("table", { class: "form" }, h("tbody", {}, ...rows)),
  );
}

/** A peer's reason, as a peer's. */
export function saidLine(condition: string, said: string | undefined): HTMLElement[] {
  return [
    h(
      "p",
      { class: "muted" },
      h("code", {}, condition),
      said === undefined || said === "" ? "" : h("span", {}, " It says: “", wholePeerText(said, 200), "”"),
    ),
  ];
}

export function plural(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}
