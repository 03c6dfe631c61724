"""The measured results beside the paper's: a Markdown table, all runs as CSV, and a figure."""

import csv
import dataclasses
import io

import matplotlib.pyplot as plt
import numpy as np
from ablation_rows import CONFIGURATIONS, chosen, is_measured
from ablation_runs import KINDS, METRICS, read
from ablation_tasks import TASKS

from mrcnn.files import replacing

_COLOURS = {"paper": "black", "shapes": "tab:blue", "nuclei": "tab:orange"}


@dataclasses.dataclass(frozen=True)
class Difference:
    """A row minus the first row of its comparison, in points (hundredths).

    Attributes:
        mean: over the seeds that both have.
        spread: sample standard deviation over them; NaN for a single one.
        seeds: their number.
    """

    mean: float
    spread: float
    seeds: int

    def verdict(self, paper):
        """How the sign compares with the paper's.

        Args:
            paper: the paper's difference in points.

        Returns:
            "as the paper", "not as the paper", "within the spread", or "one seed".
        """
        if self.seeds < 2:
            return "one seed"
        is_small = abs(self.mean) <= self.spread
        if round(paper, 6) == 0:
            return "as the paper" if is_small else "not as the paper"
        if is_small:
            return "within the spread"
        return "as the paper" if self.mean * paper > 0 else "not as the paper"


def collect(folder, seeds):
    """The finished runs.

    Args:
        folder: `Path` of the results.
        seeds: number of seeds to look for.

    Returns:
        dict of results by (task, configuration, seed), see `ablation_runs.read`.
    """
    keys = [(t, name, seed) for t in TASKS for name in CONFIGURATIONS for seed in range(seeds)]
    found = {key: read(folder, *key) for key in keys}
    return {key: result for key, result in found.items() if result is not None}


def values(results, task, configuration, kind, metric=0):
    """A metric of a configuration's runs, in percent, by seed.

    Args:
        results: from `collect`.
        task, configuration: names.
        kind: "segm" or "bbox".
        metric: index in `METRICS`.
    """
    return {
        seed: 100 * result[kind][metric]
        for (of_task, name, seed), result in results.items()
        if (of_task, name) == (task, configuration) and kind in result
    }


def difference(results, task, comparison, row, metric=0):
    """`Difference` of a row from the first of its comparison, or None without common seeds.

    Args:
        results: from `collect`.
        task: name.
        comparison: `Comparison`.
        row: one of its rows but the first.
        metric: index in `METRICS`.
    """
    first, own = (
        values(results, task, each.configuration, comparison.kind, metric)
        for each in (comparison.rows[0], row)
    )
    paired = [own[seed] - first[seed] for seed in own if seed in first]
    if not paired:
        return None
    return Difference(float(np.mean(paired)), _spread(paired), len(paired))


def _spread(numbers):
    return float(np.std(numbers, ddof=1)) if len(numbers) > 1 else float("nan")


def markdown(results, only=None):
    """The table, as Markdown.

    Args:
        results: from `collect`.
        only: names of comparisons; None: all.
    """
    runs = {task: [key for key in results if key[0] == task] for task in TASKS}
    tasks = [task for task in TASKS if runs[task]]
    counts = ", ".join(f"{len(runs[task])} of {task}" for task in tasks) or "none"
    seconds = sum(result["seconds"] for result in results.values())
    lines = [
        "# The paper's comparisons, repeated",
        "",
        f"Runs: {counts}; {seconds / 60:.0f} minutes in all. AP in percent, as mean ± standard "
        "deviation over seeds. A difference (Δ) is from the first row of its comparison, seed by "
        "seed; its sign is that of the paper (=), the opposite (≠), or, if the mean is not larger "
        "than the spread, undecided (~).",
        "",
    ]
    for metric, name in enumerate(METRICS):
        lines += _table(results, tasks, chosen(only)[0], metric, name)
    return "\n".join(lines)


_SIGNS = {
    "as the paper": " =",
    "not as the paper": " ≠",
    "within the spread": " ~",
    "one seed": " (one seed)",
}


def _table(results, tasks, comparisons, metric, name):
    head = ["table", "setting", f"paper's {name}", "Δ"]
    for task in tasks:
        head += [f"{task}: {name}", "Δ"]
    lines = [f"## {name}", "", _row(head), _row(["---"] * len(head))]
    for comparison in comparisons:
        papers = [row.paper[metric] for row in comparison.rows]
        if None in papers:
            continue
        for row, paper in zip(comparison.rows, papers, strict=True):
            is_first = row is comparison.rows[0]
            gap = paper - papers[0]
            label = f"{comparison.name}: {comparison.title}" if is_first else ""
            cells = [label, row.label, f"{paper:.1f}", "" if is_first else f"{gap:+.1f}"]
            for task in tasks:
                own = values(results, task, row.configuration, comparison.kind, metric)
                compared = all(is_measured(task, r.configuration) for r in comparison.rows)
                cells.append(_mean(list(own.values())) if compared else "one class")
                found = None if is_first else difference(results, task, comparison, row, metric)
                cells.append(_delta(found, gap) if found else "")
            lines.append(_row(cells))
    return [*lines, ""]


def _row(cells):
    return f"| {' | '.join(cells)} |"


def _mean(numbers):
    if not numbers:
        return "–"
    spread = f" ± {_spread(numbers):.1f}" if len(numbers) > 1 else ""
    return f"{np.mean(numbers):.1f}{spread}"


def _delta(found, paper):
    spread = f" ± {found.spread:.1f}" if found.seeds > 1 else ""
    return f"{found.mean:+.1f}{spread}{_SIGNS[found.verdict(paper)]}"


def as_csv(results):
    """All runs, one a line, as CSV with AP in 0..1."""
    file = io.StringIO()
    columns = [f"{kind}_{name}" for kind in KINDS for name in METRICS]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["task", "configuration", "seed", *columns, "seconds"])
    for key, result in results.items():
        figures = [number for kind in KINDS for number in result.get(kind, [""] * len(METRICS))]
        writer.writerow([*key, *figures, result["seconds"]])
    return file.getvalue()


def figure(results, only=None, metric=0):
    """The differences, with their spread as bars, beside the paper's.

    Args:
        results: from `collect`.
        only: names of comparisons; None: all.
        metric: index in `METRICS`.

    Returns:
        matplotlib figure.
    """
    rows = [
        (comparison, row)
        for comparison in chosen(only)[0]
        for row in comparison.rows[1:]
        if row.paper[metric] is not None
    ]
    fig, ax = plt.subplots(figsize=(9, 1.2 + 0.42 * len(rows)), layout="constrained")
    for number, (comparison, row) in enumerate(rows):
        first = comparison.rows[0]
        gap = row.paper[metric] - first.paper[metric]
        label = {} if number else {"label": "paper (COCO)"}
        ax.plot(gap, number - 0.22, "D", color=_COLOURS["paper"], markersize=6, **label)
        for offset, task in zip((0.0, 0.22), TASKS, strict=True):
            found = difference(results, task, comparison, row, metric)
            if found:
                bar = None if np.isnan(found.spread) else found.spread
                ax.errorbar(
                    found.mean, number + offset, xerr=bar, fmt="o", color=_COLOURS[task], capsize=3
                )
    for task in TASKS:
        ax.plot([], [], "o", color=_COLOURS[task], label=task)
    ax.axvline(0, color="grey", linewidth=0.8)
    ax.set_yticks(
        range(len(rows)),
        [f"{c.name}: {row.label}\nfrom {c.rows[0].label}" for c, row in rows],
        fontsize=8,
    )
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel(f"difference in {METRICS[metric]}, points (bars: standard deviation over seeds)")
    ax.legend(fontsize=9)
    return fig


def write(folder, results, only=None):
    """Write results.md, results.csv, differences.png and differences_AP75.png.

    Args:
        folder: `Path` that exists.
        results: from `collect`.
        only: names of comparisons in the table and figures; None: all.
    """
    for name, text in (("results.md", markdown(results, only)), ("results.csv", as_csv(results))):
        with replacing(folder / name) as part:
            part.write_text(text, "utf-8")
    for metric, name in ((0, "differences.png"), (2, "differences_AP75.png")):
        fig = figure(results, only, metric)
        with replacing(folder / name) as part:
            fig.savefig(part, format="png", dpi=110)
        plt.close(fig)
