import fc from "fast-check";
import { DiscoInfo, type Identity } from "../../../src/disco/info.js";
import { DataForm, type FormField } from "../../../src/forms/data-form.js";

/** Text that XML can carry, with what sorts oddly in it: astral characters, the upper BMP, white space, separators. */
export const text = (minLength = 0) =>
  fc.string({
    unit: fc.constantFrom(
      "a",
      "B",
      "z",
      "0",
      "/",
      "<",
      "&",
      "#",
      " ",
      "\t",
      "\n",
      "é",
      "ａ",
      "😀",
      "\u{10ffff}",
    ),
    minLength,
    maxLength: 4,
  });

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

export const identity: fc.Arbitrary<Identity> = fc.record({
  category: text(1),
  type: text(1),
  lang: optional(text()),
  name: optional(text()),
});

const field: fc.Arbitrary<FormField> = fc.record({
  var: text().filter((name) => name !== "FORM_TYPE"),
  values: fc.array(text(), { maxLength: 3 }),
});

export const form: fc.Arbitrary<DataForm> = fc
  .record({ formType: text(1), fields: fc.array(field, { maxLength: 3 }) })
  .map(
    ({ formType, fields }) =>
      new DataForm({ fields: [{ var: "FORM_TYPE", type: "hidden", values: [formType] }, ...fields] }),
  );

/** An information with a hash by both algorithms; repetitions may be in it. */
export const info: fc.Arbitrary<DiscoInfo> = fc
  .record({
    identities: fc.array(identity, { maxLength: 3 }),
    features: fc.array(text(1), { maxLength: 5 }),
    forms: fc.array(form, { maxLength: 2 }),
  })
  .map((init) => new DiscoInfo(init));

const shuffledForm = (form: DataForm): fc.Arbitrary<DataForm> =>
  fc
    .tuple(
      ...form.fields.map(({ values, ...rest }) =>
        fc
          .shuffledSubarray([...values], { minLength: values.length })
          .map((shuffled) => ({ ...rest, values: shuffled })),
      ),
    )
    .chain((fields) => fc.shuffledSubarray(fields, { minLength: fields.length }))
    .map((fields) => new DataForm({ formType: form.formType, fields }));

/** The same information with everything in another order. */
export const shuffled = ({ identities, features, forms }: DiscoInfo): fc.Arbitrary<DiscoInfo> =>
  fc
    .record({
      identities: fc.shuffledSubarray([...identities], { minLength: identities.length }),
      features: fc.shuffledSubarray([...features], { minLength: features.length }),
      forms: fc
        .tuple(...forms.map(shuffledForm))
        .chain((all) => fc.shuffledSubarray(all, { minLength: all.length })),
    })
    .map((init) => new DiscoInfo(init));

/** What an information says, in an order of its own: equal for equal ones only. */
export function meaning({ identities, features, forms }: DiscoInfo): string {
  const sorted = (items: unknown[]) => items.map((item) => JSON.stringify(item)).sort();
  return JSON.stringify([
    sorted(identities.map(({ category, type, lang = "", name = "" }) => [category, type, lang, name])),
    sorted([...features]),
    sorted(
      forms.map(({ formType, fields }) => [
        formType,
        sorted(fields.map(({ var: name, values }) => [name, sorted([...values])])),
      ]),
    ),
  ]);
}
