import xml, { type Element } from "@xmpp/xml";
import { childElements } from "../xml/element.js";
import { show } from "../xml/jid.js";
import { shared } from "../xml/keep.js";
import { toNonEmptyText, toText } from "../xml/text.js";

/** The namespace of data forms (XEP-0004). */
export const NS_DATA_FORMS = "jabber:x:data";

const FORM_TYPE = "FORM_TYPE";

/** One field of a {@link DataForm} (XEP-0004 §3.2). */
export interface FormField {
  /** Its name. */
  readonly var: string;
  /** Such as `text-single`. */
  readonly type?: string | undefined;
  /** For people. */
  readonly label?: string | undefined;
  /** In order; one for most types. */
  readonly values: readonly string[];
}

/** What a {@link DataForm} is made of. */
export interface DataFormInit {
  /** What the form is about (XEP-0068), such as `urn:xmpp:dataforms:softwareinfo`. */
  readonly formType?: string | undefined;
  /** Values by field, or the fields themselves. */
  readonly fields?: Readonly<Record<string, string | readonly string[]>> | readonly FormField[] | undefined;
  /** `result` where it is left out, as disco#info has it. */
  readonly type?: string | undefined;
}

/** A {@link DataForm} as JSON. */
export interface DataFormJSON {
  formType?: string;
  /** Left out for `result`. */
  type?: string;
  fields: { var: string; type?: string; label?: string; values: string[] }[];
  /** See {@link DataForm.multiItem}. */
  multiItem?: true;
}

/**
 * A data form as disco#info carries them: typed values by field, immutable (XEP-0004, XEP-0068, XEP-0128).
 *
 * @example
 * const form = new DataForm({
 *   formType: "urn:xmpp:dataforms:softwareinfo",
 *   fields: { software: "my-app", software_version: "1.0" },
 * });
 */
export class DataForm {
  /** `result`, unless the peer made it something else. */
  readonly type: string;
  /** The value of the hidden field FORM_TYPE; undefined where there is none. */
  readonly formType: string | undefined;
  /** The fields in order. A FORM_TYPE that is as it should be is left out: see {@link formType}. */
  readonly fields: readonly FormField[];
  /** Whether the peer's form has `<reported/>` or `<item/>`, which mean nothing in disco#info; they are left out. */
  readonly multiItem: boolean;

  /** @throws TypeError when a name or value is not text that XML can carry */
  constructor(init: DataFormInit) {
    const { formType, fields = [], type = "result" } = init;
    const checked = (isFieldList(fields) ? fields : toFields(fields)).map(checkedField);
    if (formType !== undefined && !checked.some((field) => field.var === FORM_TYPE)) {
      checked.unshift(hiddenFormType(toNonEmptyText(formType, "formType")));
    }
    const parts = arrange(toNonEmptyText(type, "type of the form"), checked, isMultiItem(init));
    this.type = parts.type;
    this.formType = parts.formType;
    this.fields = parts.fields;
    this.multiItem = parts.multiItem;
    Object.freeze(this);
  }

  /** All values of a field, in order; empty where there is no such field. */
  get(name: string): readonly string[] {
    return this.fields.find((field) => field.var === name)?.values ?? [];
  }

  /** The first value of a field. */
  value(name: string): string | undefined {
    return this.get(name)[0];
  }

  /** The form of an `<x xmlns="jabber:x:data"/>`; fields without a name are left out. @throws TypeError for another element */
  static fromElement(element: Element): DataForm {
    if (!element.is("x", NS_DATA_FORMS)) {
      throw new TypeError(`not a data form: <${element.name} xmlns=${show(element.getNS())}/>`);
    }
    const fields: FormField[] = [];
    let multiItem = false;
    for (const child of childElements(element)) {
      if (child.getNS() !== NS_DATA_FORMS) continue;
      const name = child.getName();
      if (name === "reported" || name === "item") multiItem = true;
      else if (name === "field" && typeof child.attrs.var === "string") fields.push(parseField(child));
    }
    const { type } = element.attrs;
    return Object.freeze(
      Object.assign(
        // What was read from XML needs no check.
        Object.create(DataForm.prototype) as DataForm,
        arrange(typeof type === "string" && type !== "" ? type : "result", fields, multiItem),
      ),
    );
  }

  /** The same form to be kept for long: it keeps nothing alive of what it was read from. @internal */
  kept(): DataForm {
    const fields = this.fields.map(({ var: name, type, label, values }) =>
      frozenField(
        shared(name),
        type === undefined ? undefined : shared(type),
        label === undefined ? undefined : shared(label),
        values.map(shared),
      ),
    );
    const parts = {
      type: shared(this.type),
      formType: this.formType === undefined ? undefined : shared(this.formType),
      fields: Object.freeze(fields),
      multiItem: this.multiItem,
    };
    return Object.freeze(Object.assign(Object.create(DataForm.prototype) as DataForm, parts));
  }

  /** The `<x xmlns="jabber:x:data"/>` that carries the form. */
  toElement(): Element {
    const element = xml("x", { xmlns: NS_DATA_FORMS, type: this.type });
    const leftOut = this.formType !== undefined && !this.fields.some((field) => field.var === FORM_TYPE);
    const fields = leftOut ? [hiddenFormType(this.formType), ...this.fields] : this.fields;
    for (const { var: name, type, label, values } of fields) {
      element.append(
        xml("field", { var: name, type, label }, ...values.map((value) => xml("value", {}, value))),
      );
    }
    if (this.multiItem) element.append(xml("reported"));
    return element;
  }

  /** The form as plain data, from which {@link fromJSON} makes an equal one. */
  toJSON(): DataFormJSON {
    return {
      ...(this.formType === undefined ? {} : { formType: this.formType }),
      ...(this.type === "result" ? {} : { type: this.type }),
      fields: this.fields.map(({ var: name, type, label, values }) => ({
        var: name,
        ...(type === undefined ? {} : { type }),
        ...(label === undefined ? {} : { label }),
        values: [...values],
      })),
      ...(this.multiItem ? { multiItem: true } : {}),
    };
  }

  /** The form of {@link toJSON}. @throws TypeError when it is none */
  static fromJSON(json: unknown): DataForm {
    if (typeof json !== "object" || json === null || !("fields" in json)) {
      throw new TypeError(`a form has fields: ${show(json)}`);
    }
    return new DataForm(json as DataFormInit);
  }
}

/** The parts of a form whose fields have FORM_TYPE among them. What is not as XEP-0068 has it stays there. */
function arrange(type: string, allFields: readonly FormField[], multiItem: boolean) {
  const formTypes = allFields.filter((field) => field.var === FORM_TYPE);
  const [first] = formTypes;
  // The first text of any, so that the order of fields and values does not matter.
  const formType = formTypes
    .filter((field) => field.type === "hidden" || type === "submit")
    .flatMap((field) => field.values)
    .find((value) => value !== "");
  const plain = formType !== undefined && formTypes.length === 1 && first?.values.length === 1;
  const fields = plain ? allFields.filter((field) => field !== first) : allFields;
  return { type, formType, fields: Object.freeze(fields), multiItem };
}

function hiddenFormType(formType: string): FormField {
  return frozenField(FORM_TYPE, "hidden", undefined, [formType]);
}

/** JSON of a peer's form may say so; an application has no use for it. */
function isMultiItem(init: object): boolean {
  return "multiItem" in init && init.multiItem === true;
}

function parseField(element: Element): FormField {
  const { var: name, type, label } = element.attrs as Record<string, string | undefined>;
  const values = childElements(element).filter((child) => child.is("value", NS_DATA_FORMS));
  return frozenField(
    name ?? "",
    type,
    label,
    values.map((value) => value.getText()),
  );
}

function frozenField(
  name: string,
  type: string | undefined,
  label: string | undefined,
  values: string[],
): FormField {
  // Spreading what is not there costs more than all else in a form.
  const field: { -readonly [Key in keyof FormField]: FormField[Key] } = {
    var: name,
    values: Object.freeze(values),
  };
  if (type !== undefined) field.type = type;
  if (label !== undefined) field.label = label;
  return Object.freeze(field);
}

function isFieldList(fields: object): fields is readonly FormField[] {
  return Array.isArray(fields);
}

function toFields(fields: Readonly<Record<string, string | readonly string[]>>): FormField[] {
  if (typeof fields !== "object" || fields === null) {
    throw new TypeError(`fields are values by name, or a list of fields, not ${show(fields)}`);
  }
  return Object.entries(fields).map(([name, value]) => ({
    var: name,
    ...(name === FORM_TYPE ? { type: "hidden" } : {}),
    values: typeof value === "string" ? [value] : value,
  }));
}

function checkedField(field: FormField): FormField {
  const name = toText(field?.var, "name of a field");
  const { type, label, values } = field;
  if (!Array.isArray(values)) {
    throw new TypeError(
      `values of the field ${show(name)} are a text or a list of texts, not ${show(values)}`,
    );
  }
  return frozenField(
    name,
    type === undefined ? undefined : toText(type, `type of the field ${show(name)}`),
    label === undefined ? undefined : toText(label, `label of the field ${show(name)}`),
    values.map((value) => toText(value, `value of the field ${show(name)}`)),
  );
}
