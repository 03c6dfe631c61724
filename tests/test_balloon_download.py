"""The balloon sample fetches its photographs only if asked to and if they are missing."""

import zipfile

import pytest
from conftest import load_sample

from mrcnn.files import archives


@pytest.fixture(scope="module")
def balloon():
    return load_sample("balloon")


def test_train_and_val_end_up_in_the_folder(balloon, tmp_path, monkeypatch):
    fetched = []

    def download(url, path, verbose=1, checksum=None):
        fetched.append(url)
        with zipfile.ZipFile(path, "w") as archive:
            for subset in ("train", "val"):
                archive.writestr(f"balloon/{subset}/via_region_data.json", "{}")

    monkeypatch.setattr(archives, "download", download)
    for _ in range(2):
        balloon.download_dataset(tmp_path / "balloons")
    assert fetched == [balloon.DATASET_URL]
    files = sorted(path.parent.name for path in (tmp_path / "balloons").rglob("*.json"))
    assert files == ["train", "val"]


def test_only_when_asked_and_one_message_if_it_fails(balloon, tmp_path, monkeypatch):
    def download(url, path, verbose=1, checksum=None):
        raise ConnectionError(f"{url} could not be downloaded: place it at {path}")

    monkeypatch.setattr(archives, "download", download)
    arguments = ["evaluate", f"--dataset={tmp_path}", "--weights=best"]
    with pytest.raises(SystemExit, match=r"val does not exist: .*--download fetches them"):
        balloon.main(arguments)
    with pytest.raises(SystemExit, match=r"balloon_dataset\.zip could not be downloaded: place it"):
        balloon.main([*arguments, "--download"])
