"""Choosing what to look at. The chosen picture follows the person from page to page.

A page calls :func:`image_control` for its registry of choices, and :func:`pick_image` where the picker belongs.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.datasets import BUILTIN
from explorer.errors import ImageInputError
from explorer.images import SAMPLE_LABELS, SAMPLES, Picture, encode_png
from explorer.ui import cache, state
from explorer.ui.controls import Select
from explorer.ui.texts import plain

OWN = "own"
"""What a link says where the picture was the person's own: no link carries a picture."""

BACKGROUNDS = {"white": (255, 255, 255), "grey": (128, 128, 128), "black": (0, 0, 0)}
"""What transparent parts of a picture can be shown on, RGB."""

TEST_IMAGES = 150
"""Images of a dataset that can be chosen by number."""

FILE_TYPES = ("png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff")


@dataclass(frozen=True)
class Chosen:
    """A picture that a person chose: a bundled sample, or the bytes of their own.

    Attributes:
        label: its name for captions and file names; never more than 60 characters.
        sample: its name in ``SAMPLES``, or ``"own"``.
        encoded: the file's bytes.
        sha: sha256 of the bytes, in hexadecimal; it names the background too.
        background: RGB, what transparent parts are shown on.
    """

    label: str
    sample: str
    encoded: bytes
    sha: str
    background: tuple[int, int, int] = (255, 255, 255)

    @property
    def picture(self) -> Picture:
        """The decoded picture; decoded once, shared, read-only."""
        return cache.picture(self.sha, self.background, self.encoded)


def sample(name: str) -> Chosen:
    """A bundled picture as a choice."""
    encoded = cache.sample_bytes(name)
    return Chosen(SAMPLE_LABELS[name], name, encoded, hashlib.sha256(encoded).hexdigest())


class ImageChoice(Select):
    """The bundled samples as thumbnails; an own picture leaves them all unpressed."""

    def allowed(self) -> str:
        """Why a link's picture may be missing."""
        return "it names none of the bundled pictures, or was its author's own, which a link never carries"

    def parse(self, text: str) -> Any:
        """A sample, or the own picture where this session has one."""
        if text == OWN and state.get(state.OWN_PICTURE) is None:
            raise ValueError(self.allowed())
        return super().parse(text)

    def current(self) -> Any:
        """The sample pressed just now, else the picture chosen before, here or on another page."""
        pressed = st.session_state.get(self.key)
        if pressed != OWN and self.allows(pressed) and pressed != state.taken(self.key):
            return pressed
        chosen = state.get(state.PICTURE)
        return chosen.sample if chosen else self.initial()

    def put(self, value: Any) -> None:
        """Make it the chosen picture."""
        own = state.get(state.OWN_PICTURE)
        choose(own if value == OWN and own else sample(value if value in SAMPLES else self.default))

    def draw(self, **options: Any) -> Any:  # noqa: ARG002
        """A thumbnail for each sample."""
        value = self.current()
        self.put(value)
        pressed = None if value == OWN else value
        if st.session_state.get(self.key) != pressed or self.key not in st.session_state:
            st.session_state[self.key] = pressed
        state.take(self.key, pressed)
        st.pills(self.label, list(SAMPLES), format_func=_thumbnail_label, key=self.key, persist_state="session")
        return value


def image_control(page: str, default: str = "chelsea") -> ImageChoice:
    """The picture, as one of a page's choices."""
    options = {**SAMPLE_LABELS, OWN: "your own"}
    return ImageChoice(key=f"{page}.image", label="Picture", default=default, options=options)


def choose(chosen: Chosen) -> None:
    """Make it the picture of every page; the one before stays at hand."""
    before = state.get(state.PICTURE)
    if before is not None and before.sha == chosen.sha:
        return
    if before is not None:
        state.put(state.PREVIOUS_PICTURE, before)
    state.put(state.PICTURE, chosen)
    if chosen.sample == OWN:
        state.put(state.OWN_PICTURE, chosen)


def background_control(page: str) -> Select:
    """What transparent parts of one's own picture are shown on."""
    own = state.get(state.OWN_PICTURE)
    present = next((name for name, colour in BACKGROUNDS.items() if own and own.background == colour), "white")
    names = {name: name.capitalize() for name in BACKGROUNDS}
    return Select(
        key=f"{page}.background", label="Behind transparent parts", default=present, options=names, look="segments"
    )


def _own(label: str, encoded: bytes, background: str) -> Chosen:
    """A picture of the person's own as a choice."""
    sha = hashlib.sha256(encoded + background.encode()).hexdigest()
    return Chosen(label, OWN, encoded, sha, BACKGROUNDS[background])


def take_image(page: str, control: ImageChoice) -> Chosen:
    """The chosen picture, one that was uploaded or pressed just now included, before its picker is drawn."""
    _accept_upload(page)
    control.put(control.current())
    chosen, background = _current(control), background_control(page).current()
    if chosen.sample == OWN and chosen.background != BACKGROUNDS[background]:
        chosen = _own(chosen.label, chosen.encoded, background)
        state.put(state.PICTURE, chosen)
        state.put(state.OWN_PICTURE, chosen)
    return chosen


def pick_image(page: str, control: ImageChoice) -> Chosen:
    """Draw the picker: thumbnails, upload, camera, previous picture. Bad input keeps the picture there was."""
    problem = _accept_upload(page)
    take_image(page, control)
    control.draw()
    with st.expander("Your own picture", icon=":material/add_photo_alternate:", expanded=problem is not None):
        limit = max(1, cache.limits().max_image_bytes // 1_000_000)
        st.file_uploader(
            "A picture file",
            type=list(FILE_TYPES),
            key=f"{page}.upload",
            max_upload_size=limit,
            help="PNG, JPEG, WebP, BMP, GIF (its first frame) or TIFF. It stays in this session.",
        )
        background_control(page).draw()
        if st.toggle("Use the camera", key=f"{page}.camera_on"):
            st.camera_input("Take a picture", key=f"{page}.camera", label_visibility="collapsed")
        with st.popover("From a dataset", icon=":material/photo_library:", width="stretch"):
            here = [name for name, entry in BUILTIN.items() if entry.here]
            first = here.index("shapes")  # colour, and larger than digits
            name = st.selectbox("Dataset", here, first, format_func=_dataset_title, key=f"{page}.dataset")
            st.number_input("Image", 0, TEST_IMAGES - 1, key=f"{page}.dataset_image")
            st.button("Use it", key=f"{page}.take_dataset_image", on_click=_use_dataset, args=(page, name))
        previous = state.get(state.PREVIOUS_PICTURE)
        st.button(
            "Previous picture",
            icon=":material/undo:",
            key=f"{page}.previous",
            disabled=previous is None,
            help=f"Back to: {plain(previous.label)}" if previous else None,
            on_click=_back,
            args=(control.key,),
        )
        if problem:
            st.error(plain(problem), icon=":material/broken_image:")
    return _current(control)


def _dataset_title(name: str) -> str:
    return BUILTIN[name].title


def _use_dataset(page: str, name: str) -> None:
    """An image of a dataset becomes the picture."""
    split, names = cache.dataset(name).test, cache.dataset(name).class_names
    index = int(st.session_state.get(f"{page}.dataset_image") or 0) % len(split.images)
    use_pixels(page, f"{BUILTIN[name].title} {index}: {names[split.labels[index]]}", split.images[index])


def use_pixels(page: str, label: str, pixels: NDArray[np.uint8]) -> None:
    """Make pixels (H, W, 1 or 3) the picture of every page; ``page`` is the one that is shown next."""
    choose(_own(label[-60:], encode_png(pixels), "white"))
    state.take(f"{page}.image", None)
    st.session_state[f"{page}.image"] = None


def _current(control: ImageChoice) -> Chosen:
    chosen: Chosen = state.get(state.PICTURE) or sample(control.default)
    return chosen


def _accept_upload(page: str) -> str | None:
    """Take a newly uploaded file or camera shot; the sentence that says what was wrong with it, if anything was."""
    problem = None
    for key in (f"{page}.upload", f"{page}.camera"):
        upload = st.session_state.get(key)
        identity = getattr(upload, "file_id", None)
        taken = state.taken(key)
        if upload is None or identity is None:
            continue
        if taken is not None and taken[0] == identity:
            problem = problem or taken[1]  # said again until the file is replaced
            continue
        encoded = upload.getvalue()
        label = "camera picture" if key.endswith("camera") else str(upload.name)[-60:]
        chosen = _own(label, encoded, background_control(page).current())
        sentence = None
        try:
            _ = chosen.picture
            choose(chosen)
            state.take(f"{page}.image", None)
            st.session_state[f"{page}.image"] = None
        except ImageInputError as error:
            sentence = str(error)
        state.take(key, (identity, sentence))
        problem = sentence or problem
    return problem


def _back(image_key: str) -> None:
    """Swap the picture with the one before it."""
    previous = state.get(state.PREVIOUS_PICTURE)
    if previous is not None:
        choose(previous)
        pressed = None if previous.sample == OWN else previous.sample
        state.take(image_key, pressed)
        st.session_state[image_key] = pressed


def _thumbnail_label(name: str) -> str:
    """The thumbnail as an image in Markdown, its alternative text included."""
    return f"![{SAMPLE_LABELS[name]}]({cache.thumbnail(name)})"
