"""Small datasets of rectangles, written in each format's own files."""

import csv
import dataclasses
import io
import json

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog")


@dataclasses.dataclass
class Drawn:
    """An image: its size, and (y1, x1, y2, x2, class name) of rectangles that do not overlap."""

    name: str
    height: int
    width: int
    objects: list

    def pixels(self):
        image = np.full((self.height, self.width, 3), 40, np.uint8)
        for number, (y1, x1, y2, x2, name) in enumerate(self.objects):
            image[y1:y2, x1:x2] = (200, 90 + 9 * number, 30) if name == "cat" else (20, 80, 220)
        return Image.fromarray(image)

    def labels(self, values):
        labels = np.zeros((self.height, self.width), np.uint8)
        for (y1, x1, y2, x2, _), value in zip(self.objects, values, strict=True):
            labels[y1:y2, x1:x2] = value
        return Image.fromarray(labels)


def drawn(count, seed=0, size=(48, 64), names=CLASSES):
    """`count` images with a rectangle of each class, whose places are random."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        objects, half = [], size[1] // len(names)
        for index, name in enumerate(names):
            y, x = rng.integers(0, size[0] - 24), rng.integers(0, half - 22) + index * half
            h, w = rng.integers(12, 24), rng.integers(12, 22)
            objects.append((int(y), int(x), int(y + h), int(x + w), name))
        made.append(Drawn(f"image{number}", *size, objects))
    return made


def corners(box):
    y1, x1, y2, x2 = box[:4]
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


def save_images(images, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        image.pixels().save(folder / f"{image.name}.png")


def coco(images, folder, keypoints=False, file="annotations.json"):
    save_images(images, folder)
    rows, annotations = [], []
    for number, image in enumerate(images):
        size = {"height": image.height, "width": image.width}
        rows.append({"id": number, "file_name": f"{image.name}.png", **size})
        for y1, x1, y2, x2, name in image.objects:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": CLASSES.index(name) + 1,
                    "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (y2 - y1) * (x2 - x1),
                    "iscrowd": 0,
                    **({"keypoints": [x1, y1, 2, x2, y2, 1]} if keypoints else {}),
                }
            )
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]
    for category in categories if keypoints else ():
        category.update(keypoints=["first", "second"], skeleton=[[1, 2]])
    content = {"images": rows, "annotations": annotations, "categories": categories}
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(json.dumps(content))


def coco_keypoints(images, folder):
    coco(images, folder, keypoints=True)


def labelme(images, folder):
    save_images(images, folder)
    for image in images:
        shapes = [
            {"label": box[4], "points": corners(box), "shape_type": "polygon"}
            for box in image.objects
        ]
        content = {
            "version": "5.4.1",
            "shapes": shapes,
            "imagePath": f"{image.name}.png",
            "imageData": None,
            "imageHeight": image.height,
            "imageWidth": image.width,
        }
        (folder / f"{image.name}.json").write_text(json.dumps(content))


def _regions(image):
    for box in image.objects:
        xs, ys = zip(*corners(box), strict=True)
        shape = {"name": "polygon", "all_points_x": [*xs], "all_points_y": [*ys]}
        yield {"shape_attributes": shape, "region_attributes": {"kind": box[4]}}


def via(images, folder):
    save_images(images, folder)
    content = {
        f"{image.name}.png1": {
            "filename": f"{image.name}.png",
            "size": 1,
            "regions": [*_regions(image)],
            "file_attributes": {},
        }
        for image in images
    }
    (folder / "via_region_data.json").write_text(json.dumps(content))


def via_csv(images, folder):
    save_images(images, folder)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["#filename", "region_count", "region_id", "region_shape_attributes", "region_attributes"]
    )
    for image in images:
        for number, region in enumerate(_regions(image)):
            shape, attributes = (json.dumps(region[key]) for key in region)
            writer.writerow([f"{image.name}.png", len(image.objects), number, shape, attributes])
    (folder / "via.csv").write_text(text.getvalue())


def _yolo_lines(image):
    for box in image.objects:
        places = [v for x, y in corners(box) for v in (x / image.width, y / image.height)]
        yield f"{CLASSES.index(box[4])} " + " ".join(f"{v:.6f}" for v in places)


def yolo(images, folder):
    save_images(images, folder / "images")
    (folder / "labels").mkdir()
    for image in images:
        (folder / "labels" / f"{image.name}.txt").write_text("\n".join(_yolo_lines(image)))
    (folder / "classes.txt").write_text("\n".join(CLASSES))


def yolo_beside(images, folder):
    save_images(images, folder)
    for image in images:
        (folder / f"{image.name}.txt").write_text("\n".join(_yolo_lines(image)))
    (folder / "classes.txt").write_text("\n".join(CLASSES))


def yolo_yaml(images, folder):
    save_images(images, folder / "all" / "images")
    (folder / "all" / "labels").mkdir()
    for image in images:
        label = folder / "all" / "labels" / f"{image.name}.txt"
        label.write_text("\n".join(_yolo_lines(image)))
    (folder / "data.yaml").write_text(f"train: all/images\nnames: [{', '.join(CLASSES)}]\n")


def voc(images, folder, annotations="Annotations"):
    save_images(images, folder / ("JPEGImages" if annotations else ""))
    (folder / annotations).mkdir(exist_ok=True)
    for image in images:
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>"
            f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
            for y1, x1, y2, x2, name in image.objects
        )
        text = f'<?xml version="1.0"?>\n<annotation>{objects}</annotation>'
        (folder / annotations / f"{image.name}.xml").write_text(text)


def voc_beside(images, folder):
    voc(images, folder, "")


def label_images(images, folder):
    save_images(images, folder / "images")
    (folder / "masks").mkdir()
    for image in images:
        labels = image.labels(range(1, len(image.objects) + 1))
        labels.save(folder / "masks" / f"{image.name}.png")


def label_images_beside(images, folder):
    save_images(images, folder)
    for image in images:
        labels = image.labels(range(1, len(image.objects) + 1))
        labels.save(folder / f"{image.name}_cp_masks.png")


def instance_pngs(images, folder):
    for image in images:
        save_images([image], folder / image.name / "images")
        (folder / image.name / "masks").mkdir()
        for number, box in enumerate(image.objects):
            mask = dataclasses.replace(image, objects=[box]).labels([255])
            mask.save(folder / image.name / "masks" / f"{number}.png")


def index_pngs(images, folder):
    save_images(images, folder / "JPEGImages")
    for name in ("SegmentationClass", "SegmentationObject"):
        (folder / name).mkdir()
    (folder / "class_names.txt").write_text("\n".join(["_background_", *CLASSES]))
    for image in images:
        classes = [CLASSES.index(box[4]) + 1 for box in image.objects]
        image.labels(classes).save(folder / "SegmentationClass" / f"{image.name}.png")
        objects = image.labels(range(1, len(classes) + 1))
        objects.save(folder / "SegmentationObject" / f"{image.name}.png")


# Function that writes the files, and the format's name in `recognise.FORMATS`.
WRITERS = {
    coco: "coco",
    coco_keypoints: "coco-keypoints",
    labelme: "labelme",
    via: "via",
    via_csv: "via",
    yolo: "yolo",
    yolo_beside: "yolo",
    yolo_yaml: "yolo",
    voc: "voc",
    voc_beside: "voc",
    label_images: "label-images",
    label_images_beside: "label-images",
    instance_pngs: "instance-pngs",
    index_pngs: "index-pngs",
}
# Formats without classes.
UNNAMED = ("label-images", "instance-pngs")
