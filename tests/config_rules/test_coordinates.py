import pytest

from mrcnn.config import Config
from mrcnn.config_rules.coordinates import box_margin, is_continuous


@pytest.mark.parametrize(("name", "margin"), [("reference", 1), ("continuous", 0)])
def test_margin(name, margin):
    config = Config.from_dict({"BOX_COORDINATES": name})
    assert box_margin(config) == margin
    assert is_continuous(config) == (margin == 0)
