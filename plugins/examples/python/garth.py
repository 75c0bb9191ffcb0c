"""What a Garth plugin in Python is written with: the decorator `tool`, and errors that the model can act on.

A copy of it is part of each plugin. It also imports outside a component, so that tools can be tested as plain functions.
"""

import inspect
import json
import os
import re
import types
import typing

try:
    from componentize_py_types import Err
    from wit_world.exports import tools as _wit
    from wit_world.imports import log as _log, progress as _progress
except ImportError:  # not in a component
    Err = _wit = _log = _progress = None

WORKSPACE = "/workspace"
STATE = "/state"


class Invalid(Exception):
    """The arguments make no sense; nothing happened."""


class Denied(Exception):
    """The host refused what the call needs."""


class Failed(Exception):
    """It was tried and did not work."""


class Output:
    """`text` for the model; `data`, a dict, for programs; `attachments` as pairs of a MIME type and bytes."""

    def __init__(self, text, data=None, attachments=()):
        self.text, self.data, self.attachments = text, data, list(attachments)


class Change:
    """A file that a call would write: `path` in the workspace, the SHA-256 of what it was computed from (None: there was
    no file), and the whole new content (None: deleted)."""

    def __init__(self, path, base, content):
        self.path, self.base, self.content = path, base, content


def locate(written):
    """Where a file of the workspace is, however the model wrote its path."""
    inside = written
    if written == WORKSPACE or written.startswith(WORKSPACE + "/"):
        inside = written[len(WORKSPACE) :].lstrip("/")
    clean = os.path.normpath(inside or ".")
    if os.path.isabs(clean) or clean == ".." or clean.startswith("../") or "\0" in written:
        raise Invalid(f"{written} is not in the workspace; give a path relative to it, like src/main.py")
    return os.path.join(WORKSPACE, clean)


def progress(message, fraction=None):
    """Tells the user how far the call has come; the model does not see it."""
    if _progress:
        _progress.report(message, fraction)


def log(message):
    """A note for the user; the model does not see it."""
    if _log:
        _log.write(_log.Level.INFO, message)


_tools = {}


def tool(function=None, *, preview=None, data=None, **descriptions):
    """Makes a function a tool. Its name is the function's, its description the docstring, its arguments the parameters:
    `str`, `int`, `float`, `bool`, `list[…]`, `dict`, `Literal[…]`; one with a default, or `X | None`, may be left out.
    Keywords describe single parameters. It returns a text or an `Output`.

    `preview` takes the same arguments and returns the list of `Change`s that the call would make. `data` is the JSON
    Schema of the output's data.
    """
    if function is None:
        return lambda function: tool(function, preview=preview, data=data, **descriptions)
    name = function.__name__
    hints = typing.get_type_hints(function)
    properties, required = {}, []
    for parameter in inspect.signature(function).parameters.values():
        schema, optional = _schema(hints.get(parameter.name, str), f"{name}({parameter.name})")
        if parameter.name in descriptions:
            schema = {**schema, "description": descriptions[parameter.name]}
        properties[parameter.name] = schema
        if not optional and parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    _tools[name] = {
        "call": function,
        "preview": preview,
        "description": inspect.cleandoc(function.__doc__ or ""),
        "input": schema,
        "output": data,
    }
    return function


_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}


def _schema(hint, where):
    """The JSON Schema of a type, and whether it may be left out."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        rest = [one for one in inner if one is not type(None)]
        if len(rest) == 1 and len(rest) < len(inner):
            return _schema(rest[0], where)[0], True
    if origin is typing.Literal:
        return {"enum": list(inner)}, False
    if origin is list:
        return {"type": "array", "items": _schema(inner[0], where)[0]}, False
    if origin is dict:
        return {"type": "object"}, False
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}, False
    raise TypeError(f"{where}: a parameter cannot be of the type {hint}")


def _fitting(function, text):
    """The arguments by name. What does not fit the function's parameters is the caller's mistake, and no crash."""
    try:
        arguments = json.loads(text)
        if not isinstance(arguments, dict):
            raise TypeError("they are no object")
        inspect.signature(function).bind(**arguments)
    except (TypeError, ValueError) as error:
        raise Invalid(f"the arguments do not fit: {error}")
    return arguments


def _run(function, arguments):
    """Calls a tool; what it raises becomes the error that the model is told."""
    try:
        return function(**_fitting(function, arguments))
    except Invalid as error:
        raise Err(_wit.Error_InvalidInput(str(error)))
    except (Denied, PermissionError) as error:
        raise Err(_wit.Error_Denied(str(error)))
    except OSError as error:
        if not os.path.isdir(WORKSPACE):
            raise Err(_wit.Error_Denied(f"{error.filename or 'files'}: this call has no access to the workspace"))
        raise Err(_wit.Error_Failed(re.sub(r"^\[Errno \d+\] ", "", str(error))))
    except (Failed, UnicodeError) as error:
        raise Err(_wit.Error_Failed(str(error)))


def _find(name):
    if name not in _tools:
        raise Err(_wit.Error_InvalidInput(f"this plugin has no tool '{name}'; it has {', '.join(_tools)}"))
    return _tools[name]


class Tools:
    """What the component exports. A plugin's module imports it by this name."""

    def describe(self):
        return [
            _wit.Tool(name, one["description"], json.dumps(one["input"]), one["output"] and json.dumps(one["output"]))
            for name, one in _tools.items()
        ]

    def call(self, name, arguments):
        output = _run(_find(name)["call"], arguments)
        if not isinstance(output, Output):
            output = Output(str(output))
        data = None if output.data is None else json.dumps(output.data)
        return _wit.Output(output.text, data, [_wit.Attachment(mime, content) for mime, content in output.attachments])

    def preview(self, name, arguments):
        preview = _find(name)["preview"]
        if preview is None:
            return None
        changes = _run(preview, arguments)
        return None if changes is None else [_wit.Change(one.path, one.base, one.content) for one in changes]
