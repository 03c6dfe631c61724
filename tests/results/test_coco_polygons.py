from pycocotools.coco import COCO

from mrcnn.results import coco_polygons

from .scene import drawable, scene


def test_polygons(tmp_path):
    image, objects = scene()
    coco_polygons.write(tmp_path / "a.part", image, [objects])
    coco_polygons.gather([tmp_path / "a.part"], tmp_path / "coco.json")
    api = COCO(tmp_path / "coco.json")
    assert all(isinstance(row["segmentation"], list) for row in api.anns.values())
    areas = [int(api.annToMask(row).sum()) for row in api.anns.values()]
    assert areas == drawable(objects).masks.areas.tolist()
