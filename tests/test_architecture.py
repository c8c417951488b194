"""What the import floors cannot say: short pages, stable keys, lazy TensorFlow, licensed pictures."""

import ast
import re
import tomllib

import pytest

from explorer.settings import ASSETS, ROOT
from explorer.ui import site

PAGES = sorted((ROOT / "pages").glob("*.py"))
MODULES = sorted((ROOT / "explorer").rglob("*.py"))
LATER = ("augmentation", "models", "activations", "trace", "ascent", "attribution", "training", "overview")


def names_imported_at_once(tree):
    """The modules that a file imports when it is imported itself."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_reads_in_one_sitting(page):
    source = page.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 140
    assert "frame.page(" in source
    assert ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize("entry", site.PAGES, ids=lambda entry: entry.title)
def test_every_widgets_key_begins_with_its_pages_name(entry, open_page):
    name = entry.script.stem
    at = open_page(name)
    foreign = [key for key in at.session_state.keys() if not key.startswith(("_", f"{name}."))]  # noqa: SIM118
    assert foreign == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_tensorflow_is_imported_late_in_the_lower_floors(module):
    if module.relative_to(ROOT / "explorer").parts[0].removesuffix(".py") in LATER:
        return
    heavy = {name.partition(".")[0] for name in names_imported_at_once(ast.parse(module.read_text(encoding="utf-8")))}
    assert not heavy & {"tensorflow", "keras"}


def test_there_is_no_store_room():
    rooms = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not rooms & {path.stem for path in MODULES}


def test_every_picture_and_dataset_is_named_with_its_author_and_licence():
    table = re.findall(r"^\| `([^`]+)` \|(.+)\|$", (ASSETS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    rows = {name: [cell.strip() for cell in cells.split("|")] for name, cells in table}
    files = {path.name for path in (ASSETS / "samples").iterdir()}
    datasets = {path.name for path in (ASSETS / "datasets").glob("*.npz")}
    assert len(datasets) == 2
    assert files | datasets == set(rows)
    for name, cells in rows.items():
        assert len(cells) == 3, name
        assert all(cells), name
        assert re.search(r"CC0|CC BY-SA 3.0|MIT|[Pp]ublic domain|No known copyright", cells[-1]), name


def test_samples_and_labels_are_complete():
    from explorer import images

    assert {path.name for path in images.SAMPLES.values()} == {path.name for path in (ASSETS / "samples").iterdir()}
    assert images.SAMPLES.keys() == images.SAMPLE_LABELS.keys() == images.SAMPLE_ALT.keys()


def test_no_message_is_sent_by_its_name_only():
    """Streamlit's browser side may have forgotten it, and then loses the connection (.streamlit/config.toml)."""
    told = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert told["global"]["minCachedMessageSize"] > 1e9
