// Requests that many tests send.

export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export const BOTH_TOOLS = "Tell me the weather and what the clock says.";
export const ONE_TOOL = "Tell me what the clock says.";

export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
};
export const CLOCK = { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] };
