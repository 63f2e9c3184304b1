import { announce, h, icon, setAttributes } from "./dom.ts";
import { type Model, PAGE_SIZE, type Thing } from "./model.ts";
import { peerText, shorten, visibleText } from "./text.ts";
import { VirtualList } from "./virtual-list.ts";

/** A place in the tree; the same thing may have several. */
export interface Place {
  readonly path: string;
  readonly thing: Thing;
  readonly parent: Place | undefined;
  readonly level: number;
  readonly position: number;
  readonly siblings: number;
}

/** What is under a place and no thing itself: more of them, a failure, or that it is being asked. */
interface Note {
  readonly path: string;
  readonly note: "more" | "failed" | "asking" | "empty";
  readonly parent: Place;
  readonly level: number;
}

type Row = Place | Note;

/** The server and its services as a tree that opens lazily: the tree pattern of ARIA, of any size. */
export class TreeView {
  readonly element: HTMLElement;
  readonly #list: VirtualList<Row>;
  readonly #model: Model;
  readonly #open = new Set<string>();
  readonly #onSelect: (place: Place, byKeyboard: boolean) => void;
  #selected: Thing | undefined;

  constructor(model: Model, onSelect: (place: Place, byKeyboard: boolean) => void) {
    this.#model = model;
    this.#onSelect = onSelect;
    this.#list = new VirtualList<Row>({
      role: "tree",
      label: "Services",
      key: ({ path }) => path,
      signature: (row) => this.#signature(row),
      render: (row, element) => this.#render(row, element),
      onActivate: (row, element, event) => this.#onActivate(row, element, event),
      onKey: (event, row, index) => this.#onKey(event, row, index),
      textOf: (row) => ("note" in row ? "" : row.thing.title),
    });
    this.element = this.#list.element;
  }

  /** Draws what has changed. */
  update(): void {
    this.#list.set(this.#rows());
  }

  /** Shows which thing is looked at. */
  select(thing: Thing | undefined): void {
    this.#selected = thing;
    const index = this.#list.items.findIndex((row) => !("note" in row) && row.thing === thing);
    const active = this.#list.active;
    const isThere = active !== undefined && !("note" in active) && active.thing === thing;
    if (index !== -1 && !isThere) this.#list.activate(index);
    this.#list.refresh();
  }

  /** Opens the first place of a thing. */
  open(thing: Thing): void {
    const place = this.#rows().find((row): row is Place => !("note" in row) && row.thing === thing);
    if (place !== undefined) this.#setOpen(place, true);
  }

  #rows(): Row[] {
    const rows: Row[] = [];
    const add = (things: readonly Thing[], parent: Place | undefined) => {
      const level = (parent?.level ?? 0) + 1;
      for (const [index, thing] of things.entries()) {
        const path = `${parent?.path ?? ""}/${thing.id}`;
        const place = { path, thing, parent, level, position: index + 1, siblings: things.length };
        rows.push(place);
        if (this.#open.has(path)) addBelow(place);
      }
    };
    const addBelow = (place: Place) => {
      const { thing, path, level } = place;
      add(thing.items, place);
      const note = (kind: Note["note"]) =>
        rows.push({ path: `${path}/${kind}`, note: kind, parent: place, level: level + 1 });
      if (thing.itemsState === "asking") note("asking");
      else if (thing.itemsState === "failed") note("failed");
      else if (thing.hasMore) note("more");
      else if (thing.items.length === 0) note("empty");
    };
    add(this.#model.roots, undefined);
    return rows;
  }

  #signature(row: Row): string {
    if ("note" in row) return `${row.parent.thing.version}`;
    const { thing, path, position, siblings } = row;
    return `${thing.version} ${this.#open.has(path)} ${this.#selected === thing} ${position} ${siblings}`;
  }

  #render(row: Row, element: HTMLElement): void {
    element.style.setProperty("--level", String(row.level - 1));
    if ("note" in row) this.#renderNote(row, element);
    else this.#renderPlace(row, element);
  }

  #renderNote({ note, parent, level }: Note, element: HTMLElement): void {
    const { items, count } = parent.thing;
    const of = count === undefined ? "" : ` of ${count.toLocaleString("en")}`;
    const text = {
      more: `Load ${PAGE_SIZE} more (${items.length.toLocaleString("en")}${of} shown)`,
      failed: "Could not be listed. Try again",
      asking: "Asking …",
      empty: "Nothing below",
    }[note];
    element.className = `row note note-${note}`;
    setAttributes(element, {
      "aria-level": String(level),
      "aria-posinset": String(items.length + 1),
      "aria-setsize": String(items.length + 1),
      "aria-expanded": undefined,
      "aria-selected": undefined,
    });
    element.replaceChildren(h("span", { class: "twisty" }), h("span", { class: "label" }, text));
  }

  #renderPlace({ thing, path, level, position, siblings }: Place, element: HTMLElement): void {
    const isOpen = this.#open.has(path);
    const isLeaf = thing.itemsState === "known" && thing.items.length === 0;
    const isSelected = this.#selected === thing;
    element.className = `row state-${thing.state}${isSelected ? " selected" : ""}`;
    setAttributes(element, {
      "aria-level": String(level),
      "aria-posinset": String(position),
      "aria-setsize": String(siblings),
      "aria-expanded": isLeaf ? undefined : String(isOpen),
      "aria-selected": String(isSelected),
      "aria-busy": thing.state === "asking" ? "true" : undefined,
      title: visibleText(shorten(thing.jid, 120)),
    });
    element.replaceChildren(
      h(
        "span",
        { class: isLeaf ? "twisty" : `twisty can-open${isOpen ? " is-open" : ""}` },
        isLeaf ? "" : icon("chevron"),
      ),
      icon(thing.state === "failed" ? "failed" : (thing.category ?? "unknown")),
      h("span", { class: "label" }, peerText(thing.title, 80)),
      // Many have the same name.
      level <= 2 && thing.title !== thing.jid ? h("span", { class: "sub" }, peerText(thing.jid, 60)) : "",
      h("span", { class: "hint" }, hintOf(thing)),
    );
  }

  #onActivate(row: Row, _element: HTMLElement, event: Event): void {
    if ("note" in row) {
      if (row.note === "more") void this.#more(row.parent.thing);
      else if (row.note === "failed") void this.#model.askItemsAgain(row.parent.thing);
      return;
    }
    const onTwisty = event.target instanceof Element && event.target.closest(".can-open") !== null;
    if (onTwisty) {
      this.#setOpen(row, !this.#open.has(row.path));
      return;
    }
    this.#onSelect(row, event instanceof KeyboardEvent);
  }

  async #more(thing: Thing): Promise<void> {
    const before = thing.items.length;
    await this.#model.askItems(thing);
    announce(`${thing.items.length - before} more items, ${thing.items.length} in all`);
  }

  #onKey(event: KeyboardEvent, row: Row, index: number): boolean {
    if (event.key === "ArrowLeft") {
      if (!("note" in row) && this.#open.has(row.path) && row.thing.itemsState !== "unasked")
        this.#setOpen(row, false);
      else if (row.parent !== undefined) this.#activatePath(row.parent.path);
      return true;
    }
    if (event.key === "ArrowRight") {
      if ("note" in row) return true;
      if (!this.#open.has(row.path)) this.#setOpen(row, true);
      else {
        const next = this.#list.items[index + 1];
        if (next !== undefined && next.level > row.level) this.#list.activate(index + 1);
      }
      return true;
    }
    if (event.key === "*") {
      const siblings = this.#list.items.filter(
        (other): other is Place => !("note" in other) && other.parent?.path === row.parent?.path,
      );
      for (const place of siblings.slice(0, 30)) this.#setOpen(place, true);
      return true;
    }
    return false;
  }

  #activatePath(path: string): void {
    this.#list.activate(this.#list.items.findIndex((row) => row.path === path));
  }

  #setOpen(place: Place, isOpen: boolean): void {
    const { path, thing } = place;
    if (thing.itemsState === "known" && thing.items.length === 0) return;
    if (isOpen) this.#open.add(path);
    else this.#open.delete(path);
    if (isOpen && thing.itemsState === "unasked") {
      void this.#model.askItems(thing).then(() => {
        if (thing.itemsState === "failed") announce("The items could not be listed");
        else announce(thing.items.length === 0 ? "Nothing below" : `${thing.items.length} items`);
      });
    }
    this.update();
  }
}

function hintOf(thing: Thing): string {
  if (thing.state === "asking") return "…";
  if (thing.state === "failed") return "failed";
  if (thing.count !== undefined && thing.count > 0) return thing.count.toLocaleString("en");
  return "";
}
