from mrcnn.parallel_model import ParallelModel


def test_the_model_is_returned_and_the_log_names_the_setting(caplog):
    model = object()
    assert ParallelModel(model, 2) is model
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "GPU_COUNT = 2" in record.getMessage()
