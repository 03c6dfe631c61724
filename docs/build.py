"""`make docs`: build the API pages from the docstrings with pdoc, in the folder `site`.

On its own, pdoc omits the comments on settings, runs named results together, and hides the modules
of a package that has `__all__`.
"""

import importlib
import inspect
import pkgutil
import re
import shutil
import sys
import textwrap
import warnings
from pathlib import Path

import jinja2
import pdoc
from pdoc import render, render_helpers

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "site"


def module_names(package="mrcnn"):
    """Names of a package and of all modules in it."""
    path = importlib.import_module(package).__path__
    return [package, *(info.name for info in pkgutil.walk_packages(path, f"{package}."))]


def pages(names):
    """Render the pages of modules.

    Args:
        names: names of the modules; links lead only to these.

    Returns:
        dict of file name to text.

    Raises:
        Warning: pdoc warned, for instance about a module that cannot be imported.
    """
    for name in names:
        # pdoc would import them with subprocesses and files blocked, and warn of any use of them.
        importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"pdoc\b")
        modules = {name: _module(name) for name in names}
        for name, module in modules.items():
            module.submodules = [modules[n] for n in names if n.rpartition(".")[0] == name]
        render.configure(docformat="google")
        render.env.filters["to_markdown"] = _to_markdown
        made = {
            f"{name.replace('.', '/')}.html": render.html_module(module, modules)
            for name, module in modules.items()
        }
        made["index.html"] = render.html_index(modules)
        made["search.js"] = render.search_index(modules)
    return made


def _module(name):
    module = pdoc.doc.Module.from_name(name)
    for part in [module, *(member for member in module.members.values() if member.kind == "class")]:
        comments = comments_of(part.obj)
        for key, member in list(part.members.items()):
            if member.kind == "variable" and not member.docstring:
                member.docstring = comments.get(key, "")
                if not key.isupper():  # described in the class docstring
                    del part.members[key]
    return module


@jinja2.pass_context
def _to_markdown(context, docstring):
    return render_helpers.to_markdown_with_context(context, with_lists(docstring))


def comments_of(thing):
    """The comments on settings and constants.

    Args:
        thing: the module or class that has them. A comment applies to all settings below it, up to
            an empty line or the next comment.

    Returns:
        dict of setting name to its comment, or "" for none.
    """
    indent = "" if inspect.ismodule(thing) else "    "
    comments, comment, was_comment = {}, [], False
    for line in inspect.getsource(thing).splitlines():
        setting = re.match(rf"{indent}([A-Z]\w*) = ", line)
        is_comment = line.startswith(f"{indent}# ")
        if is_comment:
            comment = [*(comment if was_comment else []), line.strip("# ")]
        elif setting:
            comments[setting[1]] = "\n".join(comment)
        elif not line:
            comment = []
        was_comment = is_comment
    return comments


def with_lists(docstring):
    """A docstring with the named results of each section as a Markdown list."""
    docstring = docstring.replace("::\n\n", "&#58;\n\n")  # a colon would start a section
    sections = r"(?m)^(Call arguments|Returns|Yields):\n((?:(?: .*)?\n?)+)"
    return re.sub(sections, _section, docstring)


def _section(found):
    lines = []
    for line in textwrap.dedent(found[2]).rstrip().splitlines():
        named = re.match(r"(\w+(?:, \w+)*):(?: |$)", line)
        if named:
            line = f"- **{named[1]}:** {line[named.end() :]}"
        elif lines and not line.startswith(" ") and lines[-1].startswith(("-", " ")):
            lines.append("")
        lines.append(line)
    has_names = any(line.startswith("-") for line in lines)
    return f"###### {found[1]}:\n\n" + "\n".join(lines) + "\n\n" if has_names else found[0]


def main():
    """Make the pages, replacing any existing ones."""
    made = pages(module_names())
    shutil.rmtree(SITE, ignore_errors=True)
    for name, text in made.items():
        path = SITE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(made) - 2} modules: {(SITE / 'index.html').relative_to(ROOT)}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
