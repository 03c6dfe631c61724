"""What is shown while images are detected in."""

from mrcnn.jobs.progress import Progress


def show(progress):
    with progress:
        progress.skipped("a.png")
        progress.done("b c.png", 12)
        progress.failed("d.png", "it is empty")


def test_piped_output_has_a_line_for_each_image_and_no_bar(capsys):
    progress = Progress(3)
    assert not progress.bars
    show(progress)
    out, err = capsys.readouterr()
    assert out == "skipped\ta.png\tdone before\ndone\tb c.png\t12\nfailed\td.png\tit is empty\n"
    assert err == ""


def test_a_terminal_has_a_bar_and_failures(capsys):
    progress = Progress(3, terminal=True)
    assert progress.bars
    show(progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert "d.png: it is empty" in err
    assert "12 objects" in err and "2/3" in err


def test_quiet_output_has_only_failures(capsys):
    show(Progress(3, quiet=True))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "d.png: it is empty\n")
    progress = Progress(3, quiet=True, terminal=True)
    assert not progress.bars
    show(progress)
    assert capsys.readouterr().err == "d.png: it is empty\n"
