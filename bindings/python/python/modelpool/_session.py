"""What an agent knows of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._errors import InvalidValueError


@dataclass
class Document:
    """A text that may be of use; a ``note`` is one that the agent or the user made."""

    name: str
    text: str
    note: bool = False


@dataclass
class SessionContext:
    """What an agent knows of the session when a turn begins.

    ``history`` is what was said, oldest first, in OpenAI's shape; `add` puts a turn into it. ``documents`` are searched
    for what the user says. Calls of one ``session_id`` prefer one model. ``metadata`` is for phases of your own.
    """

    session_id: str | None = None
    instructions: str | None = None
    history: list[Any] = field(default_factory=list)
    documents: list[Any] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        """Adds what was said in a turn, as its ``turn_complete`` event tells it; other events add nothing."""
        if event.get("type") == "turn_complete":
            self.history.extend(dict(message) for message in event["metadata"]["messages"])


def session_of(given: Any) -> dict[str, Any]:
    """What was given for a session, as a dict: a `SessionContext`, a dict of its members, its id, or nothing."""
    if given is None or given is ...:
        return {}
    if isinstance(given, str):
        return {"session_id": given}
    if isinstance(given, SessionContext):
        members = {name: getattr(given, name) for name in SessionContext.__dataclass_fields__}
    elif isinstance(given, Mapping):
        members = dict(given)
    else:
        raise InvalidValueError(f"session_context: expected a SessionContext, a dict, an id or None, got {given!r}")
    if members.get("documents"):
        members["documents"] = [_document(document) for document in _documents(members["documents"])]
    return members


def _documents(given: Any) -> Sequence[Any]:
    if isinstance(given, Mapping):
        return [Document(name, text) for name, text in given.items()]
    return list(given)


def _document(given: Any) -> dict[str, Any]:
    if isinstance(given, Document):
        return {"name": given.name, "text": given.text, "note": given.note}
    if isinstance(given, Mapping):
        return dict(given)
    raise InvalidValueError(f"session_context.documents: expected a Document or a dict, got {given!r}")


def message_of(given: Any, what: str) -> Any:
    """A message of the user: a text, the parts of one (with pictures, say), or a message as it is."""
    if isinstance(given, str):
        return {"role": "user", "content": given}
    if isinstance(given, Sequence):
        return {"role": "user", "content": list(given)}
    if given is None:
        raise InvalidValueError(f"{what}: expected a text, a list of parts, or a message, got None")
    return given
