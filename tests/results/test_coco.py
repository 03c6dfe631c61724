import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from mrcnn.formats import CocoDataset, CocoKeypointsDataset
from mrcnn.instances import InstanceMasks
from mrcnn.results import ImageFacts, Objects, coco

from .scene import HUGE, NAME, NAMES, SMALL, drawable, in_parts, only_boxes, same_masks, scene


@pytest.fixture
def written(tmp_path):
    def write(*images, **options):
        paths = []
        for image, parts in images:
            paths.append(tmp_path / f"{len(paths)}.part")
            coco.write(paths[-1], image, parts, **options)
            (tmp_path / image.name).parent.mkdir(parents=True, exist_ok=True)
            if image.shape == SMALL:
                Image.new("L", image.shape[::-1]).save(tmp_path / image.name)
        coco.gather(paths, tmp_path / "coco.json")
        return tmp_path / "coco.json"

    return write


@pytest.mark.parametrize("polygons", [False, True])
@pytest.mark.parametrize("size", [SMALL, HUGE])
def test_read_by_pycocotools(written, size, polygons):
    image, objects = scene(size)
    path = written((image, in_parts(objects)), polygons=polygons)
    api, drawn = COCO(path), drawable(objects)
    assert api.loadImgs(1) == [
        {"id": 1, "file_name": NAME, "height": size[0], "width": size[1]},
    ]
    rows = api.loadAnns(api.getAnnIds(imgIds=[1]))
    assert [row["object"] for row in rows] == [1, 2, 3, 4, 5, 7, 8]
    assert [row["score"] for row in rows][1] == 0.9
    assert [row["area"] for row in rows] == drawn.masks.areas.tolist()
    assert [api.cats[row["category_id"]]["name"] for row in rows][:2] == NAMES[1:]
    for i, row in enumerate(rows):
        y1, x1, y2, x2 = drawn.boxes[i].tolist()
        assert row["bbox"] == [x1, y1, x2 - x1, y2 - y1]
        assert isinstance(row["segmentation"], list) == polygons
        if size == SMALL:
            mask = InstanceMasks([api.annToMask(row)], [(0, 0)], size)
            assert same_masks(mask, drawn.masks[[i]])


@pytest.mark.parametrize("polygons", [False, True])
def test_read_by_our_dataset(written, tmp_path, polygons):
    first, objects = scene()
    second, _ = scene(name="plate 2/b.png")
    third, _ = scene(name="nothing.png")
    few = objects[3:5]
    path = written((first, in_parts(objects)), (second, [few]), (third, []), polygons=polygons)
    dataset = CocoDataset.read(path, images=tmp_path)
    assert dataset.class_names == NAMES
    assert [info["path"] for info in dataset.image_info] == [
        str(tmp_path / image.name) for image in (first, second, third)
    ]
    for i, wanted in enumerate((drawable(objects), few, few[:0])):
        masks, class_ids = dataset.load_instances(i)
        assert class_ids.tolist() == wanted.class_ids.tolist()
        assert same_masks(masks, wanted.masks)
    ids = [row["id"] for row in json.loads(path.read_text())["annotations"]]
    assert ids == [*range(1, 10)]


def test_huge_masks_by_our_dataset(written, tmp_path):
    image, objects = scene(HUGE)
    dataset = CocoDataset.read(written((image, [objects])), images=tmp_path)
    masks, _ = dataset.load_instances(0)
    assert same_masks(masks, drawable(objects).masks)


def test_more_pixels_than_run_lengths_can_count(written):
    image, objects = scene((65_536, 65_536))
    api = COCO(written((image, [objects])))
    row = api.anns[3]
    x, y = 65_536 - 80 + 5, 65_536 - 60 + 40
    assert row["segmentation"] == [[x, y, x + 1, y, x + 1, y + 1, x, y + 1]]


def test_boxes(written):
    image, objects = scene()
    api = COCO(written((image, [only_boxes(objects)])))
    assert len(api.anns) == 7 and "segmentation" not in api.anns[3]
    assert api.anns[3]["bbox"] == [5.25, 40, 1, 1] and api.anns[3]["area"] == 1


@pytest.mark.parametrize("count", [2, 17])
def test_keypoints(written, tmp_path, count):
    points = np.random.default_rng(0).uniform(1, 50, (2, count, 3)).round(1)
    points[..., 2] = 0.7
    objects = Objects([1, 2], [1, 1], [0.9, 0.8], [[0, 0, 60, 60]] * 2, keypoints=points)
    image = ImageFacts("a.png", SMALL, ["BG", "person"])
    path = written((image, [objects]))
    dataset = CocoKeypointsDataset.read(path, images=tmp_path)
    names = dataset.keypoint_layout.names
    assert names[0] == ("nose" if count == 17 else "point 1")
    found = dataset.load_keypoints(0).points
    np.testing.assert_allclose(found[..., :2], points[..., :2], atol=1e-5)
    assert (found[..., 2] == 2).all()
    row = json.loads(path.read_text())["annotations"][0]
    assert row["num_keypoints"] == count and row["keypoint_scores"] == [0.7] * count


def test_no_images(written):
    assert json.loads(written().read_text()) == {"images": [], "annotations": [], "categories": []}


def test_different_models(written):
    image, objects = scene()
    other = ImageFacts("b.png", SMALL, ["BG", "nucleus"])
    with pytest.raises(ValueError, match="different models"):
        written((image, [objects]), (other, []))
