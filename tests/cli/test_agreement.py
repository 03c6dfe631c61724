"""The classes of a dataset and of a model."""

import pytest

from mrcnn.cli.agreement import Agreement, for_evaluation, for_training


@pytest.mark.parametrize("agree", [for_training, for_evaluation])
def test_the_same_classes(agree):
    assert agree(["cat", "dog"], ["cat", "dog"]) == Agreement(is_same=True)


@pytest.mark.parametrize("agree", [for_training, for_evaluation])
def test_a_model_that_does_not_name_its_classes(agree):
    assert agree(["cat", "dog"], None) == Agreement()


@pytest.mark.parametrize("agree", [for_training, for_evaluation])
def test_another_order_becomes_the_models(agree):
    agreement = agree(["cat", "dog"], ["dog", "cat"])
    assert agreement == Agreement(["dog", "cat"], is_same=True)


def test_training_on_some_of_the_classes_keeps_all():
    agreement = for_training(["dog"], ["cat", "dog", "cow"])
    assert (agreement.class_names, agreement.is_same) == (["cat", "dog", "cow"], True)
    assert agreement.remark == (
        "The model also knows cat, cow, which the files do not have: it keeps them. To train "
        "without: --class-names dog."
    )
    assert for_evaluation(["dog"], ["cat", "dog", "cow"]).remark == ""


def test_training_on_other_classes_takes_them_as_they_are():
    assert for_training(["cat", "cow"], ["cat", "dog"]) == Agreement()


def test_training_on_objects_without_names():
    agreement = for_training(["object"], ["nucleus"])
    assert (agreement.class_names, agreement.is_same) == (None, False)
    assert agreement.remark == (
        "The files do not name their class: it is called object. To name it: --class-names nucleus."
    )
    for names in (None, ["cat", "dog"]):
        assert for_training(["object"], names).remark.endswith("--class-names NAME.")
    # A model that was trained on such files.
    assert for_training(["object"], ["object"]) == Agreement(is_same=True)


def test_evaluating_one_class_by_another_name():
    agreement = for_evaluation(["cell"], ["nucleus"])
    assert (agreement.class_names, agreement.class_map) == (["nucleus"], {"cell": "nucleus"})
    assert agreement.remark == (
        "The files name the class cell, the model nucleus: they are taken to be the same."
    )
    agreement = for_evaluation(["object"], ["nucleus"])
    assert agreement.class_map == {"object": "nucleus"}
    assert agreement.remark.startswith("The files do not name their class, the model finds nucleus")


def test_evaluating_classes_that_the_model_does_not_find():
    with pytest.raises(ValueError, match="the dataset has cow, but the model finds cat, dog") as e:
        for_evaluation(["cat", "cow"], ["cat", "dog"])
    assert "--read 'class_map={cow: cat}'" in str(e.value)
    assert "--read 'class_map={cow: null}'" in str(e.value)


def test_classes_without_a_name():
    of_model = ["cat", "N/A", "dog", "N/A"]  # as torchvision's
    names = ["cat", "N/A", "dog", "N/A 4"]
    agreement = for_evaluation(["dog", "cat"], of_model)
    assert (agreement.class_names, agreement.is_same) == (names, True)
    assert for_training(["dog"], of_model).class_names == names
