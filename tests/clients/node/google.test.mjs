// Google's own package, over every wire.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, FinishReason, FunctionCallingConfigMode, createPartFromBase64 } from "@google/genai";

import { google, googleStranger, ownModel, simulator } from "./gateway.mjs";
import { BOTH_TOOLS, CLOCK, PIXEL, WEATHER } from "./samples.mjs";
import { FOR_GOOD, LOSSES, WAIT, overEachWire } from "./wires.mjs";

const TOOLS = [
  {
    functionDeclarations: [
      { name: "get_weather", description: "The weather of a city", parametersJsonSchema: WEATHER },
      { name: "get_clock", description: "The time of a zone", parametersJsonSchema: CLOCK },
    ],
  },
];
const CITY = {
  type: "object",
  properties: { name: { type: "string" }, inhabitants: { type: "integer" } },
  required: ["name", "inhabitants"],
};

async function chunksOf(request, seen = []) {
  for await (const chunk of await google.models.generateContentStream(request)) seen.push(chunk);
  return seen;
}

function textOf(chunks) {
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0].content?.parts ?? []);
  return parts.map((part) => part.text ?? "").join("");
}

function checkBoth(calls) {
  assert.deepEqual(calls.map((call) => call.name), ["get_weather", "get_clock"]);
  assert.deepEqual(Object.keys(calls[0].args).sort(), ["city", "days"]);
  assert.deepEqual(Object.keys(calls[1].args), ["zone"]);
}

/** The call ends with an error of the package with this status. */
async function fails(call, status) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.status, status, error.message);
    return true;
  });
}

overEachWire("an answer", async (wire) => {
  const config = { systemInstruction: "Be brief." };
  const answer = await google.models.generateContent({ model: wire.model("plain"), contents: "Hello.", config });
  assert.equal(answer.modelVersion, "small-1");
  assert.match(answer.text, /Hello\./);
  assert.equal(answer.candidates[0].finishReason, FinishReason.STOP);
  assert.ok(answer.usageMetadata.promptTokenCount > 0 && answer.usageMetadata.candidatesTokenCount > 0);
});

overEachWire("a stream adds up to the answer", async (wire) => {
  const request = { model: wire.model("plain"), contents: "Hello." };
  const whole = await google.models.generateContent(request);
  const chunks = await chunksOf(request);
  assert.ok(chunks.length > 5, "it came in pieces");
  assert.equal(textOf(chunks), whole.text);
  assert.equal(chunks.at(-1).candidates[0].finishReason, FinishReason.STOP);
  assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, whole.usageMetadata.candidatesTokenCount);
});

overEachWire("a chat remembers its streams", async (wire) => {
  const model = ownModel();
  const chat = google.chats.create({ model: wire.model(model.alias) });
  for await (const _ of await chat.sendMessageStream({ message: "One." }));
  await chat.sendMessage({ message: "Two." });
  const sent = JSON.parse((await simulator.requests(model.upstream)).at(-1).body);
  assert.deepEqual(sent.messages.map((message) => message.role), ["user", "assistant", "user"]);
});

overEachWire("tools in parallel", async (wire) => {
  const request = { model: wire.model("auto"), contents: BOTH_TOOLS, config: { tools: TOOLS } };
  checkBoth((await google.models.generateContent(request)).functionCalls);
});

overEachWire("a loop of streamed tools", async (wire) => {
  const said = { role: "user", parts: [{ text: BOTH_TOOLS }] };
  const request = { model: wire.model("auto"), contents: [said], config: { tools: TOOLS } };
  const chunks = await chunksOf(request);
  const calls = chunks.flatMap((chunk) => chunk.functionCalls ?? []);
  checkBoth(calls);
  const results = calls.map(({ id, name }) => ({
    functionResponse: { id, name, response: { output: `answer of ${name}` } },
  }));
  const turns = [
    { role: "model", parts: calls.map((functionCall) => ({ functionCall })) },
    { role: "user", parts: results },
  ];
  assert.match(textOf(await chunksOf({ ...request, contents: [said, ...turns] })), /answer of get_clock/);
});

overEachWire("a tool is demanded by name", async (wire) => {
  const functionCallingConfig = { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ["get_clock"] };
  const config = { tools: TOOLS, toolConfig: { functionCallingConfig } };
  const answer = await google.models.generateContent({ model: wire.model("auto"), contents: BOTH_TOOLS, config });
  assert.deepEqual(answer.functionCalls.map((call) => call.name), ["get_clock"]);
});

overEachWire("an image", async (wire) => {
  const contents = [createPartFromBase64(PIXEL, "image/png"), "What is this?"];
  const answer = await google.models.generateContent({ model: wire.model("auto"), contents });
  assert.equal(answer.modelVersion, "eye-1");
  assert.match(answer.text, /1 image/);
});

for (const schema of ["responseSchema", "responseJsonSchema"]) {
  overEachWire(`structured output by ${schema}`, async (wire) => {
    const config = { responseMimeType: "application/json", [schema]: CITY };
    const answer = await google.models.generateContent({ model: wire.model("auto"), contents: "City?", config });
    assert.ok(Number.isInteger(JSON.parse(answer.text).inhabitants));
  });
}

overEachWire("an output limit", async (wire) => {
  const request = { model: wire.model("plain"), contents: "Hello.", config: { maxOutputTokens: 3 } };
  const answer = await google.models.generateContent(request);
  assert.equal(answer.candidates[0].finishReason, FinishReason.MAX_TOKENS);
  assert.equal((await chunksOf(request)).at(-1).candidates[0].finishReason, FinishReason.MAX_TOKENS);
});

test("tokens are counted", async () => {
  const counted = await google.models.countTokens({ model: "plain", contents: "Hello there." });
  assert.ok(counted.totalTokens > 0);
});

test("a wrong key", async () => {
  await fails(googleStranger.models.generateContent({ model: "auto", contents: "Hello." }), 401);
});

test("no model fits", async () => {
  const extraBody = { modelpool: { requirements: { supports_vision: true, min_accuracy: 0.9 } } };
  const config = { httpOptions: { extraBody } };
  await fails(google.models.generateContent({ model: "auto", contents: "Hello.", config }), 422);
});

overEachWire("an unknown model", async (wire) => {
  await fails(google.models.generateContent({ model: wire.model("visoin"), contents: "Hello." }), 404);
});

overEachWire("a rate limit", async (wire) => {
  await simulator.fail("waiting-1", WAIT);
  await fails(google.models.generateContent({ model: wire.waiting, contents: "Hello." }), 429);
});

overEachWire("a model that fails", async (wire) => {
  const model = ownModel();
  await simulator.fail(model.upstream, { kind: "status", status: 500 }, FOR_GOOD);
  const request = { model: wire.model(model.alias), contents: "Hello." };
  await fails(google.models.generateContent(request), 502);
  await fails(chunksOf(request), 502);
});

for (const kind of LOSSES) {
  overEachWire(`a stream that is lost (${kind}) for good is an error`, async (wire) => {
    const model = ownModel();
    await simulator.fail(model.upstream, { kind, chunks: 4 }, FOR_GOOD);
    const seen = [];
    await fails(chunksOf({ model: wire.model(model.alias), contents: "Hello." }, seen), 502);
    assert.ok(textOf(seen), "what had come before the loss was delivered");
    assert.ok(seen.every((chunk) => !chunk.candidates[0].finishReason));
  });
}
