import { DataForm } from "../../../src/index.ts";
import { readElement, reread } from "../markup.ts";
import { formElement, vectors, written } from "../structures.ts";
import { attempt, holds, mustReturn, same, type Target } from "../target.ts";
import { isPrintable } from "./info.ts";

/** Data forms. */
export const form: Target = {
  name: "form",
  about: "data forms (XEP-0004, XEP-0068)",
  kind: "xml",
  share: 5,
  fresh: written(formElement),
  seeds: vectors("caps390-edge.json", /^<query/).flatMap((query) =>
    (readElement(query)?.getChildren("x", "jabber:x:data") ?? []).map(String),
  ),
  run(input) {
    const element = readElement(input);
    if (element === undefined) return "no XML";
    const isForm = element.is("x", "jabber:x:data");
    const result = attempt(
      () => DataForm.fromElement(element),
      (error): error is TypeError => error instanceof TypeError && !isForm,
      "reading a form throws nothing",
    );
    if ("error" in result) return "no form";
    const parsed = result.value;
    const json = mustReturn(() => parsed.toJSON(), "toJSON does not throw");
    const again = reread(parsed.toElement());
    holds(again !== undefined, "what a form is written as can be read", () => String(parsed.toElement()));
    same(DataForm.fromElement(again).toJSON(), json, "reading, writing and reading a form is reading it");
    if (isPrintable(json)) {
      const fromJson = mustReturn(
        () => DataForm.fromJSON(JSON.parse(JSON.stringify(json))),
        "the JSON of a form can be read",
      );
      same(fromJson.toJSON(), json, "writing and reading the JSON of a form is the identity");
      same(
        String(fromJson.toElement()),
        String(parsed.toElement()),
        "a form from JSON is written as the same XML",
      );
    }
    for (const { var: name } of parsed.fields) {
      const values = parsed.get(name);
      same(parsed.value(name), values[0], "the value of a field is the first of its values");
    }
    holds(
      Object.isFrozen(parsed) &&
        Object.isFrozen(parsed.fields) &&
        parsed.fields.every((field) => Object.isFrozen(field) && Object.isFrozen(field.values)),
      "a form cannot be changed",
    );
    const kept = parsed.fields.some((field) => field.var === "FORM_TYPE");
    return [
      parsed.formType === undefined ? "no FORM_TYPE" : "a FORM_TYPE",
      kept ? "odd" : "",
      parsed.multiItem ? "several items" : "",
      `${Math.min(parsed.fields.length, 3)} fields`,
    ].join(" ");
  },
};
