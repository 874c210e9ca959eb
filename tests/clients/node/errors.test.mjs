// Errors become the SDK's own exceptions, with a message that helps.

import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { client, hello, limitedClient, ownModel, simulator, stranger } from "./gateway.mjs";

/** The error that a call ends with, of this class and with this code. */
async function errorOf(call, kind, code) {
  let error;
  await assert.rejects(call, (raised) => {
    error = raised;
    return true;
  });
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
  if (code) assert.equal(error.code, code);
  return error;
}

test("a wrong key", async () => {
  const call = stranger.chat.completions.create(hello({ model: "auto" }));
  await errorOf(call, OpenAI.AuthenticationError, "invalid_api_key");
});

test("an unknown model names the nearest", async () => {
  const call = client.chat.completions.create(hello({ model: "visoin" }));
  const error = await errorOf(call, OpenAI.NotFoundError, "model_not_found");
  assert.match(error.message, /vision/);
});

test("a model the key may not use", async () => {
  const call = limitedClient.chat.completions.create(hello({ model: "large" }));
  await errorOf(call, OpenAI.PermissionDeniedError, "model_not_allowed");
});

test("no model fits, and the error says what each lacks", async () => {
  const requirements = { supports_vision: true, min_accuracy: 0.9 };
  const call = client.chat.completions.create(hello({ model: "auto", modelpool: { requirements } }));
  const error = await errorOf(call, OpenAI.UnprocessableEntityError, "no_model_fits");
  const vision = error.error.no_model_fits.rejected.find((model) => model.alias === "vision");
  assert.deepEqual(vision.missing.map((lack) => lack.key), ["min_accuracy"]);
});

test("a request that is wrong", async () => {
  const call = client.chat.completions.create({ model: "auto", messages: "hello" });
  await errorOf(call, OpenAI.BadRequestError);
});

test("a rate limit keeps its waiting time", async () => {
  await simulator.fail("node-limited-1", { kind: "status", status: 429, headers: { "retry-after": "7" } });
  const call = client.chat.completions.create(hello({ model: "node-limited" }));
  const error = await errorOf(call, OpenAI.RateLimitError, "rate_limit_exceeded");
  assert.equal(error.headers.get("retry-after"), "7");
});

for (const [status, seen, code] of [
  [500, 502, "upstream_error"],
  [503, 503, "overloaded"],
  [401, 502, "upstream_auth"],
]) {
  test(`an upstream that answers ${status} is never the caller's fault`, async () => {
    const model = ownModel();
    await simulator.fail(model.upstream, { kind: "status", status }, 8);
    const call = client.chat.completions.create(hello({ model: model.alias }));
    const error = await errorOf(call, OpenAI.InternalServerError, code);
    assert.equal(error.status, seen);
  });
}
