"""The keys under which bytes are stored."""

import pytest

from builders import new_id
from imagegen.domain.blob_keys import check_key, is_check_key, is_picture_key, picture_key
from imagegen.domain.identifiers import AttemptId
from imagegen.domain.images import MOST_IMAGES, ImageFormat


@pytest.mark.parametrize("image_format", ImageFormat)
def test_the_key_of_a_picture_is_recognized(image_format: ImageFormat) -> None:
    """Whatever call and place it is of; it lies in the folder of the identifier's end."""
    for index in range(MOST_IMAGES):
        attempt = AttemptId(new_id())
        key = picture_key(attempt, index, image_format)
        assert is_picture_key(key)
        assert key == f"{str(attempt)[-2:]}/{attempt}-{index}.{image_format}"


def test_the_key_of_a_check_is_recognized() -> None:
    """It is another one each time, and not a picture's."""
    one, other = check_key(), check_key()
    assert one != other
    assert is_check_key(one)
    assert not is_picture_key(one)
    assert not is_check_key(picture_key(AttemptId(new_id()), 0, ImageFormat.PNG))
