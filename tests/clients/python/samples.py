"""Requests that many tests send."""

PIXEL_BASE64 = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
PIXEL = f"data:image/png;base64,{PIXEL_BASE64}"

BOTH_TOOLS = "Tell me the weather and what the clock says."
ONE_TOOL = "Tell me what the clock says."
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
CLOCK = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}


def hello(**more):
    """The shortest request there is."""
    return {"messages": [{"role": "user", "content": "Hello."}], **more}
