"""What a docstring says of a function and of each parameter, in the styles that are in use."""

from __future__ import annotations

import inspect
import re

_GOOGLE = re.compile(r"^(args|arguments|parameters|params|keyword args|keyword arguments|other parameters):\s*$", re.I)
_SECTION = re.compile(
    r"^(returns?|yields?|raises?|examples?|notes?|see also|warnings?|references|attributes|todo|since):?\s*$", re.I
)
_NUMPY = re.compile(r"^(parameters|other parameters)\s*$", re.I)
_RULE = re.compile(r"^-{3,}\s*$")
_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_NUMPY_ENTRY = re.compile(r"^\*{0,2}(\w+(?:\s*,\s*\w+)*)\s*(?::.*)?$")
_FIELD = re.compile(r"^:(param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)$")
_OTHER_FIELD = re.compile(r"^:\w+(\s[^:]*)?:")


def read_docstring(doc: str | None) -> tuple[str, dict[str, str]]:
    """The description, and what is said of the parameters (Google's, numpy's or Sphinx's style)."""
    lines = inspect.cleandoc(doc).splitlines() if doc else []
    description: list[str] = []
    parameters: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if _GOOGLE.match(line):
            at = _google(lines, at + 1, parameters)
        elif _NUMPY.match(line) and _RULE.match(following):
            at = _numpy(lines, at + 2, parameters)
        elif field := _FIELD.match(line):
            at = _sphinx(lines, at, field, parameters)
        elif _OTHER_FIELD.match(line) or _begins_section(line, following):
            at = _end_of_section(lines, at + 1)
        else:
            description.append(line)
            at += 1
    return "\n".join(description).strip(), parameters


def _begins_section(line: str, following: str) -> bool:
    return bool(_SECTION.match(line) and (line.rstrip().endswith(":") or _RULE.match(following)))


def _google(lines: list[str], at: int, parameters: dict[str, str]) -> int:
    """Entries are indented, what goes on in them further."""
    indent = None
    name = None
    while at < len(lines):
        line = lines[at]
        if line.strip():
            width = len(line) - len(line.lstrip())
            if width == 0:
                break
            indent = width if indent is None else indent
            entry = _ENTRY.match(line.strip()) if width <= indent else None
            if entry:
                name = entry[1]
                parameters[name] = entry[2].strip()
            elif name:
                parameters[name] = f"{parameters[name]} {line.strip()}".strip()
        at += 1
    return at


def _numpy(lines: list[str], at: int, parameters: dict[str, str]) -> int:
    """Entries are not indented, what is said of them is."""
    names: list[str] = []
    while at < len(lines):
        line = lines[at]
        if line.strip() and line == line.lstrip():
            if at + 1 < len(lines) and _RULE.match(lines[at + 1]):
                break
            entry = _NUMPY_ENTRY.match(line.strip())
            if not entry:
                break
            names = [name.strip() for name in entry[1].split(",")]
            parameters.update((name, "") for name in names)
        elif line.strip():
            for name in names:
                parameters[name] = f"{parameters[name]} {line.strip()}".strip()
        at += 1
    return at


def _sphinx(lines: list[str], at: int, field: re.Match[str], parameters: dict[str, str]) -> int:
    said = [field[3].strip()]
    at += 1
    while at < len(lines) and lines[at].strip() and lines[at] != lines[at].lstrip():
        said.append(lines[at].strip())
        at += 1
    parameters[field[2]] = " ".join(said).strip()
    return at


def _end_of_section(lines: list[str], at: int) -> int:
    """Where what belongs to a section of no interest ends: at the next line that begins something else."""
    if at < len(lines) and _RULE.match(lines[at]):
        at += 1
        while at < len(lines) and not (at + 1 < len(lines) and _RULE.match(lines[at + 1])):
            at += 1
        return at
    while at < len(lines) and (not lines[at].strip() or lines[at] != lines[at].lstrip()):
        at += 1
    return at
