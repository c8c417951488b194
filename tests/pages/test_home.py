"""The home page: a card for every other page."""

import pytest

from explorer import images
from explorer.ui import site, state


def test_every_page_has_a_card_with_a_picture_and_what_it_shows(open_app, sent):
    at = open_app()
    cards = site.cards()
    assert [card.file for card, _ in cards] == [entry.file for entry in site.PAGES if entry.file != "pages/home.py"]
    assert [heading.value for heading in at.subheader] == [entry.title for entry, _ in cards]
    assert len(at.image) == len(cards)
    for entry, thumbnail in cards:
        assert thumbnail.picture.is_file()
        assert thumbnail.alt
        assert entry.sentence in [text.value for text in at.markdown]


def test_the_datasets_have_a_card_between_kernels_and_networks(open_app):
    at = open_app()
    titles = [heading.value for heading in at.subheader]
    assert titles[:4] == ["Kernels", "Datasets", "Augmentation", "Training"]
    links = [each.proto for each in at.get("page_link")]
    assert [link.label for link in links[:3]] == [f"Open {title}" for title in titles[:3]]
    assert links[1].page == "datasets"
    card, thumbnail = site.cards()[1]
    assert "or your own" in card.sentence
    height, width, _ = images.read_image(thumbnail.picture.read_bytes()).shape
    assert width > height > 200
    assert "clothes" in thumbnail.alt


def test_the_device_badge_is_on_every_page(open_app):
    for name in ("home", "kernels"):
        badges = [text.value for text in open_app(name).markdown if "badge" in text.value]
        assert len(badges) == 1
        assert "CPU · " in badges[0] or "GPU · " in badges[0]


@pytest.mark.parametrize("entry", site.PAGES, ids=lambda entry: entry.title)
def test_every_page_runs_in_the_app_and_by_itself(open_app, open_page, entry):
    name = entry.script.stem
    for at in (open_app(name), open_page(name)):
        assert not at.exception
        assert len(at.title) == 1
        assert at.session_state[state.PAGE] == name  # so that the next page knows that the person has just come


def test_a_page_file_that_does_not_exist_is_not_in_the_navigation():
    files = {f"pages/{script.name}" for script in (site.ROOT / "pages").glob("*.py")}
    assert {entry.file for entry in site.PAGES} == files
