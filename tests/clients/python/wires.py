"""The wires that a model can be behind.

The simulated upstream speaks OpenAI's chat completions. Over the other wires the gateway calls itself, in the dialect
of that wire, so that a request goes through the caller's dialect, the wire, the wire as a dialect, and chat
completions; and the answer the same way back.
"""

CHAT = "chat"
WIRES = [CHAT, "anthropic", "gemini", "responses"]

# Says how long to wait, for so long that whoever comes later is told the same.
WAIT = {"kind": "status", "status": 429, "headers": {"retry-after": "900"}}

# More failures than all calls of a request, at both ends of the way.
FOR_GOOD = 64


class Wire:
    def __init__(self, name):
        self.name = name

    def model(self, alias):
        """The name by which a caller reaches an alias over this wire."""
        return alias if self.name == CHAT else f"over-{self.name}/{alias}"

    @property
    def waiting(self):
        """A model that was told to wait."""
        return "waiting" if self.name == CHAT else f"waiting-over-{self.name}"
