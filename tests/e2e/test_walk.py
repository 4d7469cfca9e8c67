"""The walk of a newcomer, word for word as the README has it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

from PIL import Image

from e2e.service import clean_environment, serving

README: Final = Path(__file__).parents[2] / "README.md"


def walk() -> str:
    """The block of the README that a newcomer pastes."""
    found = re.search(r"<!-- walk -->\n```bash\n(.*?)```", README.read_text(), re.DOTALL)
    assert found
    return found.group(1)


def answers(output: str) -> list[Any]:
    """The JSON that the walk prints, one document a line."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_the_walk_of_the_readme_works_word_for_word(tmp_path: Path, setup: dict[str, str]) -> None:
    """Register, make a key, get a picture, find it in the history, revoke the key, be refused."""
    with serving(tmp_path, setup) as service:
        walked = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", walk()],
            cwd=tmp_path,
            env=clean_environment(H=service.url),
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        history, keys, refusal = answers(walked.stdout)
        assert service.stop() == 0
    (generation,) = history["data"]
    assert generation["prompt"] == "A cute banana wearing sunglasses"
    assert generation["status"] == "succeeded"
    with Image.open(tmp_path / "banana.png", formats=["PNG"]) as picture:
        picture.load()
        assert picture.size == (generation["images"][0]["width"], generation["images"][0]["height"])
    (key,) = keys["data"]
    assert key["prefix"].startswith("nb_live_")
    assert "key" not in key
    assert refusal["code"] == "key_revoked"
    assert refusal["status"] == 401
