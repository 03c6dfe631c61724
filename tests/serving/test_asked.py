"""Queries that ask for what there is not."""

import pytest

from .conftest import png


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?format=xls", "format is 'xls': it must be one of json, coco"),
        ("?min_score=high", "min_score is 'high': it must be a number from 0 to 1."),
        ("?min_score=nan", "min_score is 'nan'"),
        ("?min_score=2", "min_score is '2'"),
        ("?classes=cat", "classes has 'cat': the model's classes are bright, dim."),
        ("?classes=BG", "classes has 'BG'"),
    ],
)
def test_impossible_queries(client, query, message):
    answer = client.post(f"/detect{query}", content=png(255))
    assert answer.status_code == 400 and message in answer.json()["error"]
