"""Pages of the guide that the code tells are what it tells now."""

import pytest

from deepracer_fast.guide.__main__ import GUIDE, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_the_code_is(name: str) -> None:
    page = (GUIDE / name).read_text(encoding="utf-8")
    assert page == PAGES[name](), "run `python -m deepracer_fast.guide`"
