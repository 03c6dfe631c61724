"""Find classes that are probably one and the same, with a name misspelt."""

import difflib
import re

from .report import Report

# Class names as similar as "balon" and "balloon" (difflib's ratio) are likely one name, if one
# class has at most _RARE of the other's instances.
_ALIKE, _RARE = 0.8, 0.1


def report_similar_names(report: Report) -> None:
    """Report classes that are probably one and the same, with a name misspelt.

    Args:
        report: with the number of instances of each class; the findings are added.
    """
    counts = {name: count for name, count in report.class_instances.items() if count}
    for name, count in counts.items():
        for other, more in counts.items():
            if (count, name) < (more, other) and _look_alike(name, other, count / more):
                instances = "1 instance" if count == 1 else f"{count} instances"
                text = f"class {name!r} ({instances}) looks like {other!r} ({more})"
                report.remark("classes with similar names (class_map merges them)", text)


def _look_alike(name: str, other: str, share: float) -> bool:
    plain, plain_other = (re.sub(r"[\W_]", "", text.lower()) for text in (name, other))
    # Names such as "type 1" and "type 2" are similar on purpose.
    if re.findall(r"\d+", name) != re.findall(r"\d+", other):
        return False
    return plain == plain_other != "" or (
        share <= _RARE and difflib.SequenceMatcher(None, plain, plain_other).ratio() >= _ALIKE
    )
