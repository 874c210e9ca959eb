// Anthropic's own package, over every wire.

import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";

import { anthropic, anthropicStranger, ownModel, simulator } from "./gateway.mjs";
import { BOTH_TOOLS, CLOCK, ONE_TOOL, PIXEL, WEATHER } from "./samples.mjs";
import { FOR_GOOD, LOSSES, WAIT, overEachWire } from "./wires.mjs";

const TOOLS = [
  { name: "get_weather", description: "The weather of a city", input_schema: WEATHER },
  { name: "get_clock", description: "The time of a zone", input_schema: CLOCK },
];
const CITY = z.object({ name: z.string(), inhabitants: z.int() });

function ask(model, content, more) {
  return { model, max_tokens: 500, messages: [{ role: "user", content }], ...more };
}

function callsOf(message) {
  return message.content.filter((block) => block.type === "tool_use");
}

function checkBoth(message) {
  const calls = callsOf(message);
  assert.deepEqual(calls.map((call) => call.name), ["get_weather", "get_clock"]);
  assert.deepEqual(Object.keys(calls[0].input).sort(), ["city", "days"]);
  assert.deepEqual(Object.keys(calls[1].input), ["zone"]);
  assert.equal(message.stop_reason, "tool_use");
}

overEachWire("an answer", async (wire) => {
  const answer = await anthropic.messages.create(ask(wire.model("plain"), "Hello.", { system: "Be brief." }));
  assert.equal(answer.model, "small-1");
  assert.equal(answer.stop_reason, "end_turn");
  assert.match(answer.content[0].text, /Hello\./);
  assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
});

overEachWire("a stream adds up to the answer", async (wire) => {
  const request = ask(wire.model("plain"), "Hello.");
  const whole = await anthropic.messages.create(request);
  const texts = [];
  const stream = anthropic.messages.stream(request).on("text", (text) => texts.push(text));
  const message = await stream.finalMessage();
  assert.ok(texts.length > 5, "it came in pieces");
  assert.equal(texts.join(""), whole.content[0].text);
  assert.equal(message.content[0].text, whole.content[0].text);
  assert.equal(message.stop_reason, "end_turn");
  assert.equal(message.usage.output_tokens, whole.usage.output_tokens);
  assert.equal(message.usage.input_tokens, whole.usage.input_tokens);
});

overEachWire("tools in parallel", async (wire) => {
  checkBoth(await anthropic.messages.create(ask(wire.model("auto"), BOTH_TOOLS, { tools: TOOLS })));
});

overEachWire("a loop of streamed tools", async (wire) => {
  const request = ask(wire.model("auto"), BOTH_TOOLS, { tools: TOOLS });
  const first = await anthropic.messages.stream(request).finalMessage();
  checkBoth(first);
  const results = callsOf(first).map((call) => ({
    type: "tool_result",
    tool_use_id: call.id,
    content: `answer of ${call.name}`,
  }));
  const turns = [
    { role: "assistant", content: first.content },
    { role: "user", content: results },
  ];
  const second = anthropic.messages.stream({ ...request, messages: [...request.messages, ...turns] });
  assert.match(await second.finalText(), /answer of get_clock/);
});

overEachWire("the helper runs the tools", async (wire) => {
  const clock = betaZodTool({
    name: "get_clock",
    description: "The time of a zone",
    inputSchema: z.object({ zone: z.string() }),
    run: ({ zone }) => `noon in ${zone}`,
  });
  const request = ask(wire.model("auto"), ONE_TOOL, { tools: [clock] });
  const message = await anthropic.beta.messages.toolRunner(request).runUntilDone();
  assert.match(message.content[0].text, /noon in/);
});

overEachWire("an image", async (wire) => {
  const source = { type: "base64", media_type: "image/png", data: PIXEL };
  const content = [{ type: "image", source }, { type: "text", text: "What is this?" }];
  const answer = await anthropic.messages.create(ask(wire.model("auto"), content));
  assert.equal(answer.model, "eye-1");
  assert.match(answer.content[0].text, /1 image/);
});

overEachWire("structured output", async (wire) => {
  const output = { output_config: { format: zodOutputFormat(CITY) } };
  const answer = await anthropic.messages.parse(ask(wire.model("auto"), "Which city?", output));
  assert.ok(Number.isInteger(answer.parsed_output.inhabitants));
});

overEachWire("an output limit", async (wire) => {
  const answer = await anthropic.messages.create({ ...ask(wire.model("plain"), "Hello."), max_tokens: 3 });
  assert.equal(answer.stop_reason, "max_tokens");
});

test("tokens are counted", async () => {
  const messages = [{ role: "user", content: "Hello there." }];
  const counted = await anthropic.messages.countTokens({ model: "plain", messages });
  assert.ok(counted.input_tokens > 0);
});

test("a wrong key", async () => {
  const call = anthropicStranger.messages.create(ask("auto", "Hello."));
  await assert.rejects(call, Anthropic.AuthenticationError);
});

test("no model fits", async () => {
  const requirements = { supports_vision: true, min_accuracy: 0.9 };
  const call = anthropic.messages.create(ask("auto", "Hello.", { modelpool: { requirements } }));
  await assert.rejects(call, Anthropic.UnprocessableEntityError);
});

overEachWire("an unknown model", async (wire) => {
  const call = anthropic.messages.create(ask(wire.model("visoin"), "Hello."));
  await assert.rejects(call, (error) => error instanceof Anthropic.NotFoundError && /vision/.test(error.message));
});

overEachWire("a rate limit keeps its waiting time", async (wire) => {
  await simulator.fail("waiting-1", WAIT);
  const call = anthropic.messages.create(ask(wire.waiting, "Hello."));
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof Anthropic.RateLimitError, String(error));
    assert.ok(Number(error.headers.get("retry-after")) > 60);
    return true;
  });
});

overEachWire("a model that fails", async (wire) => {
  const model = ownModel();
  await simulator.fail(model.upstream, { kind: "status", status: 500 }, FOR_GOOD);
  const request = ask(wire.model(model.alias), "Hello.");
  await assert.rejects(anthropic.messages.create(request), Anthropic.InternalServerError);
  await assert.rejects(anthropic.messages.stream(request).finalMessage(), Anthropic.InternalServerError);
});

for (const kind of LOSSES) {
  overEachWire(`a stream that is lost (${kind}) is continued`, async (wire) => {
    const model = ownModel();
    await simulator.fail(model.upstream, { kind, chunks: 4 });
    const message = await anthropic.messages.stream(ask(wire.model(model.alias), "Hello.")).finalMessage();
    assert.equal(message.stop_reason, "end_turn");
    assert.equal(message.content.length, 1);
  });

  overEachWire(`a stream that is lost (${kind}) for good is an error`, async (wire) => {
    const model = ownModel();
    await simulator.fail(model.upstream, { kind, chunks: 4 }, FOR_GOOD);
    const texts = [];
    const stream = anthropic.messages.stream(ask(wire.model(model.alias), "Hello."));
    stream.on("text", (text) => texts.push(text));
    await assert.rejects(stream.finalMessage(), (error) => {
      assert.ok(error instanceof Anthropic.APIError, String(error));
      assert.match(error.message, /api_error/);
      return true;
    });
    assert.ok(texts.length > 0, "what had come before the loss was delivered");
  });
}
