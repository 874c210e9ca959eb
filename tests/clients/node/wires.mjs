// The wires that a model can be behind.
//
// The simulated upstream speaks OpenAI's chat completions. Over the other wires the gateway calls itself, in the
// dialect of that wire, so that a request goes through the caller's dialect, the wire, the wire as a dialect, and chat
// completions; and the answer the same way back.

import { test } from "node:test";

class Wire {
  constructor(name) {
    this.name = name;
  }

  /** The name by which a caller reaches an alias over this wire. */
  model(alias) {
    return this.name === "chat" ? alias : `over-${this.name}/${alias}`;
  }

  /** A model that was told to wait. */
  get waiting() {
    return this.name === "chat" ? "waiting" : `waiting-over-${this.name}`;
  }
}

const WIRES = ["chat", "anthropic", "gemini", "responses"].map((name) => new Wire(name));

/** A test for each wire. */
export function overEachWire(what, check) {
  for (const wire of WIRES) test(`${what}, over ${wire.name}`, () => check(wire));
}

/** Says how long to wait, for so long that whoever comes later is told the same. */
export const WAIT = { kind: "status", status: 429, headers: { "retry-after": "900" } };

/** More failures than all calls of a request, at both ends of the way. */
export const FOR_GOOD = 64;

/** How streams are lost. */
export const LOSSES = ["cut_after_chunks", "end_after_chunks", "error_after_chunks"];
