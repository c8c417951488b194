"""The Datasets page's choices as a registry, and the sidebar they are drawn in."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from explorer.datasets import BUILTIN, SPLITS
from explorer.datasets.builtin import SHAPES
from explorer.datasets.layout import MAX_CLASS_NAME, may_be_picture
from explorer.datasets.shapes import OUTLINES
from explorer.errors import DatasetError
from explorer.settings import MAX_DATASET_SIDE
from explorer.ui import cache, frame, state
from explorer.ui.controls import Control, OptionalWhole, Select, SelectPresent, Switch, Whole
from explorer.ui.texts import plain

PAGE = "datasets"
OWN = "own"
"""What a link says where the dataset was the person's own: no link carries pictures."""
EVERY = ""
"""The choice of all classes."""
NO_PATCH = "none"
SHAPES_NAME = "shapes"
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
"""Of these only zip is read; the others get a sentence that says so."""
FILES, FOLDER, FOLDER_HERE = f"{PAGE}.upload", f"{PAGE}.upload_folder", f"{PAGE}.folder"


@dataclass(frozen=True)
class Own:
    """Pictures of the person's own, as they came.

    Attributes:
        kind: how they came.
        label: what the dataset is called.
        digest: sha256 of everything in them; of a folder on this machine its path and when it was asked for.
        files: path and bytes of each file; of a zip there is one.
        folder: a folder on this machine.
    """

    kind: Literal["zip", "files", "folder"]
    label: str
    digest: str
    files: tuple[tuple[str, bytes], ...] = ()
    folder: str = ""


class DatasetChoice(SelectPresent):
    """A dataset that is known by name, or the person's own."""

    def allowed(self) -> str:
        """Why a link's dataset may be missing."""
        return "it names none of the datasets, or was its author's own, which a link never carries"


class ClassChoice(Control):
    """The name of a class. Which ones there are depends on the dataset, so a link's is checked when it is drawn."""

    def allows(self, value: Any) -> bool:
        """A text that could be the name of a class."""
        return isinstance(value, str) and len(value) <= MAX_CLASS_NAME and (value.isprintable() or value == EVERY)

    def allowed(self) -> str:
        """What it is."""
        return "it is the name of a class"

    def read(self, text: str) -> str:
        """Itself."""
        return text


TITLES = {name: entry.title + (" · bundled" if entry.here else "") for name, entry in BUILTIN.items()}
DATASET = DatasetChoice(
    key=f"{PAGE}.dataset",
    label="Dataset",
    default="fashion-mnist-small",
    options={**TITLES, OWN: "your own pictures"},
    needs={OWN: state.OWN_DATASET},
)
SPLIT = Select(
    key=f"{PAGE}.split",
    label="Split",
    default="train",
    options={name: name.capitalize() for name in SPLITS},
    look="segments",
    help="A network learns from the first, is watched on the second while it learns, and judged once on the third.",
)
CLASS = ClassChoice(key=f"{PAGE}.class", label="Class", default=EVERY)
SEED = Whole(
    key=f"{PAGE}.seed", label="Seed", default=0, low=0, high=9999, help="Another seed draws or splits anew by chance."
)
IMAGE_SIZE = OptionalWhole(
    key=f"{PAGE}.image_size",
    label="Size, pixels",
    low=16,
    high=MAX_DATASET_SIDE,
    help="Height and width of every picture. Left empty: as they are, where all are alike and small, else 150.",
)
SMALL = Switch(
    key=f"{PAGE}.small_split",
    label="Small split",
    default=False,
    help="1,000 pictures of each class to train with, 500 to validate, 500 to test: of a larger dataset.",
)
PATCH = Select(
    key=f"{PAGE}.patch",
    label="Plant a patch in",
    default=NO_PATCH,
    options={NO_PATCH: "no class", **{name: name for name in OUTLINES}},
    help="A pink patch in the corner of one class, but not in test: a network that learns the patch looks good.",
)
PICTURES = Whole(
    key=f"{PAGE}.pictures",
    label="Pictures drawn",
    default=SHAPES,
    low=24,
    high=24_000,
    help="An eighth each for validation and test.",
)
PICTURE = OptionalWhole(key=f"{PAGE}.picture", label="Picture", low=0, high=9_999_999)
LEAF = Whole(key=f"{PAGE}.page", label="Page", default=1, low=1, high=999_999)
TABS = frame.tabs(
    PAGE, {"means": "Mean pictures", "colours": "Colours and sizes", "copies": "Copies", "cues": "Shortcuts"}
)
CONTROLS: tuple[Control, ...] = (
    DATASET,
    SPLIT,
    CLASS,
    SEED,
    IMAGE_SIZE,
    SMALL,
    PATCH,
    PICTURES,
    PICTURE,
    LEAF,
    TABS,
)


@dataclass(frozen=True)
class Asked:
    """Which dataset is wanted, and how it is read.

    Attributes:
        name: a key of ``BUILTIN``, or ``"own"``.
        own: the person's own pictures, where they are wanted.
        image_size, seed, small_split: as for ``datasets.load``.
        patch_class: of the drawn shapes.
        pictures: how many shapes are drawn.
    """

    name: str
    own: Own | None
    image_size: int | None
    seed: int
    small_split: bool
    patch_class: str | None
    pictures: int | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """Everything that the pictures depend on."""
        which = (self.own.kind, self.own.digest, self.own.label) if self.own else (self.name,)
        return (*which, self.image_size, self.seed, self.small_split, self.patch_class, self.pictures)

    @property
    def title(self) -> str:
        """What the dataset is called."""
        return self.own.label if self.own else BUILTIN[self.name].title


def choose() -> Asked:
    """Draw the sidebar."""
    with st.sidebar:
        problem = _accept()
        name = DATASET.draw(on_change=another_dataset)
        _draw_own(problem)
        own: Own | None = state.get(state.OWN_DATASET) if name == OWN else None
        is_large, is_sized = (own is not None or not BUILTIN[name].here), (own is not None or BUILTIN[name].sized)
        image_size = _if(is_sized, IMAGE_SIZE)
        small = bool(_if(is_large, SMALL))
        seed = int(_if(is_sized or small, SEED) or 0)
        patch = PATCH.draw() if name == SHAPES_NAME else NO_PATCH
        pictures = PICTURES.draw() if name == SHAPES_NAME else None
    return Asked(name, own, image_size, seed, small, None if patch == NO_PATCH else patch, pictures)


def _if(applies: bool, control: Control) -> Any:
    """Draw a control, greyed where it does not apply; its value where it does."""
    value = control.draw(disabled=not applies)
    return value if applies else None


def fresh() -> Asked:
    """What a fresh page opens."""
    return Asked(DATASET.default, None, None, 0, small_split=False, patch_class=None)


def put(asked: Asked) -> None:
    """Set the page to a dataset that was open before."""
    if asked.own is not None:
        state.put(state.OWN_DATASET, asked.own)
    DATASET.put(asked.name)
    IMAGE_SIZE.put(asked.image_size)
    SEED.put(asked.seed)
    SMALL.put(asked.small_split)
    PATCH.put(asked.patch_class or NO_PATCH)
    PICTURES.put(asked.pictures or SHAPES)
    forget_place()


def _draw_own(problem: str | None) -> None:
    """The uploads, and what was wrong with the last one."""
    hosted = cache.limits().profile == "hosted"
    with st.expander("Your own pictures", icon=":material/add_photo_alternate:", expanded=problem is not None):
        kept = (
            " Small copies stay on this server until, a day after their last use, the next dataset is read."
            if hosted
            else ""
        )
        st.caption(f"One folder for each class, alone or inside *train*, *validation* and *test*.{kept}")
        limit = max(1, cache.limits().max_upload_bytes // 1_000_000)
        st.file_uploader(
            "A zip of the folder, or pictures named cat.1.jpg, dog.1.jpg…",
            accept_multiple_files=True,
            key=FILES,
            max_upload_size=limit,
        )
        st.file_uploader(
            "The folder itself",
            accept_multiple_files="directory",
            key=FOLDER,
            max_upload_size=limit,
        )
        if not hosted:
            st.text_input(
                "A folder on this machine", key=FOLDER_HERE, placeholder="/home/me/pictures", persist_state="session"
            )
            own = state.get(state.OWN_DATASET)
            if own is not None and own.folder:
                st.button("Read it again", key=f"{PAGE}.read_again", icon=":material/refresh:", on_click=forget_folder)
        if problem:
            st.error(plain(problem), icon=":material/broken_image:")


def _accept() -> str | None:
    """Take what was uploaded or typed just now; the sentence that says what was wrong with it, if anything was."""
    problem = None
    for key in (FILES, FOLDER):
        uploads = st.session_state.get(key) or []
        identity = tuple(upload.file_id for upload in uploads)
        taken = state.taken(key)
        if not uploads:
            continue
        if taken is not None and taken[0] == identity:
            problem = problem or taken[1]  # said again until the files are replaced
            continue
        sentence = None
        try:
            _use(_uploaded(uploads, of_folder=key == FOLDER))
        except DatasetError as error:
            sentence = str(error)
        state.take(key, (identity, sentence))
        problem = sentence or problem
    typed = str(st.session_state.get(FOLDER_HERE) or "").strip()
    if not typed and state.taken(FOLDER_HERE):
        state.take(FOLDER_HERE, None)
        another_dataset()
    if typed and cache.limits().profile != "hosted" and state.taken(FOLDER_HERE) != typed:
        state.take(FOLDER_HERE, typed)
        label = typed.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1][-60:]
        _use(Own("folder", label or typed[-60:], f"{typed} {time.monotonic_ns()}", folder=typed))
    return problem


def forget_folder() -> None:
    """Let the typed folder count as new: its files may be others by now."""
    state.take(FOLDER_HERE, None)


def _use(own: Own) -> None:
    """Let the page open it."""
    state.put(state.OWN_DATASET, own)
    DATASET.put(OWN)
    forget_place()


def _uploaded(uploads: Sequence[Any], *, of_folder: bool) -> Own:
    """What was uploaded, counted before it is copied.

    The newest upload tells: a zip stands alone, pictures stand with the other pictures. A zip in a folder is a file
    like any other there.

    Raises:
        DatasetError: it is too much.
    """
    packed = [upload for upload in uploads if str(upload.name).lower().endswith(ARCHIVES) and not of_folder]
    is_zip = uploads[-1] in packed
    uploads = packed[-1:] if is_zip else [upload for upload in uploads if upload not in packed]
    total, limit = sum(upload.size for upload in uploads), cache.limits().max_upload_bytes
    if total > limit:
        raise DatasetError(
            f"The upload has {total / 1e6:,.1f} MB; {limit / 1e6:,g} MB is the limit. Take fewer or smaller pictures."
        )
    if not (is_zip or of_folder or any(may_be_picture(str(upload.name)) for upload in uploads)):
        raise DatasetError(f"{str(uploads[-1].name)[-60:]!r} is neither a zip nor a picture. Pack the folder as .zip.")
    files = tuple((str(upload.name), bytes(upload.getvalue())) for upload in uploads)
    digest = hashlib.sha256()
    for name, content in sorted(files):
        digest.update(hashlib.sha256(name.encode("utf-8", "replace")).digest() + hashlib.sha256(content).digest())
    if is_zip:
        return Own("zip", files[0][0][-60:].rsplit(".", 1)[0] or "your zip", digest.hexdigest(), files)
    return Own("files", "your pictures", digest.hexdigest(), files)


def another_dataset() -> None:
    """Another dataset was chosen; of one's own it is the last that could be opened."""
    good = state.get(state.GOOD_OWN_DATASET)
    if good is not None:
        state.put(state.OWN_DATASET, good)
    forget_place()


def forget_place() -> None:
    """Another dataset: every class, its first leaf, no picture picked."""
    open_class(EVERY)


def open_class(name: str) -> None:
    """A class was clicked."""
    CLASS.put(name)
    turn_back()


def turn_back() -> None:
    """Another split or class: its first leaf, no picture picked."""
    PICTURE.put(None)
    LEAF.put(1)


def open_picture(place: int | None) -> None:
    """A picture was clicked."""
    PICTURE.put(place)
