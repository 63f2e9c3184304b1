import type { DataForm } from "../forms/data-form.js";
import type { DiscoInfo, Identity } from "./info.js";
import { DiscoNode } from "./node.js";

/** Tells what an entity told at one time, whatever became of it since: to all who may ask the entity itself. */
export class SnapshotNode extends DiscoNode {
  readonly #info: DiscoInfo;

  constructor(info: DiscoInfo) {
    super();
    this.#info = info;
  }

  override iterIdentities(): readonly Identity[] {
    return this.#info.identities;
  }

  override iterFeatures(): readonly string[] {
    return this.#info.features;
  }

  override iterForms(): readonly DataForm[] {
    return this.#info.forms;
  }
}
