import { describe, expect, test } from "vitest";
import { AnswerWriter } from "../../../src/disco/answer.ts";
import { DataForm, DiscoInfo } from "../../../src/index.ts";

const info = new DiscoInfo({
  jid: "a.example",
  identities: [{ category: "client", type: "pc", name: "<A&B>" }],
  features: ["urn:example:a", "urn:example:b"],
  forms: [new DataForm({ formType: "urn:example:form", fields: { a: ["1", "2"] } })],
});

describe("an answer", () => {
  test("is written as the information itself would be, and has its parts", () => {
    const writer = new AnswerWriter();
    for (const _ of [1, 2, 3]) {
      const element = writer.write(info);
      expect(element.toString()).toBe(info.toElement().toString());
      expect(DiscoInfo.fromElement(element).toJSON()).toEqual(info.toJSON());
    }
  });

  test("is made once for an information that is told again, whosever it is", () => {
    const writer = new AnswerWriter();
    writer.write(info);
    const element = writer.write(info);
    expect(writer.write(info)).toBe(element);
    expect(writer.write(info.withSource({ jid: "b.example" }))).toBe(element);
  });

  test("is another for another node, and for another information with the same features", () => {
    const writer = new AnswerWriter();
    for (const _ of [1, 2]) writer.write(info);
    const ofNode = info.withSource({ jid: "a.example", node: "n" });
    expect(writer.write(ofNode).attrs["node"]).toBe("n");
    expect(writer.write(ofNode).toString()).toBe(ofNode.toElement().toString());
    const other = new DiscoInfo({ ...info, identities: [{ category: "client", type: "web" }] });
    expect(writer.write(other).toString()).toBe(other.toElement().toString());
    expect(writer.write(info).toString()).toBe(info.toElement().toString());
  });

  test("is right for each of more informations than are kept", () => {
    const writer = new AnswerWriter();
    const infos = Array.from(
      { length: 3_000 },
      (_, index) => new DiscoInfo({ features: [`urn:example:${index}`] }),
    );
    for (const round of [1, 2, 3, 4]) {
      for (const one of infos)
        expect(writer.write(one).toString(), `${round}`).toBe(one.toElement().toString());
    }
  });
});
