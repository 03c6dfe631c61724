from mrcnn.datasets.names import report_similar_names
from mrcnn.datasets.report import Report


def test_classes_without_instances_are_not_compared():
    report = Report(class_instances={"balloon": 20, "balon": 1, "ballon": 0})
    report_similar_names(report)
    ((_, (finding,)),) = report.remarks.items()
    assert finding.text == "class 'balon' (1 instance) looks like 'balloon' (20)"
