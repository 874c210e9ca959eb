// Vercel's `ai` package: OpenAI's responses and chat completions, over every wire.

import assert from "node:assert/strict";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { ownModel, simulator } from "./gateway.mjs";
import { BOTH_TOOLS, PIXEL } from "./samples.mjs";
import { FOR_GOOD, LOSSES, overEachWire } from "./wires.mjs";

const where = { apiKey: process.env.FULL_KEY, baseURL: process.env.GATEWAY_URL };
const responses = createOpenAI(where);
const completions = createOpenAICompatible({
  ...where,
  name: "modelpool",
  includeUsage: true,
  supportsStructuredOutputs: true,
});

const CITY = z.object({ name: z.string(), inhabitants: z.int() });

function toolsThat(called) {
  const made = (name, inputSchema) =>
    tool({
      description: name,
      inputSchema,
      execute: async () => {
        called.push(name);
        return `answer of ${name}`;
      },
    });
  return {
    get_weather: made("get_weather", z.object({ city: z.string(), days: z.int() })),
    get_clock: made("get_clock", z.object({ zone: z.string() })),
  };
}

for (const [dialect, models] of Object.entries({ responses, completions })) {
  const overEach = (what, check) =>
    overEachWire(`${dialect}: ${what}`, (wire) =>
      check((alias) => ({ model: models(wire.model(alias)), maxRetries: 0 })),
    );

  overEach("an answer", async (at) => {
    const answer = await generateText({ ...at("plain"), system: "Be brief.", prompt: "Hello." });
    assert.match(answer.text, /Hello\./);
    assert.equal(answer.finishReason, "stop");
    assert.equal(answer.response.modelId, "small-1");
    assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
  });

  overEach("a stream adds up to the answer", async (at) => {
    const whole = await generateText({ ...at("plain"), prompt: "Hello." });
    const stream = streamText({ ...at("plain"), prompt: "Hello." });
    const texts = [];
    for await (const text of stream.textStream) texts.push(text);
    assert.ok(texts.length > 5, "it came in pieces");
    assert.equal(texts.join(""), whole.text);
    assert.equal(await stream.finishReason, "stop");
    assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
  });

  overEach("a loop of tools", async (at) => {
    const called = [];
    const stopWhen = stepCountIs(3);
    const answer = await generateText({ ...at("auto"), prompt: BOTH_TOOLS, tools: toolsThat(called), stopWhen });
    assert.deepEqual(called, ["get_weather", "get_clock"]);
    assert.equal(answer.steps[0].finishReason, "tool-calls");
    assert.match(answer.text, /answer of get_clock/);
  });

  overEach("a loop of streamed tools", async (at) => {
    const called = [];
    const stopWhen = stepCountIs(3);
    const stream = streamText({ ...at("auto"), prompt: BOTH_TOOLS, tools: toolsThat(called), stopWhen });
    assert.match(await stream.text, /answer of get_clock/);
    assert.deepEqual(called, ["get_weather", "get_clock"]);
  });

  overEach("structured output", async (at) => {
    const output = Output.object({ schema: CITY });
    const answer = await generateText({ ...at("auto"), prompt: "Which city?", output });
    assert.ok(Number.isInteger(answer.output.inhabitants));
    const stream = streamText({ ...at("auto"), prompt: "Which city?", output });
    assert.ok(Number.isInteger((await stream.output).inhabitants));
  });

  overEach("an image", async (at) => {
    const content = [
      { type: "text", text: "What is this?" },
      { type: "image", image: PIXEL, mediaType: "image/png" },
    ];
    const answer = await generateText({ ...at("auto"), messages: [{ role: "user", content }] });
    assert.match(answer.text, /1 image/);
  });

  overEach("a model that fails", async (at) => {
    const model = ownModel();
    await simulator.fail(model.upstream, { kind: "status", status: 500 }, FOR_GOOD);
    await assert.rejects(generateText({ ...at(model.alias), prompt: "Hello." }), (error) => {
      assert.ok(APICallError.isInstance(error), String(error));
      assert.equal(error.statusCode, 502);
      return true;
    });
  });

  for (const kind of LOSSES) {
    overEach(`a stream that is lost (${kind}) for good is an error`, async (at) => {
      const model = ownModel();
      await simulator.fail(model.upstream, { kind, chunks: 4 }, FOR_GOOD);
      const errors = [];
      const stream = streamText({
        ...at(model.alias),
        prompt: "Hello.",
        onError: ({ error }) => errors.push(error),
      });
      let text = "";
      for await (const piece of stream.textStream) text += piece;
      assert.ok(text, "what had come before the loss was delivered");
      assert.equal(errors.length, 1);
    });
  }
}
