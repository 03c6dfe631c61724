from mrcnn.datasets.report import Report


def test_the_images_without_errors_can_be_trained_on():
    report = Report(num_images=3)
    report.error("classes", "concerns no image")
    assert report.bad_image_ids == [] and "train without" not in str(report)
    report.error("masks", "b", 2, 0)
    report.error("masks", "b", 2, 1)
    assert report.bad_image_ids == [2] and not report.ok
    assert str(report).splitlines()[-1] == (
        "1 of 3 images have errors; to train without them: dataset.without(report.bad_image_ids)"
    )
    for image_id in (0, 1):
        report.error("masks", "all are bad", image_id)
    assert "train without" not in str(report)
