"""Holds one answer of the API against the published shapes. Knows no socket and no SDK.

`stripe-shapes.json.gz` has the shape of every resource: `k` kind (`s` text, `n` number, `b` boolean, `lit` one of the words `v`,
`a` list of `i`, `m` map to `i`, `list` list object of `i`, `r` the definition `r`, `o` object of fields `p`, `u` one of `o`),
`q` may be absent, `z` may be null. Facts about the API, derived from the type declarations of npm `stripe`.
"""
import functools
import gzip
import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).parent
# Beyond the published shapes: what Florin adds, and what versions before the current one had.
OURS = {"event/sequence"}
SHOWN_CHARACTERS = 80


@functools.cache
def shapes():
    return json.loads(gzip.decompress((FOLDER / "stripe-shapes.json.gz").read_bytes()))


@functools.cache
def operations():
    """(tier, method, path) of every published operation; `{}` in a path stands for an id."""
    lines = (FOLDER / "operations.tsv").read_text().splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


@functools.cache
def _patterns():
    # Fixed parts win over ids.
    known = sorted(operations(), key=lambda operation: operation[2].count("{}"))
    return [(method, re.compile("^" + re.escape(path).replace(r"\{\}", "[^/]+") + "$"), path) for _, method, path in known]


def operation(method, path):
    """The published operation of a call, as `GET /v1/charges/{}`; nothing for what is not published."""
    path = path.split("?")[0].rstrip("/")
    return next((f"{method} {name}" for known, pattern, name in _patterns() if known == method and pattern.match(path)), None)


def problems(status, body):
    """What is wrong with an answer's body: absent and unknown fields, wrong types, unknown words, null where there must be a value."""
    faults = []
    if not isinstance(body, dict):
        return ["the body is no object"]
    if status >= 400:
        _error(body, faults)
    elif body.get("object") in ("list", "search_result"):
        _list(body, "", faults)
    else:
        _object(body, "", faults)
    return faults


def _error(body, faults):
    error = body.get("error")
    if not isinstance(error, dict):
        faults.append("error: is absent")
        return
    if error.get("type") not in ("api_error", "card_error", "idempotency_error", "invalid_request_error"):
        faults.append(f"error/type: {error.get('type')!r} is none of the API's")
    texts = ("message", "code", "param", "decline_code", "charge", "doc_url")
    faults.extend(f"error/{name}: is no text" for name in texts if name in error and not isinstance(error[name], str))
    if "message" not in error:
        faults.append("error/message: is absent")
    for name in ("payment_intent", "payment_method", "setup_intent"):
        if name in error:
            _object(error[name], f"error/{name}", faults)


def _list(body, path, faults, item=None):
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        faults.append(f"{path}/data: is no list")
        return
    for name, kind in (("has_more", bool), ("url", str), ("object", str)):
        if not isinstance(body.get(name), kind):
            faults.append(f"{path}/{name}: is no {kind.__name__}")
    for one in body["data"]:
        if item is None or _root(one):
            _object(one, f"{path}/data", faults)
        else:
            _fits(one, item, f"{path}/data", faults)


def _root(value):
    """The name of the resource that a value says it is."""
    name = value.get("object") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name in shapes()["roots"] else None


def _object(value, path, faults):
    name = _root(value)
    if not name:
        faults.append(f"{path}: {_shown(value)} has no published shape")
        return
    roots = shapes()["roots"][name]
    tried = []
    for root in roots:
        inner = []
        _fits(value, shapes()["defs"][root], f"{path}/{name}", inner)
        tried.append(inner)
    faults.extend(min(tried, key=len))
    # An event's shape leaves its object open.
    if name == "event" and isinstance(value.get("data"), dict):
        _object(value["data"].get("object"), f"{path}/event/data/object", faults)


def _fits(value, shape, path, faults):
    kind = shape["k"]
    if value is None:
        if not shape.get("z") and kind not in ("any", "null"):
            faults.append(f"{path}: is null")
        return
    plain = {"s": str, "b": bool, "n": (int, float)}.get(kind)
    if plain:
        if not isinstance(value, plain) or (kind == "n" and isinstance(value, bool)):
            faults.append(f"{path}: {_shown(value)} is of another type than {kind}")
    elif kind == "lit":
        if value not in shape["v"]:
            faults.append(f"{path}: {_shown(value)} is no known word")
    elif kind == "a":
        _each(value, list, lambda: [(path, one, shape["i"]) for one in value], path, faults)
    elif kind == "m":
        _each(value, dict, lambda: [(f"{path}/{name}", one, shape["i"]) for name, one in value.items()], path, faults)
    elif kind == "list":
        _list(value, path, faults, shape["i"])
    elif kind == "r":
        # A thing within: its own name says which shape it must have.
        if _root(value):
            _object(value, path, faults)
        else:
            _fits(value, shapes()["defs"][shape["r"]], path, faults)
    elif kind == "u":
        _one_of(value, shape["o"], path, faults)
    elif kind == "o":
        _fields(value, shape["p"], path, faults)
    elif kind in ("null", "never"):
        faults.append(f"{path}: must not be there")


def _each(value, kind, parts, path, faults):
    if not isinstance(value, kind):
        faults.append(f"{path}: {_shown(value)} is no {kind.__name__}")
        return
    for inner, one, shape in parts():
        _fits(one, shape, inner, faults)


def _one_of(value, options, path, faults):
    tried = []
    for option in options:
        inner = []
        _fits(value, option, path, inner)
        if not inner:
            return
        tried.append(inner)
    faults.extend(min(tried, key=len))


def _fields(value, known, path, faults):
    if not isinstance(value, dict):
        faults.append(f"{path}: {_shown(value)} is no object")
        return
    for name, shape in known.items():
        if name in value:
            _fits(value[name], shape, f"{path}/{name}", faults)
        elif not shape.get("q"):
            faults.append(f"{path}/{name}: is absent")
    # A shape without fields says nothing of them: `previous_attributes` has those of any resource.
    if not known:
        return
    last = path.rsplit("/", 1)[-1]
    faults.extend(f"{path}/{name}: is unknown" for name in value if name not in known and f"{last}/{name}" not in OURS)


def _shown(value):
    return json.dumps(value)[:SHOWN_CHARACTERS]
