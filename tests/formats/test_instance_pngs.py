import numpy as np
import pytest
import skimage.io
from numpy.testing import assert_array_equal
from PIL import Image

from mrcnn.formats.instance_pngs import InstancePngDataset, MaskFile


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def box_mask(y1, x1, y2, x2, value=255, dtype=np.uint8, shape=(6, 8)):
    mask = np.zeros(shape, dtype)
    mask[y1:y2, x1:x2] = value
    return mask


@pytest.fixture
def stage(tmp_path):
    """Two images; the first has two nuclei, the second none."""
    for name in ("b", "a"):
        save(tmp_path / name / "images" / f"{name}.png", np.full((6, 8, 4), 9, np.uint8))
        (tmp_path / name / "masks").mkdir()
    save(tmp_path / "a" / "masks" / "2.png", box_mask(0, 0, 6, 8))
    save(tmp_path / "a" / "masks" / "1.png", box_mask(1, 2, 4, 7, value=1))
    for junk in ("a/masks/.DS_Store", "a/masks/._1.png", "a/masks/notes.txt", "labels.csv"):
        (tmp_path / junk).write_text("no image")
    (tmp_path / "__MACOSX").mkdir()
    return tmp_path


def test_read(stage):
    dataset = InstancePngDataset.read(stage, class_names=["nucleus"])
    assert dataset.class_names == ["BG", "nucleus"]
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    assert dataset.image_info[0]["path"] == str(stage / "a" / "images" / "a.png")
    masks, class_ids = dataset.load_mask(0)
    assert_array_equal(masks[..., 0], box_mask(1, 2, 4, 7) > 0)
    assert_array_equal(masks[..., 1], np.ones((6, 8)))
    assert_array_equal(class_ids, [1, 1])
    boxes, class_ids = dataset.load_boxes(0)
    assert_array_equal(boxes.boxes, [[1, 2, 4, 7], [0, 0, 6, 8]])
    assert_array_equal(class_ids, [1, 1])
    assert dataset.has("masks", 0)
    assert dataset.load_mask(1)[0].shape == (6, 8, 0)
    assert InstancePngDataset.read(stage).class_names == ["BG", "object"]


def test_folders_of_classes(stage):
    save(stage / "b" / "masks" / "tumour" / "1.png", box_mask(0, 0, 1, 1))
    save(stage / "b" / "masks" / "cell" / "1.tif", box_mask(2, 3, 4, 5))
    dataset = InstancePngDataset.read(stage)
    assert dataset.class_names == ["BG", "cell", "object", "tumour"]
    masks, class_ids = dataset.load_instances(1)
    assert_array_equal(class_ids, [1, 3])
    assert_array_equal(masks.boxes, [[2, 3, 4, 5], [0, 0, 1, 1]])
    names = ["tumour", "cell"]
    dataset = InstancePngDataset.read(stage, class_names=names, class_map={"object": None})
    assert len(dataset.load_instances(0)[1]) == 0
    assert_array_equal(dataset.load_instances(1)[1], [2, 1])
    with pytest.raises(
        ValueError, match="class 'object': 2 instances, first in a, but the classes are tumour"
    ):
        InstancePngDataset.read(stage, class_names=names)


def test_one_class_and_several_names(stage):
    with pytest.raises(ValueError, match=r"class_names has 2 names, but there is only one class"):
        InstancePngDataset.read(stage, class_names=["cell", "nucleus"])
    dataset = InstancePngDataset.read(
        stage, class_names=["cell", "nucleus"], class_map={"object": "nucleus"}
    )
    assert_array_equal(dataset.load_instances(0)[1], [2, 2])


INSIDE = box_mask(1, 2, 4, 7) > 0


def in_colours(colour, alpha=None):
    image = np.zeros((6, 8, 3 if alpha is None else 4), np.uint8)
    image[INSIDE, :3] = colour
    if alpha is not None:
        image[..., 3] = alpha
    return image


@pytest.mark.parametrize(
    "name, pixels",
    [
        ("gray.png", box_mask(1, 2, 4, 7, value=1)),
        ("deep.png", box_mask(1, 2, 4, 7, value=256, dtype=np.uint16)),
        ("two.png", INSIDE),
        ("rgb.png", in_colours((0, 0, 3))),
        ("rgba.png", in_colours((0, 200, 0), alpha=255)),
        ("clear.png", in_colours((0, 200, 0), alpha=0)),
        ("mask.tif", box_mask(1, 2, 4, 7, value=300, dtype=np.uint16)),
        ("mask.bmp", box_mask(1, 2, 4, 7)),
        ("mask.gif", box_mask(1, 2, 4, 7)),
    ],
)
def test_kinds_of_masks(tmp_path, name, pixels):
    save(tmp_path / name, pixels)
    crop, (y, x) = MaskFile(str(tmp_path / name)).crop(6, 8)
    mask = np.zeros((6, 8), bool)
    mask[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    assert_array_equal(mask, INSIDE)


def test_palettes_and_arrays(tmp_path):
    image = Image.fromarray(1 - INSIDE.astype(np.uint8), mode="P")
    image.putpalette([255, 255, 255, 0, 0, 0])  # index 0 is white, so it is inside
    image.save(tmp_path / "mask.png")
    np.save(tmp_path / "mask.npy", INSIDE)
    for name in ("mask.png", "mask.npy"):
        assert_array_equal(MaskFile(str(tmp_path / name)).crop(6, 8)[0], INSIDE)


def test_the_noise_of_a_jpeg_is_outside(tmp_path):
    mask = box_mask(10, 13, 30, 37, shape=(48, 48))
    save(tmp_path / "mask.jpg", mask, quality=60)
    assert ((skimage.io.imread(tmp_path / "mask.jpg") > 0) != (mask > 0)).any()
    assert_array_equal(MaskFile(str(tmp_path / "mask.jpg")).crop(48, 48)[0], mask > 0)


def test_an_empty_mask(tmp_path):
    save(tmp_path / "mask.png", np.zeros((6, 8), np.uint8))
    assert MaskFile(str(tmp_path / "mask.png")).crop(6, 8)[0].sum() == 0


def test_errors_of_masks(stage):
    save(stage / "a" / "masks" / "3.png", np.ones((8, 6), np.uint8))
    dataset = InstancePngDataset.read(stage)
    with pytest.raises(ValueError, match=r"3\.png is 8x6 pixels, its image is 6x8.*turned by EXIF"):
        dataset.load_instances(0)
    (stage / "a" / "masks" / "3.png").write_bytes((stage / "a/masks/1.png").read_bytes()[:-30])
    with pytest.raises(OSError, match=r"3\.png cannot be read as an image"):
        dataset.load_instances(0)


def test_errors_of_folders(stage, tmp_path, caplog):
    (stage / "a" / "masks" / "sub").mkdir()
    (stage / "c").mkdir()
    save(stage / "d" / "images" / "1.png", np.zeros((2, 2), np.uint8))
    save(stage / "d" / "images" / "2.png", np.zeros((2, 2), np.uint8))
    save(stage / "e" / "images" / "1.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError) as error:
        InstancePngDataset.read(stage)
    text = str(error.value)
    assert text.startswith(f"{stage}: 3 entries cannot be used")
    assert "c: it has no images folder." in text
    assert "d/images: it must have exactly one image; found: 1.png, 2.png" in text
    assert "e: it has no masks folder" in text
    dataset = InstancePngDataset.read(stage, strict=False)
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    assert "3 entries cannot be used and are left out" in caplog.text
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*nowhere"):
        InstancePngDataset.read(stage / "nowhere")
    with pytest.raises(ValueError, match=r"has no folders <id>/images \(its folders are images"):
        InstancePngDataset.read(stage / "a")


def test_images_for_detection(stage):
    save(stage / "e" / "images" / "1.png", np.zeros((2, 2), np.uint8))
    dataset = InstancePngDataset.read(stage, labelled=False)
    assert dataset.num_images == 3
    assert dataset.class_names == ["BG", "object"]
    assert len(dataset.load_instances(0)[1]) == 0
