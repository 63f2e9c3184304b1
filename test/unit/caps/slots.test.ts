import { describe, expect, test } from "vitest";
import { Slots } from "../../../src/caps/slots.ts";

/** Takes so many slots; `releases` gives back those that were granted. */
function take(slots: Slots, count: number) {
  const releases: (() => void)[] = [];
  const order: number[] = [];
  for (let i = 0; i < count; i += 1) {
    slots.take((release) => {
      releases.push(release);
      order.push(i);
    });
  }
  return { releases, order };
}

describe("slots", () => {
  test("there are so many and no more", () => {
    const { order } = take(new Slots(3), 10);
    expect(order).toEqual([0, 1, 2]);
  });

  test("one that is given back goes to who waits longest", () => {
    const { releases, order } = take(new Slots(2), 5);
    releases[1]?.();
    expect(order).toEqual([0, 1, 2]);
    releases[0]?.();
    releases[2]?.();
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  test("one that is given back twice is given back once", () => {
    const { releases, order } = take(new Slots(1), 3);
    releases[0]?.();
    releases[0]?.();
    expect(order).toEqual([0, 1]);
  });

  test("what is given back when nobody waits is there for the next", () => {
    const slots = new Slots(1);
    take(slots, 1).releases[0]?.();
    expect(take(slots, 2).order).toEqual([0]);
  });

  test("one that is given back at once does not overflow the stack", () => {
    const slots = new Slots(1);
    const { releases } = take(slots, 1);
    let started = 0;
    for (let i = 0; i < 50_000; i += 1) {
      slots.take((release) => {
        started += 1;
        release();
      });
    }
    releases[0]?.();
    expect(started).toBe(50_000);
  });

  test("who takes one while being given one waits for its turn", () => {
    const slots = new Slots(1);
    const order: string[] = [];
    slots.take((release) => {
      order.push("outer");
      slots.take(() => order.push("inner"));
      release();
      order.push("outer ends");
    });
    expect(order).toEqual(["outer", "outer ends", "inner"]);
  });
});
