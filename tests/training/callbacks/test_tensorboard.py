import keras
import pytest

from mrcnn.training.callbacks.tensorboard import TensorBoard

HOOKS = {"on_test_end": (None,), "on_epoch_end": (3, None), "on_train_end": (None,)}


@pytest.mark.parametrize("broken", HOOKS)
def test_nothing_is_written_after_a_failure(tmp_path, monkeypatch, caplog, broken):
    calls = []

    def hook(name):
        def call(self, *args):
            calls.append((name, args))
            if name == broken:
                raise RuntimeError("no space")

        return call

    for name in HOOKS:
        monkeypatch.setattr(keras.callbacks.TensorBoard, name, hook(name))
    callback = TensorBoard(str(tmp_path))
    for _ in range(2):
        for name, args in HOOKS.items():
            getattr(callback, name)(*args)
    before = list(HOOKS)[: list(HOOKS).index(broken) + 1]
    assert calls == [(name, HOOKS[name]) for name in before]
    assert [record.getMessage() for record in caplog.records] == [
        f"no more TensorBoard logs in {tmp_path}: no space"
    ]


def test_without_a_failure_all_is_written(tmp_path, monkeypatch, caplog):
    calls = []
    for name in HOOKS:
        monkeypatch.setattr(
            keras.callbacks.TensorBoard, name, lambda self, *args: calls.append(args)
        )
    callback = TensorBoard(str(tmp_path))
    for name, args in HOOKS.items():
        getattr(callback, name)(*args)
    assert calls == list(HOOKS.values()) and not caplog.records
