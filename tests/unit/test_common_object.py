"""Which of the objects that a lock lay in names it."""

import pytest

from tracer import abi
from tracer.resolving import common_objects

NOT_SOUGHT = abi.number("OBJECT_NOT_SOUGHT")
PLAIN = 0x7F0000001000 | 3 << abi.number("OBJECT_CLASS_SHIFT")
FIRST, SECOND = (PLAIN | label << abi.number("OBJECT_LABEL_SHIFT") for label in (5, 9))
OTHER = PLAIN + 0x100


@pytest.mark.parametrize(
    ("objects", "chosen"),
    [
        ({0: 10}, [0]),
        ({0: 10, OTHER: 20}, [OTHER]),
        ({0: 20, OTHER: 10}, [0]),
        ({NOT_SOUGHT: 100, OTHER: 1}, [OTHER]),
        ({NOT_SOUGHT: 100, 0: 1}, [0]),
        ({NOT_SOUGHT: 100}, [NOT_SOUGHT]),
        ({PLAIN: 50, FIRST: 100}, [FIRST]),
        ({FIRST: 100, OTHER: 10}, [FIRST]),
        ({FIRST: 100, SECOND: 1}, [FIRST, SECOND]),
        ({FIRST: 1, PLAIN: 5, SECOND: 100}, [SECOND, FIRST]),
        ({FIRST: 100, SECOND: 100, OTHER: 150}, [OTHER]),
    ],
)
def test_common_objects(objects: dict[int, int], chosen: list[int]) -> None:
    assert common_objects(objects) == chosen
