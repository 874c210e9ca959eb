// Streams: the text, the usage for those who ask, the end, and leaving before it.

import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { chunksOf, client, hello, ownModel, simulator, textOf } from "./gateway.mjs";

test("a stream says what the plain answer says", async () => {
  const plain = await client.chat.completions.create(hello({ model: "plain" }));
  const chunks = await chunksOf(await client.chat.completions.create(hello({ model: "plain", stream: true })));
  assert.equal(textOf(chunks), plain.choices[0].message.content);
  assert.ok(chunks.length > 5, "it came in pieces");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
});

test("who does not ask for usage gets none", async () => {
  const chunks = await chunksOf(await client.chat.completions.create(hello({ model: "plain", stream: true })));
  assert.ok(chunks.every((chunk) => !chunk.usage && chunk.choices.length === 1));
});

test("who asks for usage gets it last", async () => {
  const request = hello({ model: "plain", stream: true, stream_options: { include_usage: true } });
  const chunks = await chunksOf(await client.chat.completions.create(request));
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
  assert.ok(chunks.every((chunk) => !chunk.usage));
});

test("the helper for streams", async () => {
  const stream = client.chat.completions.stream(hello({ model: "plain" }));
  let text = "";
  stream.on("content", (piece) => (text += piece));
  const completion = await stream.finalChatCompletion();
  assert.equal(completion.choices[0].message.content, text);
  assert.match(text, /Hello\./);
});

for (const fault of [
  { kind: "cut_after_chunks", chunks: 4 },
  { kind: "end_after_chunks", chunks: 4, done: true },
  { kind: "error_after_chunks", chunks: 4 },
]) {
  test(`a stream that is lost raises: ${fault.kind}`, async () => {
    const model = ownModel();
    await simulator.fail(model.upstream, fault, 8);
    const chunks = [];
    const read = async () => {
      const stream = await client.chat.completions.create(hello({ model: model.alias, stream: true }));
      for await (const chunk of stream) chunks.push(chunk);
    };
    await assert.rejects(read, (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.code, "upstream_error");
      return true;
    });
    assert.ok(textOf(chunks), "what had come before the loss was delivered");
  });
}

test("leaving in the middle cancels the call upstream", async () => {
  const model = ownModel();
  await simulator.fail(model.upstream, { kind: "stall_after_chunks", chunks: 4 });
  const stream = await client.chat.completions.create(hello({ model: model.alias, stream: true }));
  for await (const _ of stream) break;
  const record = await simulator.waitForOutcome(model.upstream, "client_left");
  assert.equal(record.stage, "answering");
});

test("giving up before anything came cancels the call upstream", async () => {
  const model = ownModel();
  await simulator.fail(model.upstream, { kind: "stall_before_head" });
  const call = client.chat.completions.create(hello({ model: model.alias }), { timeout: 500 });
  await assert.rejects(call, OpenAI.APIConnectionTimeoutError);
  const record = await simulator.waitForOutcome(model.upstream, "client_left");
  assert.equal(record.stage, "before_head");
});
