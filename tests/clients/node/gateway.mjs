// The gateway under test and its simulated upstream, as `cargo xtask test clients` started them.

import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

/** Where paths of other dialects begin. */
const ROOT = process.env.GATEWAY_URL.replace(/\/v1$/, "");

function caller(apiKey) {
  // The SDK would try again by itself, and then errors were not seen.
  return new OpenAI({ apiKey, baseURL: process.env.GATEWAY_URL, maxRetries: 0, timeout: 20_000 });
}

/** A caller that may name every model. */
export const client = caller(process.env.FULL_KEY);
/** A caller that may name `plain` and nothing else. */
export const limitedClient = caller(process.env.LIMITED_KEY);
/** A caller whose key is not known. */
export const stranger = caller("sk-not-known-here");

function anthropicCaller(apiKey) {
  return new Anthropic({ apiKey, baseURL: ROOT, maxRetries: 0, timeout: 20_000 });
}

export const anthropic = anthropicCaller(process.env.FULL_KEY);
export const anthropicStranger = anthropicCaller("sk-not-known-here");

function googleCaller(apiKey) {
  const httpOptions = { baseUrl: ROOT, timeout: 20_000, retryOptions: { attempts: 1 } };
  return new GoogleGenAI({ apiKey, httpOptions });
}

export const google = googleCaller(process.env.FULL_KEY);
export const googleStranger = googleCaller("not-known-here");

/** The shortest request there is. */
export function hello(more) {
  return { messages: [{ role: "user", content: "Hello." }], ...more };
}

/** All chunks of a stream. */
export async function chunksOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** The text that chunks add up to. */
export function textOf(chunks) {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

let models = 0;

/** A model that only one test uses, so that its faults and records are its own. */
export function ownModel() {
  models += 1;
  const upstream = `node-${process.pid}-${models}`;
  return { upstream, alias: `test/${upstream}` };
}

async function control(path, order) {
  const init = order && { method: "POST", body: JSON.stringify(order) };
  const answer = await fetch(process.env.SIMULATOR_URL + path, init);
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

/** The control face of the simulated upstream. */
export const simulator = {
  /** Lets the next call of a model fail; `fault` has a `kind` and its options. */
  async fail(model, fault, times = 1) {
    await control("/faults", { model, times, fault });
  },

  /** What was asked of a model, the oldest first. */
  async requests(model) {
    const { requests } = await control("/requests");
    return requests.filter((record) => record.model === model);
  },

  /** Waits until the last request of a model has ended like this; answers the record. */
  async waitForOutcome(model, outcome, milliseconds = 10_000) {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const last = (await this.requests(model)).at(-1);
      if (last?.outcome === outcome) return last;
      if (performance.now() > deadline) {
        assert.fail(`${model}: waited for ${outcome}, but there is ${last?.outcome ?? "no request"}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
};
