"""Crowds: regions that hold several objects of a class, from which nothing is learnt."""

from typing import TYPE_CHECKING

from .report import Report

if TYPE_CHECKING:
    from .dataset import Dataset


def check_not_only_crowds(dataset: "Dataset") -> None:
    """Check that a dataset has something to learn from, as far as can be told without reading it.

    Args:
        dataset: a prepared `Dataset`.

    Raises:
        ValueError: all of its annotated instances are crowds.
    """
    if dataset.has_only_crowds():
        raise ValueError(
            f"{type(dataset).__name__}: all instances are crowds, so there is nothing to learn. "
            f"{dataset.CROWD_HELP}"
        )


def report_crowds(dataset: "Dataset", report: Report) -> None:
    """Report a dataset with nothing but crowds, and classes that are mostly crowds.

    Args:
        dataset: a prepared `Dataset`.
        report: with the numbers of instances and crowds of each class; the findings are added.
    """
    if report.crowds and not sum(report.class_instances.values()):
        text = f"all {report.crowds} instances are crowds. {dataset.CROWD_HELP}"
        report.error("nothing to learn but crowds", text)
        return
    for name, crowds in report.class_crowds.items():
        count = crowds + report.class_instances[name]
        if 2 * crowds > count:
            text = (
                f"{name}: {crowds} of {count} instances. {dataset.CROWD_HELP} "
                f"class_map={{{name!r}: None}} leaves the class out."
            )
            report.remark("classes whose instances are mostly crowds (not trained on)", text)
