"""`mrcnn detect`."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from fake_model import FakeModel, save_squares

from mrcnn.cli import detect, main
from mrcnn.jobs import folder as jobs_folder
from mrcnn.jobs.cluster import Processes, Scheduler
from mrcnn.results.kinds import KINDS
from mrcnn.weights.catalogue import MODELS


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with images of 1, 2 and 3 squares, and a model."""
    monkeypatch.chdir(tmp_path)
    for number in range(1, 4):
        save_squares(tmp_path / "images" / f"i{number}.png", bright=number)
    (tmp_path / "best.h5").write_bytes(b"weights")
    monkeypatch.setattr(jobs_folder, "Model", FakeModel)
    return tmp_path


def run(*words):
    """The exit code of `mrcnn detect` with these words."""
    with pytest.raises(SystemExit) as raised:
        main.main(["detect", *words])
    return raised.value.code


def options_of(*words):
    return main.parser().parse_args(["detect", *words])


def job_of(*words):
    return detect._job(options_of("images", "--model", "nuclei", *words))


def test_one_command(here, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/bin/mrcnn", "detect", "images"])
    assert run("images", "--model", "best.h5", "--to", "csv,labels") == 0
    assert capsys.readouterr().out.splitlines()[:3] == [f"done\ti{n}.png\t{n}" for n in (1, 2, 3)]
    assert sorted(os.listdir("results")) == [
        *(".done", ".parts", "labels", "objects.csv", "run.json")
    ]
    [noted] = json.loads((here / "results" / "run.json").read_text())["runs"]
    assert noted["command"] == "mrcnn detect images"
    assert run("images", "--model", "best.h5", "--to", "csv,labels") == 0
    out = capsys.readouterr().out
    assert "0 images, 0 objects in" in out and "3 images were done before" in out


def test_a_table_and_pictures_by_default(here):
    assert run("images", "--model", "best.h5") == 0
    assert sorted(os.listdir("results/overlay")) == ["i1.png", "i2.png", "i3.png"]
    assert len((here / "results" / "objects.csv").read_text().splitlines()) == 1 + 6


def test_all_kinds_of_files(here):
    kinds = [name for name, kind in KINDS.items() if kind.images]
    assert run("images", "--model", "best.h5", "--to", ",".join(kinds)) == 0
    for name in kinds:
        kind = KINDS[name]
        paths = [f"{name}/i{number}{kind.suffix}" for number in (1, 2, 3)]
        for path in [kind.joined] if kind.joined else paths:
            assert os.path.getsize(here / "results" / path) > 0


def test_each_plane_of_a_stack(here, capsys):
    planes = np.zeros((3, 40, 60), np.uint8)
    for plane in range(3):
        planes[plane, 2 : 4 + plane, 2:5] = 255
    tifffile.imwrite("stack.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    words = ["stack.tif", "--model", "best.h5", "--to", "csv,labels", "--plane"]
    assert run(*words, "all") == 0
    names = [f"stack.tif/plane00{plane}" for plane in range(3)]
    assert capsys.readouterr().out.splitlines()[:3] == [f"done\t{name}\t1" for name in names]
    rows = (here / "results" / "objects.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:5:4] for row in rows] == [
        [name, str(area)] for name, area in zip(names, (6, 9, 12), strict=True)
    ]
    assert sorted(os.listdir("results/labels/stack.tif")) == [f"plane00{n}.tif" for n in range(3)]
    assert run(*words, "1", "--out", "one") == 0
    assert "stack.tif,1,bright,0.9,9," in (here / "one" / "objects.csv").read_text()


def test_a_failed_image_gives_exit_code_1_and_a_closing_line(here, capsys):
    (here / "images" / "i2.png").write_bytes(b"damaged")
    assert run("images", "--model", "best.h5", "--to", "csv") == 1
    out = capsys.readouterr().out
    assert "failed\ti2.png\ti2.png cannot be read as an image" in out
    assert "1 failed, see failed.csv: i2.png" in out
    assert (here / "results" / "failed.csv").exists()


def test_quiet(here, capsys):
    (here / "images" / "i2.png").write_bytes(b"damaged")
    assert run("images", "--model", "best.h5", "--to", "csv", "--quiet") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("i2.png: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["images", "--model", "nucleii"], "no such weights file: nucleii. Did you mean nuclei?"),
        (["gone", "--model", "best.h5"], "gone: no such file or folder."),
        (["empty", "--model", "best.h5"], "empty has no images"),
        (["images", "--model", "best.h5", "--classes", "cat"], "best.h5 has no class 'cat'"),
        (["images", "--model", "best.h5", "--out", "best.h5"], "File exists: "),
        (
            ["images", "--model", "best.h5", "--plane", "all", "--projection", "max"],
            "--plane all and --projection exclude each other",
        ),
        (
            ["images", "--model", "best.h5", "--scheduler", "tcp://127.0.0.1:9"],
            "no Dask scheduler answers at tcp://127.0.0.1:9",
        ),
    ],
)
def test_errors_are_one_line(here, words, message, monkeypatch):
    from mrcnn.jobs import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 1)
    os.mkdir("empty")
    text = run(*words)
    assert isinstance(text, str) and message in text and "\n" not in text


def test_several_processes_without_dask(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    text = run("images", "--model", "best.h5", "--workers", "2")
    assert text == 'several processes need Dask: pip install "mask-rcnn[cluster]"'


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: PATHS, --model"),
        (["i", "--model", "m", "--to", "xls"], "'xls' is no kind of file: csv, geojson, "),
        (["i", "--model", "m", "--to", ","], "no kind of file is named"),
        (["i", "--model", "m", "--tile", "big"], "big is not a number of pixels, none or auto"),
        (["i", "--model", "m", "--tile", "0"], "0 is less than 1"),
        (["i", "--model", "m", "--min-score", "75"], "75 is not between 0 and 1"),
        (["i", "--model", "m", "--plane", "-1"], "--plane"),
        (["i", "--model", "m", "--scale", "0"], "0 is not above 0"),
        (["i", "--model", "m", "--workers", "2", "--scheduler", "tcp://h:1"], "not allowed with"),
    ],
)
def test_wrong_command_lines(words, message, capsys):
    assert run(*words) == 2
    assert message in capsys.readouterr().err


def test_results_of_another_model(here):
    assert run("images", "--model", "best.h5", "--to", "csv") == 0
    (here / "best.h5").write_bytes(b"other weights")
    assert "has results of 3 images, where model is" in run("images", "--model", "best.h5")
    assert run("images", "--model", "best.h5", "--to", "csv", "--again") == 0


def test_options_become_a_job():
    job = job_of("--output", "found", "--project", "may", "--to", "roi, csv,roi")
    assert (str(job.out), job.kinds) == (os.path.join("found", "may"), ("roi", "csv"))
    assert (str(job_of().out), job_of().kinds) == ("results", ("csv", "overlay"))
    assert [job_of("--tile", text).tile for text in ("none", "auto", "512")] == [None, "auto", 512]
    assert (job_of("--plane", "3").plane, job_of("--plane", "all").plane) == (3, None)
    job = job_of("--set", "EMA=None", "--classes", "nucleus", "--channel", "DAPI", "--scale", "2")
    assert (job.settings, job.classes, job.channel, job.scale) == (
        *({"EMA": None}, ("nucleus",), "DAPI", 2.0),
    )
    job = job_of("--min-score", "0.5", "--max-instances", "9", "--tile", "64", "--overlap", "8")
    assert (job.min_score, job.max_instances, job.tile, job.overlap) == (0.5, 9, 64, 8)
    assert (job_of("--projection", "max").projection, job_of().projection) == ("max", None)
    assert job_of("--object-size", "30.5").object_size == 30.5


def test_where_the_work_is_done():
    words = ["images", "--model", "nuclei"]
    assert detect._detect(options_of(*words)) is None
    assert detect._detect(options_of(*words, "--workers", "3")) == Processes(3)
    where = options_of(*words, "--scheduler", "tcp://h:1")
    assert detect._detect(where) == Scheduler("tcp://h:1")


def test_help_teaches_by_examples_that_parse(capsys):
    with pytest.raises(SystemExit):
        main.main(["detect", "--help"])
    text = capsys.readouterr().out
    for kind in KINDS.values():
        assert kind.about in text
    examples = [line for line in detect.__doc__.splitlines() if "mrcnn detect" in line]
    assert len(examples) >= 5
    import shlex

    for line in examples:
        words = shlex.split(line[line.index("mrcnn detect") :])[2:]
        options_of(*words)
    assert "nuclei" in MODELS


def test_printed_python_does_the_same(here, capsys):
    words = ["images", "--model", "best.h5", "--to", "csv,labels", "--min-score", "0.5"]
    assert run(*words, "--out", "a", "--print-python") == 0
    code = capsys.readouterr().out
    assert not os.path.exists("a")
    exec(compile(code, "printed", "exec"), {"__name__": "__main__"})
    assert run(*words, "--out", "b") == 0
    for name in ("objects.csv", "labels/i3.tif"):
        assert (here / "a" / name).read_bytes() == (here / "b" / name).read_bytes()
    recipes = [json.loads((here / name / "run.json").read_text())["recipe"] for name in "ab"]
    assert recipes[0] == recipes[1]


@pytest.mark.parametrize(
    "words",
    [
        ["--workers", "2", "--again"],
        ["--scheduler", "tcp://h:1", "--quiet"],
        ["--plane", "all", "--recursive"],
        ["--set", "MEAN_PIXEL=1,2,3", "--config", "run.yaml", "--tile", "none"],
    ],
)
def test_printed_python_has_all_options(here, capsys, words, monkeypatch):
    (here / "run.yaml").write_text("EMA: 0.9\n")
    assert run("images", "--model", "best.h5", *words, "--print-python") == 0
    code = capsys.readouterr().out
    calls = []

    def noted(job, inputs, **how):
        calls.append((job, inputs, how))
        return jobs_folder.Summary()

    monkeypatch.setattr(jobs_folder, "run", noted)
    exec(compile(code, "printed", "exec"), {"__name__": "__main__"})
    [(job, inputs, how)] = calls
    options = options_of("images", "--model", "best.h5", *words)
    assert job == detect._job(options)
    assert how == {
        **({"again": True} if options.again else {}),
        **({"quiet": True} if options.quiet else {}),
        **({"detect": detect._detect(options)} if detect._detect(options) else {}),
    }
    assert len(inputs.images) == 3


def test_sigterm_ends_a_run_in_order(here, monkeypatch):
    original = jobs_folder.in_this_process

    def terminated(job, folder, tasks, **options):
        yield from list(original(job, folder, tasks[:1], **options))
        os.kill(os.getpid(), signal.SIGTERM)
        yield from original(job, folder, tasks[1:], **options)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(jobs_folder, "in_this_process", terminated)
    assert run("images", "--model", "best.h5", "--to", "csv") == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
    assert len((here / "results" / "objects.csv").read_text().splitlines()) == 1 + 1


def test_the_verb_is_there_in_little_time():
    code = "import sys; import mrcnn.cli.main as m; m.parser(); assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
