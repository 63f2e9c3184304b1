import { describeFeature } from "../../../src/cli/features.ts";
import { compareDocuments } from "./documents.ts";
import { h, icon, setAttributes } from "./dom.ts";
import type { Model, Thing } from "./model.ts";
import { peerText, shorten, visibleText } from "./text.ts";
import { VirtualList } from "./virtual-list.ts";

/** How many features the filter proposes. */
const PROPOSED = 400;

/** A search over what was found, and a filter by feature. */
export class SearchView {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #text = h("input", {
    type: "search",
    id: "search",
    autocomplete: "off",
    placeholder: "Name or address",
  });
  readonly #feature = h("input", {
    type: "search",
    id: "feature",
    autocomplete: "off",
    list: "features",
    placeholder: "Feature or XEP",
  });
  readonly #proposals = h("datalist", { id: "features" });
  readonly #summary = h("p", { class: "muted", role: "status" });
  readonly #results: VirtualList<Thing>;
  readonly #onChange: (isSearching: boolean) => void;

  constructor(model: Model, onSelect: (thing: Thing) => void, onChange: (isSearching: boolean) => void) {
    this.#model = model;
    this.#onChange = onChange;
    this.#results = new VirtualList<Thing>({
      role: "listbox",
      label: "Search results",
      key: (thing) => thing.key,
      signature: (thing) => String(thing.version),
      render: renderResult,
      onActivate: (thing) => onSelect(thing),
      textOf: (thing) => thing.title,
    });
    for (const input of [this.#text, this.#feature]) {
      input.addEventListener("input", () => this.#changed());
      input.addEventListener("keydown", (event) => {
        if (event.key === "ArrowDown" && input === this.#text && this.isSearching) {
          event.preventDefault();
          this.#results.element.focus();
        } else if (event.key === "Escape" && input.value !== "") {
          event.preventDefault();
          input.value = "";
          this.#changed();
        }
      });
    }
    this.#feature.addEventListener("focus", () => this.#propose());
    this.element = h(
      "search",
      {},
      h("div", { class: "field" }, h("label", { for: "search" }, "Search what was found"), this.#text),
      h(
        "div",
        { class: "field" },
        h("label", { for: "feature" }, "Has the feature"),
        this.#feature,
        this.#proposals,
      ),
      this.#summary,
    );
    this.#results.element.hidden = true;
  }

  /** The list of what was found, which takes the place of the tree. */
  get results(): HTMLElement {
    return this.#results.element;
  }

  get isSearching(): boolean {
    return this.#text.value.trim() !== "" || this.#feature.value.trim() !== "";
  }

  /** Looks for all that has a feature. */
  filter(feature: string): void {
    this.#text.value = "";
    this.#feature.value = feature;
    this.#changed();
    this.#results.element.focus();
  }

  clear(): void {
    this.#text.value = "";
    this.#feature.value = "";
    this.#changed();
  }

  update(): void {
    const { isSearching } = this;
    this.#results.element.hidden = !isSearching;
    if (!isSearching) {
      if (this.#summary.textContent !== "") this.#summary.textContent = "";
      return;
    }
    const found = this.#model.search(this.#text.value, this.#feature.value);
    this.#results.set(found);
    const summary = `${found.length.toLocaleString("en")} of ${this.#model.things.size.toLocaleString("en")} found so far`;
    if (this.#summary.textContent !== summary) this.#summary.textContent = summary;
  }

  #changed(): void {
    this.update();
    this.#onChange(this.isSearching);
  }

  #propose(): void {
    const options = [...this.#model.features()]
      .filter(([name]) => name.length <= 200)
      .map(([name, count]) => ({ name, count, description: describeFeature(name) }))
      .sort((a, b) => compareDocuments(a.description, b.description) || a.name.localeCompare(b.name))
      .slice(0, PROPOSED)
      .map(({ name, count, description }) => {
        const title = description === undefined ? "" : `${description.document} ${description.title} · `;
        return h("option", { value: name, label: visibleText(`${title}${name} (${count})`) });
      });
    this.#proposals.replaceChildren(...options);
  }
}

function renderResult(thing: Thing, row: HTMLElement): void {
  row.className = `row item state-${thing.state}`;
  setAttributes(row, { "aria-selected": "false", title: visibleText(shorten(thing.jid, 120)) });
  row.replaceChildren(
    icon(thing.state === "failed" ? "failed" : (thing.category ?? "unknown")),
    h("span", { class: "label" }, peerText(thing.title, 80)),
    h("span", { class: "hint" }, thing.title === thing.jid ? "" : peerText(thing.jid, 60)),
  );
}
