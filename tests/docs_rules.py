"""Checks the docstrings of public objects; `test_docs` describes the rules."""

import ast
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
import textwrap

SECTIONS = ("Args", "Call arguments", "Attributes", "Returns", "Yields", "Raises", "Example")

# Parameters, attributes and results with these names are boxes.
BOXES = {
    *("box", "boxes", "boxes1", "boxes2", "gt_box", "gt_boxes", "pred_box", "pred_boxes"),
    *("rois", "rpn_rois", "refined_rois", "refined_boxes", "proposals", "anchors"),
    *("window", "windows"),
}
# Those with these names are arrays or tensors ...
ARRAYS = BOXES | {
    *("image", "images", "input_image", "molded_images", "normalized_images"),
    *("mask", "masks", "mini_mask", "gt_mask", "gt_masks", "pred_mask", "pred_masks"),
    *("masks1", "masks2", "target_masks", "truth_masks", "found_masks", "mrcnn_mask"),
    *("bbox", "bboxes", "deltas", "rpn_bbox", "target_bbox", "pred_bbox", "rpn_match"),
    *("scores", "pred_score", "pred_scores", "probs", "logits", "overlaps"),
    *("rpn_class_logits", "pred_class_logits", "class_ids", "gt_class_id", "gt_class_ids"),
    *("pred_class_id", "pred_class_ids", "target_class_ids", "active_class_ids"),
    *("truth_class_ids", "meta", "image_meta", "image_metas", "feature_map", "feature_maps"),
    *("detections", "y_true", "y_pred", "inputs"),
}
# ... unless the text says that they are something else, or that their shape is given elsewhere.
OTHERS = re.compile(
    r"`(InstanceMasks|AnchorLattice)`|\b(list|lists|dict) of|\b(ints|dicts|indices|symbolic)\b"
    r"|^(folder|functions?|whether|how many|the same|as|see the|not used)\b|^`"
)
ARRAY = re.compile(r"(?<!\")\b([Aa]rrays?|[Tt]ensors?|u?[Ii]nt(8|16|32|64)|[Ff]loat(16|32|64))\b")
# [N, 4] is a shape, (y1, x1, y2, x2) counts as one, and [0, 1] is a range.
SHAPE = re.compile(r"\[(?!0\b)[^\[\]]+\]|\b(shapes?|scalars?)\b|\((\w+, )+\w+\)")
FOUR = re.compile(r"(?<!\[H, W)(\[|, )4\]|\(y1, x1, y2, x2\)")
DELTAS = re.compile(r"\bdeltas?\b|\(dy, dx", re.IGNORECASE)
UNITS = re.compile(r"\b(pixels?|normali[sz]ed|(same|squared) units|units of)\b", re.IGNORECASE)
REFERENCE = re.compile(r"\b(?:see|as|as in|as for|those of) `([\w.]+)(?:\(\))?`", re.IGNORECASE)

# A first line that starts with one of these says what is done, not what is returned.
VERBS = re.compile(
    r"(add|agree|apply|ask|batch|blend|bring|build|check|choose|colour|compare|compile"
    r"|compute|copy|create|cut|delete|detect|download|draw|drop|end|fetch|fill|find|finish"
    r"|forget|give|go|keep|let|list|load|log|look|make|mark|match|measure|mold|move"
    r"|normalise|note|plot|prepare|print|publish|put|raise|read|register|remove|renew"
    r"|resize|restore|run|save|scale|see|set|show|sort|split|start|stop|subtract|take|train"
    r"|turn|update|validate|walk|write)\b",
    re.IGNORECASE,
)


@dataclasses.dataclass
class Entry:
    """An entry of a section: `names` are what it describes, empty in most of `Returns`."""

    names: tuple
    text: str


@dataclasses.dataclass
class Docstring:
    """A Google-style docstring: its `text`, and `sections`, a dict of title to list of `Entry`."""

    text: str
    sections: dict

    def entries(self, *titles):
        """The entries of these sections."""
        return [entry for title in titles for entry in self.sections.get(title, [])]


def parse(text):
    """Split a docstring into a `Docstring`."""
    body, sections, title, current = [], {}, "", None
    for line in inspect.cleandoc(text or "").splitlines():
        if line.endswith(":") and line[:-1] in SECTIONS:
            title = line[:-1]
            current = sections.setdefault(title, [])
        elif current is None or (line and not line.startswith(" ")):
            current = None
            body.append(line)
        elif line:
            named = re.match(r" {4}((?:\*{0,2}\w+, )*\*{0,2}\w+):(?: |$)(.*)", line)
            if named:
                names = named[1].replace("*", "").split(", ")
                current.append(Entry(tuple(names), named[2]))
            elif current and (line.startswith("     ") or title in ("Returns", "Yields")):
                current[-1].text += " " + line.strip()
            else:
                current.append(Entry((), line.strip()))
    return Docstring("\n".join(body), sections)


@dataclasses.dataclass
class Public:
    """A public class, function, method or property; `owner` is the class of a member."""

    name: str
    thing: object
    owner: type | None = None

    @functools.cached_property
    def docs(self):
        """The `Docstring`."""
        return parse(self.thing.__doc__)

    @functools.cached_property
    def function(self):
        """The documented function, or None for a class."""
        thing = getattr(self.thing, "fget", None) or getattr(self.thing, "func", self.thing)
        thing = inspect.unwrap(getattr(thing, "__func__", thing))
        return thing if inspect.isfunction(thing) else None

    @property
    def overrides(self):
        """Whether a base class has a member of this name."""
        bases = self.owner.__mro__[1:-1] if self.owner else ()
        return any(self.name.rpartition(".")[2] in vars(base) for base in bases)

    @property
    def parameters(self):
        """Names of the parameters; for a class, those of its own constructor."""
        if self.function:
            has_self = self.owner and not isinstance(self.thing, staticmethod)
            return list(inspect.signature(self.function).parameters)[bool(has_self) :]
        if dataclasses.is_dataclass(self.thing):
            return [f.name for f in dataclasses.fields(self.thing) if not f.name.startswith("_")]
        is_protocol = getattr(self.thing, "_is_protocol", False)  # its __init__ is typing's
        if "__init__" in vars(self.thing) and not is_protocol:
            return list(inspect.signature(self.thing.__init__).parameters)[1:]
        return []

    @property
    def unexplained(self):
        """The parameters that nothing explains."""
        if self.overrides and "Args" not in self.docs.sections:
            return []
        # Keras documents the options of its own classes.
        bases = self.thing.__mro__[1:-1] if inspect.isclass(self.thing) else ()
        is_ours = all(base.__module__.startswith("mrcnn") for base in bases)
        named = {n for entry in self.docs.entries("Args", "Attributes") for n in entry.names}
        named |= set() if is_ours else {"kwargs"}
        return [name for name in self.parameters if name not in named and not self._tells(name)]

    def _tells(self, parameter):
        """Whether the text mentions a parameter, or refers to something that explains it."""
        text = self.docs.text
        if inspect.isclass(self.thing):
            text += parse(vars(self.thing)["__init__"].__doc__).text
        words = {"args": "arguments", "kwargs": "arguments"}.get(parameter, parameter)
        words = rf"\b({re.escape(parameter)}|{re.escape(words.replace('_', ' '))})\b"
        if f"`{parameter}`" in self.thing.__doc__:
            return True
        if "Args" not in self.docs.sections and re.search(words, text, re.IGNORECASE):
            return True
        entries = [entry.text for entry in self.docs.entries("Args")]
        text += "".join(entry for entry in entries if re.search(r"\b[Tt]he rest\b", entry))
        return any(
            parameter in entry.names
            for other in referred(text)
            for entry in other.docs.entries("Args", "Attributes")
        )


def modules():
    """Names of the public modules of the package."""
    package = importlib.import_module("mrcnn")
    names = [info.name for info in pkgutil.walk_packages(package.__path__, "mrcnn.")]
    return ["mrcnn", *(n for n in names if not any(p.startswith("_") for p in n.split(".")))]


def public_objects(module):
    """Every `Public` that a module defines."""
    for name, thing in vars(module).items():
        is_own = getattr(thing, "__module__", None) == module.__name__
        if name.startswith("_") or not is_own or not callable(thing):
            continue
        public = Public(f"{module.__name__}.{name}", thing)
        yield public
        for key, member in vars(thing).items() if inspect.isclass(thing) else ():
            member = Public(f"{public.name}.{key}", member, thing)
            function = member.function
            if not key.startswith("_") and function and function.__qualname__.endswith(f".{key}"):
                yield member


@functools.cache
def index():
    """All public objects of the package, by every suffix of their dotted names."""
    found = {}
    for name in modules():
        module = importlib.import_module(name)
        shared = [
            Public(f"{name}.{key}", thing)
            for key, thing in vars(module).items()
            if key in getattr(module, "__all__", ()) and callable(thing)
        ]
        for public in [Public(name, module), *public_objects(module), *shared]:
            parts = public.name.split(".")
            for start in range(len(parts)):
                found.setdefault(".".join(parts[start:]), []).append(public)
    return found


def referred(text):
    """The public objects that a text refers to."""
    return [public for name in REFERENCE.findall(text) for public in index().get(name, [])]


def problems(public):
    """List what is missing or wrong in the docstring of a public object, as strings."""
    if not public.docs.text:
        return [] if public.overrides else ["has no docstring"]
    rules = (_parameters, _call_arguments, _returns, _shapes, _units, _references)
    return [problem for rule in rules for problem in rule(public)]


def _parameters(public):
    yield from (f"does not explain the parameter {name}" for name in public.unexplained)
    for entry in public.docs.entries("Args", "Attributes", "Call arguments"):
        if not entry.names:
            yield f'has no name before "{entry.text[:40]}"'
    for entry in public.docs.entries("Args"):
        for name in set(entry.names).difference(public.parameters):
            yield f"explains {name} in Args, which is not a parameter"


def _call_arguments(public):
    call = vars(public.thing).get("call") if inspect.isclass(public.thing) else None
    if call and public.thing.__doc__:
        told = {n for entry in public.docs.entries("Call arguments") for n in entry.names}
        for name in list(inspect.signature(call).parameters)[1:]:
            if name not in told and name != "training":
                yield f"does not explain {name} in Call arguments"


def _returns(public):
    is_told = {"Returns", "Yields"}.intersection(public.docs.sections)
    if is_told or public.overrides or not public.function or not gives(public.function):
        return
    verb = VERBS.match(public.docs.text)
    if verb and not (verb[0] == "See" and referred(public.docs.text)):
        yield f'has no Returns, and "{verb[0]} ..." does not say what it returns'


def gives(function):
    """Whether a function returns or yields a value."""
    nodes = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0].body[:]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None:
            return not (isinstance(node.value, ast.Constant) and node.value.value is None)
        nodes.extend(ast.iter_child_nodes(node))
    return False


def _described(public):
    """Place and `Entry` of each description: all entries, and the text for what has no entry."""
    docs = public.docs
    for title in docs.sections:
        if title not in ("Raises", "Example"):
            for entry in docs.sections[title]:
                yield " ".join(["in", title, ", ".join(entry.names)]).strip(), entry
    if public.overrides:
        return
    is_listed = {"Args", "Attributes"}.intersection(docs.sections)
    names = [] if is_listed else [name for name in public.parameters if name in ARRAYS]
    if names or (public.function and not {"Returns", "Yields"}.intersection(docs.sections)):
        yield f"for {', '.join(names) or 'what it returns'}", Entry(tuple(names), docs.text)


def _shapes(public):
    for place, entry in _described(public):
        start = entry.text.split()[:3]
        named = ARRAYS.intersection(entry.names)
        if public.function and not entry.names:  # a result, named by its first word
            named = ARRAYS.intersection(word.lower() for word in start[:1])
        is_array = named or ARRAY.search(" ".join(start))
        if is_array and not any(x.search(entry.text) for x in (SHAPE, OTHERS, REFERENCE)):
            yield f"gives no shape, such as [N, 4], {place}"


def _units(public):
    for place, entry in _described(public):
        is_box = BOXES.intersection(entry.names) or FOUR.search(entry.text)
        is_delta = DELTAS.search(" ".join([*entry.names, entry.text])) or "indices" in entry.text
        is_told = REFERENCE.search(entry.text) or UNITS.search(f"{public.docs.text} {entry.text}")
        if is_box and not is_delta and not is_told:
            yield f"says neither pixels nor normalised {place}"


def _references(public):
    text = inspect.cleandoc(public.thing.__doc__)
    for name in re.findall(r"\b[Ss]ee `([\w.]+)(?:\(\))?`", text):
        is_own = public.owner and name in dir(public.owner)
        if not (name in index() or is_own or name in public.parameters):
            yield f"refers to `{name}`, which does not exist"
