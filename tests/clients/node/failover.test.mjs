// A model that fails is replaced before the caller has seen anything.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chunksOf, client, hello, simulator } from "./gateway.mjs";

test("a fallback answers in place of a model that fails", async () => {
  await simulator.fail("shaky-1", { kind: "status", status: 500 }, 2);
  const call = client.chat.completions.create(hello({ model: "shaky" }));
  const { data, response } = await call.withResponse();
  assert.equal(data.model, "small-1");
  assert.equal(response.headers.get("x-modelpool-attempts"), "3");
});

test("a pool goes past a dead member", async () => {
  const answer = await client.chat.completions.create(hello({ model: "resilient" }));
  assert.equal(answer.model, "small-1");
});

test("a stream fails over before its first piece", async () => {
  await simulator.fail("shaky-1", { kind: "cut_after_chunks", chunks: 1 });
  const stream = await client.chat.completions.create(hello({ model: "shaky", stream: true }));
  const chunks = await chunksOf(stream);
  assert.deepEqual([...new Set(chunks.map((chunk) => chunk.model))], ["small-1"]);
});
