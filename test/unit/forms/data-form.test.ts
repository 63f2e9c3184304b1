import xml, { type Element } from "@xmpp/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataForm } from "../../../src/index.ts";
import {
  anyText,
  forAny,
  fromWire,
  maybeText,
  mutablePartsOf,
  overTheWire,
  someText,
  throughFile,
} from "./helpers.ts";

const FORM = "jabber:x:data";

function read(fields: string, type = "result"): DataForm {
  return DataForm.fromElement(fromWire(`<x xmlns="${FORM}" type="${type}">${fields}</x>`));
}

const hidden = (formType: string) =>
  `<field var="FORM_TYPE" type="hidden"><value>${formType}</value></field>`;

describe("a form from the wire", () => {
  it.each([
    [
      "the values",
      hidden("").replace("<value></value>", "<value>a</value><value/>"),
      hidden("").replace("<value></value>", "<value/><value>a</value>"),
    ],
    ["the fields", `${hidden("a")}<field var="FORM_TYPE"/>`, `<field var="FORM_TYPE"/>${hidden("a")}`],
  ])("is of the same FORM_TYPE in whatever order %s are", (_, fields, others) => {
    expect(read(fields).formType).toBe("a");
    expect(read(others).formType).toBe("a");
  });

  // https://xmpp.org/extensions/xep-0128.html#example-1
  const server = `
    <x xmlns='jabber:x:data' type='result'>
      <field var='FORM_TYPE' type='hidden'>
        <value>http://jabber.org/network/serverinfo</value>
      </field>
      <field var='c2s_port'>
        <value>5222</value>
      </field>
      <field var='c2s_port_ssl'>
        <value>5223</value>
      </field>
      <field var='http_access'>
        <value>http://shakespeare.lit/jabber</value>
      </field>
      <field var='ip_version'>
        <value>ipv4</value>
        <value>ipv6</value>
      </field>
      <field var='info_url'>
        <value>http://shakespeare.lit/support.php</value>
      </field>
    </x>`;

  it("reads the IM server of XEP-0128", () => {
    const form = DataForm.fromElement(fromWire(server));

    expect(form.type).toBe("result");
    expect(form.formType).toBe("http://jabber.org/network/serverinfo");
    expect(form.fields).toEqual([
      { var: "c2s_port", values: ["5222"] },
      { var: "c2s_port_ssl", values: ["5223"] },
      { var: "http_access", values: ["http://shakespeare.lit/jabber"] },
      { var: "ip_version", values: ["ipv4", "ipv6"] },
      { var: "info_url", values: ["http://shakespeare.lit/support.php"] },
    ]);
  });

  // https://xmpp.org/extensions/xep-0128.html#example-2
  it("reads the labels of the chat room of XEP-0128", () => {
    const form = read(
      `${hidden("http://jabber.org/protocol/muc#roominfo")}
      <field var='muc#roominfo_description' label='Description'>
        <value>The place for all good witches!</value>
      </field>
      <field var='muc#roominfo_occupants' label='Number of occupants'>
        <value>3</value>
      </field>`,
    );

    expect(form.formType).toBe("http://jabber.org/protocol/muc#roominfo");
    expect(form.fields).toEqual([
      {
        var: "muc#roominfo_description",
        label: "Description",
        values: ["The place for all good witches!"],
      },
      { var: "muc#roominfo_occupants", label: "Number of occupants", values: ["3"] },
    ]);
  });

  it("gives all values of a field, in order", () => {
    expect(DataForm.fromElement(fromWire(server)).get("ip_version")).toEqual(["ipv4", "ipv6"]);
  });

  it("gives the first value of a field", () => {
    expect(DataForm.fromElement(fromWire(server)).value("ip_version")).toBe("ipv4");
  });

  it.each(["missing", "__proto__", "constructor", "toString"])("gives no values for %s", (name) => {
    const form = DataForm.fromElement(fromWire(server));

    expect(form.get(name)).toEqual([]);
    expect(form.value(name)).toBeUndefined();
  });

  it("tells a field with an empty value from one without a value", () => {
    const form = read(`<field var="empty"><value/></field><field var="none"/>`);

    expect(form.get("empty")).toEqual([""]);
    expect(form.get("none")).toEqual([]);
  });

  it("keeps the type of a field", () => {
    const form = read(`<field var="ip_version" type="text-multi"><value>ipv4</value></field>`);

    expect(form.fields).toEqual([{ var: "ip_version", type: "text-multi", values: ["ipv4"] }]);
  });

  it("keeps repeated values", () => {
    expect(read(`<field var="a"><value>1</value><value>1</value></field>`).get("a")).toEqual(["1", "1"]);
  });

  it("leaves out a field without a name", () => {
    const form = read(`<field type="fixed"><value>A heading</value></field><field var="a"/>`);

    expect(form.fields).toEqual([{ var: "a", values: [] }]);
  });

  it("is a result where it does not say what it is", () => {
    expect(DataForm.fromElement(fromWire(`<x xmlns="${FORM}"/>`)).type).toBe("result");
  });

  it("keeps its type where it says another", () => {
    expect(read(hidden("urn:example:form"), "form").type).toBe("form");
  });

  it("has no form type where there is no FORM_TYPE", () => {
    expect(read(`<field var="os"><value>Linux</value></field>`).formType).toBeUndefined();
  });

  it("has no form type where FORM_TYPE is not hidden, and leaves it among the fields", () => {
    const form = read(`<field var="FORM_TYPE" type="text-single"><value>urn:example:form</value></field>`);

    expect(form.formType).toBeUndefined();
    expect(form.get("FORM_TYPE")).toEqual(["urn:example:form"]);
  });

  // In a form of type submit a field may come without its type (XEP-0004 §3.2).
  it("takes a FORM_TYPE without a type where the form is submitted", () => {
    const form = read(`<field var="FORM_TYPE"><value>urn:example:form</value></field>`, "submit");

    expect(form.formType).toBe("urn:example:form");
    expect(form.fields).toEqual([]);
  });

  it("keeps both where FORM_TYPE is there twice", () => {
    const form = read(hidden("urn:example:a") + hidden("urn:example:b"));

    expect(form.formType).toBe("urn:example:a");
    expect(form.fields.map((field) => field.values)).toEqual([["urn:example:a"], ["urn:example:b"]]);
  });

  it("keeps both values of a FORM_TYPE with two", () => {
    const form = read(hidden("urn:example:a</value><value>urn:example:b"));

    expect(form.formType).toBe("urn:example:a");
    expect(form.get("FORM_TYPE")).toEqual(["urn:example:a", "urn:example:b"]);
  });

  it("has no form type where FORM_TYPE has no value", () => {
    const form = read(`<field var="FORM_TYPE" type="hidden"/>`);

    expect(form.formType).toBeUndefined();
    expect(form.fields).toEqual([{ var: "FORM_TYPE", type: "hidden", values: [] }]);
  });

  it.each(["reported", "item"])("leaves out <%s/>, and says so", (name) => {
    const form = read(`<${name}><field var="b"><value>2</value></field></${name}><field var="a"/>`);

    expect(form.multiItem).toBe(true);
    expect(form.fields).toEqual([{ var: "a", values: [] }]);
  });

  it("has nothing of the kind in a plain form", () => {
    expect(read(hidden("urn:example:form")).multiItem).toBe(false);
  });

  it("is read with a namespace prefix too", () => {
    const form = DataForm.fromElement(
      fromWire(
        `<d:x xmlns:d="${FORM}" type="result"><d:field var="FORM_TYPE" type="hidden"><d:value>urn:example:form</d:value></d:field><d:field var="a"><d:value>1</d:value></d:field></d:x>`,
      ),
    );

    expect(form.formType).toBe("urn:example:form");
    expect(form.get("a")).toEqual(["1"]);
  });

  it("has no fields of another namespace", () => {
    const form = read(`<field xmlns="urn:example:other" var="a"><value>1</value></field>`);

    expect(form.fields).toEqual([]);
  });

  it("has no values of another namespace", () => {
    const form = read(`<field var="a"><value xmlns="urn:example:other">1</value><value>2</value></field>`);

    expect(form.get("a")).toEqual(["2"]);
  });

  it("is not disturbed by an <item/> of another namespace", () => {
    expect(read(`<item xmlns="urn:example:other"/>`).multiItem).toBe(false);
  });

  it.each([
    ["another namespace", `<x xmlns="urn:example:other"/>`, "urn:example:other"],
    ["another name", `<query xmlns="${FORM}"/>`, "query"],
  ])("is an error for an element of %s, which it names", (_, text, named) => {
    const element = fromWire(text);

    expect(() => DataForm.fromElement(element)).toThrow(TypeError);
    expect(() => DataForm.fromElement(element)).toThrow(named);
  });
});

describe("a form on the wire", () => {
  it("is what the application made, its hidden FORM_TYPE first", () => {
    const form = new DataForm({
      formType: "urn:xmpp:dataforms:softwareinfo",
      fields: { software: "my-app", os: ["Linux", "BSD"] },
    });

    expect(form.toElement().toString()).toBe(
      `<x xmlns="jabber:x:data" type="result">` +
        `<field var="FORM_TYPE" type="hidden"><value>urn:xmpp:dataforms:softwareinfo</value></field>` +
        `<field var="software"><value>my-app</value></field>` +
        `<field var="os"><value>Linux</value><value>BSD</value></field></x>`,
    );
  });

  it("escapes what is in it", () => {
    const form = new DataForm({ fields: { '"><x/>': "</value><evil/>" } });

    const element = overTheWire(form.toElement());

    expect(element.getChildElements()).toHaveLength(1);
    expect(DataForm.fromElement(element).get('"><x/>')).toEqual(["</value><evil/>"]);
  });

  it("repeats a FORM_TYPE that is not as it should be", () => {
    const twice = read(hidden("urn:example:a") + hidden("urn:example:b"));

    expect(twice.toElement().getChildren("field")).toHaveLength(2);
  });

  it("makes a new element each time", () => {
    const form = new DataForm({ formType: "urn:example:form" });
    form.toElement().attrs.type = "changed";

    expect(form.toElement().attrs.type).toBe("result");
  });
});

describe("a form made by an application", () => {
  it("takes one value or many for a field", () => {
    const form = new DataForm({
      formType: "urn:example:form",
      fields: { one: "1", many: ["1", "2"], none: [] },
    });

    expect(form.get("one")).toEqual(["1"]);
    expect(form.get("many")).toEqual(["1", "2"]);
    expect(form.get("none")).toEqual([]);
  });

  it("takes fields with types and labels", () => {
    const fields = [{ var: "os", type: "text-single", label: "System", values: ["Linux"] }];

    expect(new DataForm({ formType: "urn:example:form", fields }).fields).toEqual(fields);
  });

  it("takes its form type from a field FORM_TYPE as well", () => {
    const form = new DataForm({ fields: { FORM_TYPE: "urn:example:form", a: "1" } });

    expect(form.formType).toBe("urn:example:form");
    expect(form.fields.map((field) => field.var)).toEqual(["a"]);
  });

  it("is a result unless it is told otherwise", () => {
    expect(new DataForm({ formType: "urn:example:form" }).type).toBe("result");
    expect(new DataForm({ formType: "urn:example:form", type: "submit" }).type).toBe("submit");
  });

  it("does not change when what it was made of does", () => {
    const values = ["1"];
    const fields = [{ var: "a", values }];
    const form = new DataForm({ formType: "urn:example:form", fields });
    values.push("2");
    fields.push({ var: "b", values: [] });

    expect(form.fields).toEqual([{ var: "a", values: ["1"] }]);
  });

  const unusable = (init: unknown) => () => new DataForm(init as { formType: string });

  it.each([
    ["an empty form type", { formType: "" }, "formType"],
    ["a form type that is no text", { formType: 5 }, "5"],
    ["a value that is no text", { fields: { port: 5222 } }, "5222"],
    ["a value in a list that is no text", { fields: { port: ["1", null] } }, "null"],
    ["fields that are no fields", { fields: "os" }, "os"],
    ["a field without values", { fields: [{ var: "os" }] }, "os"],
    ["a field without a name", { fields: [{ values: [] }] }, "undefined"],
    ["no field", { fields: [null] }, "undefined"],
    ["a type that is no text", { type: 1 }, "1"],
    ["an empty type", { type: "" }, "type"],
    ["a control character", { fields: { os: "Linux\u0000" } }, "os"],
    ["half a character", { fields: { os: "\ud83d" } }, "os"],
    ["a name with a control character", { fields: { "a\u0001": "1" } }, "\\u0001"],
  ])("is an error with %s, which it names", (_, init, named) => {
    expect(unusable(init)).toThrow(TypeError);
    expect(unusable(init)).toThrow(named);
  });
});

describe("a form as JSON", () => {
  it("is its form type and its fields", () => {
    const form = new DataForm({ formType: "urn:example:form", fields: { a: "1", b: ["2", "3"] } });

    expect(throughFile(form)).toEqual({
      formType: "urn:example:form",
      fields: [
        { var: "a", values: ["1"] },
        { var: "b", values: ["2", "3"] },
      ],
    });
  });

  it.each([
    ["types and labels", read(`<field var="a" type="text-single" label="A"><value>1</value></field>`)],
    ["a form type", read(hidden("urn:example:form"))],
    ["an empty form type", read(hidden(""))],
    ["its own type", read(hidden("urn:example:form"), "submit")],
    [
      "a FORM_TYPE that is not hidden",
      read(`<field var="FORM_TYPE"><value>urn:example:form</value></field>`),
    ],
    ["a FORM_TYPE twice", read(hidden("urn:example:a") + hidden("urn:example:b"))],
    ["a FORM_TYPE of two values", read(hidden("urn:example:a</value><value>urn:example:b"))],
    ["that it had several items", read("<reported/>")],
    ["a field with an empty name", read(`<field var=""><value>1</value></field>`)],
    ["no field at all", read("")],
  ])("loses nothing of a form with %s", (_, form) => {
    expect(DataForm.fromJSON(throughFile(form))).toEqual(form);
  });

  it("takes values by name too, as capsdb has them", () => {
    const form = DataForm.fromJSON({ formType: "urn:example:form", fields: { os: ["Linux"] } });

    expect(form.get("os")).toEqual(["Linux"]);
  });

  it("is a copy", () => {
    const form = new DataForm({ fields: { a: "1" } });
    const json = form.toJSON();
    json.fields[0]?.values.push("2");

    expect(form.get("a")).toEqual(["1"]);
  });

  it.each([[null], [5], ["text"], [[]], [{}], [{ formType: "urn:example:form" }]])(
    "is an error when it is %j",
    (json: unknown) => {
      expect(() => DataForm.fromJSON(json)).toThrow(TypeError);
    },
  );
});

describe("a form that is shared", () => {
  it.each([
    ["made by an application", new DataForm({ formType: "urn:example:form", fields: { a: ["1", "2"] } })],
    ["read from the wire", read(`${hidden("urn:example:form")}<field var="a"><value>1</value></field>`)],
    ["read from JSON", DataForm.fromJSON({ fields: [{ var: "a", values: ["1"] }] })],
  ])("cannot be changed when it was %s", (_, form) => {
    expect(mutablePartsOf(form)).toEqual([]);
  });
});

describe("any form", () => {
  const field = fc
    .record({
      var: fc.oneof(someText, maybeText, fc.constant("FORM_TYPE")),
      type: fc.oneof(maybeText, fc.constantFrom("hidden", "text-multi")),
      label: maybeText,
      values: fc.array(anyText, { maxLength: 3 }),
    })
    .map(({ values, ...attrs }) => xml("field", attrs, ...values.map((value) => xml("value", {}, value))));
  const other = fc.constantFrom("title", "instructions", "reported", "item").map((name) => xml(name));
  const form = fc
    .record({
      type: fc.oneof(maybeText, fc.constantFrom("form", "submit", "result")),
      children: fc.array(fc.oneof({ weight: 5, arbitrary: field }, { weight: 1, arbitrary: other }), {
        maxLength: 5,
      }),
    })
    .map(({ type, children }): Element => overTheWire(xml("x", { xmlns: FORM, type }, ...children)));

  it("is the same when it is written and read again", () => {
    forAny(form, (element) => {
      const once = DataForm.fromElement(element);
      expect(DataForm.fromElement(overTheWire(once.toElement()))).toEqual(once);
    });
  });

  it("is the same when it comes back from JSON", () => {
    forAny(form, (element) => {
      const once = DataForm.fromElement(element);
      expect(DataForm.fromJSON(throughFile(once))).toEqual(once);
    });
  });
});
