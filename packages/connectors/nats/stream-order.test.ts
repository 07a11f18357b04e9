import { expect, test } from "vitest";
import { StreamOrder } from "./stream-order.ts";

/** `a1`: the message 1 for the subject a. */
const messages = (...ids: readonly string[]) => ids.map((id) => ({ id, subject: id.slice(0, 1) }));
const next = (order: StreamOrder, ids: readonly string[], from = 0) =>
  order.next(messages(...ids), from).map(({ message, follows }) => [message.id, follows]);

test("each message follows the one before, the first none", () => {
  const order = new StreamOrder();
  expect(next(order, ["a1", "a2", "b3"])).toEqual([
    ["a1", undefined],
    ["a2", "a1"],
    ["b3", "a2"],
  ]);
  expect(next(order, ["a1", "a2", "b3"], 2)).toEqual([["b3", undefined]]);
});

test("those of several streams follow their own", () => {
  const order = new StreamOrder();
  order.learn("a", "one");
  order.learn("b", "two");
  order.learn("c", "one");
  expect(next(order, ["a1", "b2", "c3", "b4"])).toEqual([
    ["a1", undefined],
    ["b2", undefined],
    ["c3", "a1"],
    ["b4", "b2"],
  ]);
});

test("nothing is sent that would not wait for one whose stream is not known", () => {
  const order = new StreamOrder();
  order.learn("a", "one");
  order.learn("b", "two");
  expect(next(order, ["a1", "x2", "a3", "b4"])).toEqual([
    ["a1", undefined],
    ["x2", "a1"],
    ["a3", "x2"],
  ]);
  expect(next(order, ["x1", "a2"])).toEqual([["x1", undefined]]);
});

test("fewer are sent at once while others write to the stream, and more again", () => {
  const order = new StreamOrder();
  const ids = Array.from({ length: 100 }, (_, index) => `a${index}`);
  const sent = () => next(order, ids).length;
  expect(sent()).toBe(100);
  order.heard(100, 8);
  expect(sent()).toBe(8);
  order.heard(8, 0);
  expect(sent()).toBe(1);
  for (const count of [1, 2, 4, 8, 16, 32, 64]) {
    expect(sent()).toBe(count);
    order.heard(count, count);
  }
  expect(sent()).toBe(100);
});
