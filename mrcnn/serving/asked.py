"""What a request for detection asks for: the format, and which objects."""

import dataclasses

from starlette.requests import Request

from .answers import JSON, chosen_format
from .network import Network
from .refusals import Refused


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes:
        format: a name in `FORMATS`, or "json".
        min_score: objects with a lower score are left out.
        class_ids: [K] of the objects to keep; empty for all.
    """

    format: str
    min_score: float
    class_ids: tuple[int, ...]

    @classmethod
    def of(cls, request: Request, network: Network) -> "Asked":
        """What a `request` to a `network` asks for.

        Raises:
            Refused: its query, or its header Accept, is impossible.
        """
        query = request.query_params
        format_ = chosen_format(query.get("format"), request.headers.get("accept"))
        # The page chooses by itself which of all objects it shows.
        score = network.lowest_score if format_ == JSON else network.min_score
        if "min_score" in query:
            score = _score(query["min_score"])
        names = [name.strip() for name in query.get("classes", "").split(",") if name.strip()]
        return cls(format_, score, tuple(_class_id(name, network.class_names) for name in names))


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise Refused(400, f"min_score is {text!r}: it must be a number from 0 to 1.")
    return score


def _class_id(name: str, class_names: list[str]) -> int:
    if name not in class_names[1:]:
        known = ", ".join(class_names[1:])
        raise Refused(400, f"classes has {name!r}: the model's classes are {known}.")
    return class_names.index(name)
