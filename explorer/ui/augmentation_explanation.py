"""What the Augmentation page says under its pictures: the map with this version's numbers, experiments, code, files."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import streamlit as st

from explorer import images, snippets
from explorer.augmentation import Augmentation, pack
from explorer.augmentation.applying import GEOMETRIC
from explorer.augmentation.drawing import IDENTITY
from explorer.augmentation.geometry import affine
from explorer.ui import augmentation_options as options
from explorer.ui import cache, links, pickers
from explorer.ui.augmentation_options import DATASET_SOURCE, PAGE
from explorer.ui.augmentation_stage import Seen, of_dataset
from explorer.ui.frame import Download, Experiment, Explanation
from explorer.ui.progress import progress

WHY = (
    "A network that has seen a cat a little turned, moved or mirrored is less surprised by the next one. So each time "
    "a picture comes up in training, **chance draws anew** from the ranges on the left: hardly a picture is seen "
    "twice the same. Validation and test pictures are never changed: they have to stay comparable."
)


def explanation(seen: Seen) -> Explanation:
    """Everything under the pictures."""
    return Explanation(
        text=_text(seen),
        experiments=EXPERIMENTS,
        programs=_programs(seen),
        downloads=_downloads(seen),
        packing=partial(_packing, seen),
    )


def _text(seen: Seen) -> str:
    why = WHY if seen.policy.active else "This policy changes nothing: every epoch would see the same pictures."
    parts = [why, _geometry(seen)]
    if seen.policy.rescale is not None:
        parts.append(
            rf"This policy also multiplies what the network is given by {seen.policy.rescale:.6f} (`rescale`), "
            "validation pictures included. Here pictures are shown as they are before that."
        )
    parts.append(
        "Training calls the very code that made these, and gets the same levels from a picture of this size; on a "
        "smaller one blur, noise and JPEG weigh more. The names and the meanings of the ranges are those of Keras's "
        "`ImageDataGenerator`."
    )
    return "\n\n".join(parts)


def _geometry(seen: Seen) -> str:
    """The affine map of the version that is looked at, and where one of its pixels comes from."""
    drawn, (height, width) = seen.drawn[seen.place], seen.original.shape[:2]
    if "crop" not in drawn and all(drawn[name] == IDENTITY[name] for name in GEOMETRIC):
        if seen.policy.rand_augment or seen.policy.aug_mix:
            return (
                "RandAugment and AugMix apply changes from a list one after the other, each with its own resampling; "
                "what they drew stands under each version."
            )
        return "Nothing moved in this version: each pixel of it comes from its own place."
    (a, b, c), (d, e, f) = affine(drawn, height, width)
    row, column = height // 4, width // 4
    from_column, from_row = a * column + b * row + c, d * column + e * row + f
    numbers = rf"{a:.3f} & {b:.3f} & {c:.1f} \\ {d:.3f} & {e:.3f} & {f:.1f}"
    return (
        "Rotation $R$, shift $T$, shear $S$, zoom $Z$, flips $F$ and crop $C$ are **one** affine map. For version "
        f"{seen.place + 1} it is"
        "\n\n"
        rf"$$\begin{{pmatrix}} x_\text{{from}} \\ y_\text{{from}} \end{{pmatrix}} = "
        rf"R(\theta)\,T\,S\,Z\,F\,C \begin{{pmatrix}} x \\ y \\ 1 \end{{pmatrix}} = "
        rf"\begin{{pmatrix}} {numbers} \end{{pmatrix}} \begin{{pmatrix}} x \\ y \\ 1 \end{{pmatrix}}$$"
        "\n\n"
        f"Its pixel in row {row}, column {column} comes from row {from_row:.1f}, column {from_column:.1f} of the "
        f"original{_where(from_row, from_column, height, width)}. Because the map goes backwards, every pixel gets a "
        "value, and the picture is interpolated only once."
    )


def _where(row: float, column: float, height: int, width: int) -> str:
    """Whether that place is in the picture."""
    inside = 0 <= row <= height - 1 and 0 <= column <= width - 1
    return ", between four of its pixels: their mean, the nearer the heavier" if inside else ", which is outside: a gap"


def _programs(seen: Seen) -> Mapping[str, str]:
    programs = snippets.augmentation_programs(seen.policy, seed=seen.asked.seed, channels=seen.original.shape[2])
    first = f"{PICTURE}\n{OF_DATASET}" if seen.of_dataset else PICTURE
    return {library: f"{first}\n{program}" for library, program in programs.items()}


PICTURE = "# picture.png is the original, under Download."
OF_DATASET = "# The page shows a version of each of sixteen pictures; this makes sixteen of the one that is picked."


def _downloads(seen: Seen) -> list[Download]:
    return [
        Download("The sixteen versions, PNG", "versions.png", "image/png", partial(_sheet, seen)),
        Download("This version, PNG", f"version-{seen.place + 1}.png", "image/png", partial(_one, seen)),
        Download("The original, PNG", "picture.png", "image/png", lambda: images.encode_png(seen.original)),
        Download("The policy, JSON", "policy.json", "application/json", seen.policy.to_json),
    ]


def _packing(seen: Seen) -> None:
    """A zip of many versions: how many, the button that makes it, and the one that takes it home."""
    most = cache.limits().max_packed_versions
    options.COUNT.put(min(options.COUNT.current(), most))
    of = f"pictures of {seen.asked.split}, each class in its folder" if seen.of_dataset else "the picture"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options.COUNT.draw(width=170)
        count = options.COUNT.current()
        key = ("packed", seen.key, seen.policy.to_json(), seen.asked.seed, count)
        pressed = st.button("Make the zip", key="augmentation.pack", icon=":material/folder_zip:")
        place = st.empty()
    blends = " MixUp and CutMix are left out: a blend is of no one class." if seen.mixed is not None else ""
    st.caption(f"At most {most} versions of {of}, what was drawn for each, and the policy.{blends}")
    if pressed:
        with progress("augmentation.stop_zip", "Packing…") as report:
            cache.shelf().get_or_make(key, lambda: _zip(seen, count, report), len)
    packed = cache.shelf().get(key)
    if packed is not None:
        place.download_button(
            f"{count} versions, zip",
            packed,
            "versions.zip",
            "application/zip",
            key="augmentation.zip",
            on_click="ignore",
            icon=":material/download:",
        )


def _zip(seen: Seen, count: int, report: Callable[[float], object] | None = None) -> bytes:
    """Versions by class, the drawn values and the policy."""
    asked = seen.asked
    if not seen.of_dataset:
        labels, names = [0], [asked.chosen.label]
        return pack(seen.policy, seen.originals, labels, names, count, seed=asked.seed, report=report)
    source = of_dataset(asked, count)
    return pack(seen.policy, source.originals, source.labels, source.class_names, count, seed=asked.seed, report=report)


def _one(seen: Seen) -> bytes:
    return images.encode_png(seen.version)


def _sheet(seen: Seen) -> bytes:
    """The versions, four in a row, pixel for pixel, with white between them."""
    count, height, width, channels = seen.versions.shape
    framed = np.full((count, height + GAP, width + GAP, channels), 255, np.uint8)
    framed[:, :height, :width] = seen.versions
    rows = framed.reshape(-1, 4, height + GAP, width + GAP, channels).swapaxes(1, 2)
    sheet = rows.reshape(-1, 4 * (width + GAP), channels)
    return images.encode_png(np.ascontiguousarray(sheet[:-GAP, :-GAP]))


GAP = 4
"""Pixels between two versions of the sheet."""


def _fresh(tab: str) -> None:
    links.reset(control for control in options.CONTROLS if control.key != pickers.image_control(PAGE).key)
    options.TABS.put(tab)


def _turn() -> None:
    _fresh("sweep")
    options.put(Augmentation(rotation_range=180))
    options.SWEEP.put("rotation_range")


def _digits() -> None:
    _fresh("labels")
    options.put(Augmentation(rotation_range=180))
    options.SOURCE.put(DATASET_SOURCE)
    options.DATASET.put("mnist-small")
    options.LABELS_ON.put("mnist-small")


def _heavy() -> None:
    _fresh("consequence")
    options.PRESET.put("heavy")
    for control in options.PARAMETERS.values():
        control.put(control.initial())


EXPERIMENTS = (
    Experiment(
        "All the way round",
        "Only the rotation, from −180° to 180°. Look at the corners: the nearest pixels are dragged out into streaks.",
        _turn,
    ),
    Experiment(
        "When is a 6 a 9?",
        "Digits turned by any angle. Some become others, and training would be told that they had not.",
        _digits,
    ),
    Experiment(
        "Change its mind",
        "The heavy policy, and what a trained network says of each version. Is it still the same animal to you?",
        _heavy,
    ),
)
