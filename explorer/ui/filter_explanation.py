"""What the Filters page says under its pictures: the formula with its numbers, experiments, code, files."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer import images, snippets
from explorer.ascent import PRESETS, Growth, animation
from explorer.images.sizing import fit
from explorer.ui import cache, filter_growing, links, networks
from explorer.ui import filter_options as options
from explorer.ui.filter_options import ANSWERS, DREAM, INVERT, PATTERNS, Asked
from explorer.ui.filter_stage import Seen
from explorer.ui.frame import Download, Experiment, Explanation
from explorer.ui.texts import plain

ANIMATION_SIDE = 720
"""About the width of the animation, in pixels."""


TURNED_ROUND = (
    "Training changes the weights and leaves the pictures alone. Here it is the other way round: the weights stay, "
    "and the *picture* takes small steps in the direction that makes the score grow fastest."
)


def explanation(seen: Seen) -> Explanation:
    """Everything under the pictures."""
    return Explanation(
        text=_text(seen.asked),
        experiments=EXPERIMENTS,
        programs=_programs(seen.asked),
        downloads=_downloads(seen),
    )


def _text(asked: Asked) -> str:
    """What is climbed and how, with this page's numbers."""
    recipe = asked.recipe
    parts = [
        TURNED_ROUND,
        _objective(asked),
        _rule(asked),
    ]
    if recipe.parameterisation == "fourier":
        parts.append(
            "The picture is held as a sum of waves, each divided by its frequency. So coarse shapes and fine grain "
            "grow alike; pixel by pixel the finest grain would win."
        )
    if recipe.jitter or recipe.rotation or recipe.scale:
        parts.append(
            f"Before each step the picture is shifted by up to {recipe.jitter} pixels, turned by up to "
            f"{recipe.rotation:g}° and scaled by up to {recipe.scale:.0%}: what only works to the pixel does not last."
        )
    if asked.mode in (PATTERNS, ANSWERS):
        preset = PRESETS[options.PRESET.current()]
        parts.append(f"Preset *{preset.title}*: [{preset.source}]({preset.url}).")
    return "\n\n".join(parts)


def _objective(asked: Asked) -> str:
    """The score, as a formula."""
    height, width = asked.size
    path = plain(asked.layer.path)
    if asked.mode == INVERT:
        return (
            rf"The features $f(x)$ of the grown picture $x$ ({height} × {width}) come as near as they can to those of "
            r"your picture $x_0$:"
            "\n\n"
            r"$$ J(x) = 1 - \frac{\lVert f(x) - f(x_0) \rVert^2}{\lVert f(x_0) \rVert^2} $$"
        )
    if asked.climbs_logits:
        return (
            "The score is the class's logit $z_k(x)$, before the softmax or sigmoid: a probability could also grow by "
            "making all other classes less likely, and hardly moves where it is near 1."
        )
    formulas = {
        "mean": r"J(x) = \frac{1}{HW} \sum_{r,c} a_{r,c,k}(x)",
        "centre": r"J(x) = a_{H/2,\,W/2,\,k}(x)",
        "dream": r"J(x) = \frac{1}{HW} \sum_{r,c,k} w_k\, a_{r,c,k}(x)^2",
    }
    said = {
        "mean": "the mean of the channel's map, its border left out because it sees the padding",
        "centre": "one unit, in the middle of the map",
        "dream": "the mean of the squares: whatever is strong already grows stronger",
    }
    objective = asked.recipe.objective
    return (
        f"The score of a picture $x$ ({height} × {width} pixels) at the layer *{path}* is {said[objective]}:\n\n"
        f"$$ {formulas[objective]} $$"
    )


def _rule(asked: Asked) -> str:
    """The step, as a formula."""
    recipe = asked.recipe
    way = "-" if asked.direction < 0 else "+"
    if recipe.rule == "adam":
        return (
            f"Adam takes {recipe.steps} steps of {recipe.step_size:g} along the gradient $\\nabla_x J$, "
            "each number at a pace of its own."
        )
    return (
        rf"$$ x_{{t+1}} = x_t {way} {recipe.step_size:g}\,\frac{{\nabla_x J}}{{\operatorname{{rms}}(\nabla_x J)}}, "
        rf"\qquad t < {recipe.steps} $$"
    )


def _programs(asked: Asked) -> Mapping[str, str]:
    """Programs that grow the same pictures."""
    where: dict[str, Any] = {"size": asked.size, "seed": asked.seed}
    if asked.mode == DREAM:
        return snippets.dream_programs(
            asked.classifier, asked.layer.path, asked.channels or None, asked.recipe, **where
        )
    if asked.mode == INVERT:
        return snippets.invert_programs(asked.classifier, asked.layer.path, asked.recipe, **where)
    if asked.mode == ANSWERS:
        return snippets.diversify_programs(
            asked.classifier,
            asked.layer.path,
            asked.channels[0],
            asked.recipe,
            count=asked.count,
            diversity=asked.diversity,
            direction=asked.direction,
            **where,
        )
    return snippets.ascent_programs(
        asked.classifier, asked.layer.path, asked.channels, asked.recipe, direction=asked.direction, **where
    )


def _downloads(seen: Seen) -> tuple[Download, ...]:
    """The grid, the growth as an animation, and what the program reads."""
    files: list[Download] = []
    growth = seen.growth
    if growth is not None:
        files = [
            Download("Grid, PNG", "patterns.png", "image/png", lambda: _grid(seen, growth)),
            Download("Growth, GIF", "growth.gif", "image/gif", lambda: _animation(seen, growth)),
        ]
    return (*files, *networks.downloads(seen.asked.classifier, _picture(seen.asked)))


def _picture(asked: Asked) -> NDArray[np.uint8]:
    """The picture at the size that is grown, uint8 (H, W, C)."""
    shape = (*asked.size, asked.classifier.input_shape[2])

    def made() -> NDArray[np.uint8]:
        return np.asarray(np.rint(fit(asked.chosen.picture.pixels, shape)[0][0]), np.uint8)

    return cache.drawing("at the size that grows", (asked.chosen.sha, shape), made)


def _grid(seen: Seen, growth: Growth) -> bytes:
    pictures = growth.newest()
    return images.encode_png(filter_growing.sheet(pictures, dark=seen.dark, side=max(pictures.shape[1:3])).pixels)


def _animation(seen: Seen, growth: Growth) -> bytes:
    columns = max(1, round(np.sqrt(len(growth.labels))))
    side = min(ANIMATION_SIDE // columns, 160)
    pictures = [*growth.kept.values()] + ([] if growth.step in growth.kept else [growth.newest()])
    return animation([filter_growing.sheet(one, dark=seen.dark, side=side).pixels for one in pictures])


def _edges() -> None:
    links.reset(options.CONTROLS)
    options.open_at("block2a_expand_relu", range(16))
    options.grow_now()


def _classes() -> None:
    links.reset(options.CONTROLS)
    options.open_at("softmax", (1, 88, 130, 340, 417, 487, 779, 963, 985))
    options.grow_now()


def _dream() -> None:
    links.reset(options.CONTROLS)
    options.MODE.put(DREAM)
    options.fresh_parts()
    options.LAYER.put("block6a_expand_relu")
    options.grow_now()


EXPERIMENTS = (
    Experiment(
        "From edges to things",
        "The second block's filters look for stripes and colours. Then choose a later layer, and grow again.",
        _edges,
    ),
    Experiment(
        "What is a goldfish?",
        "Nine classes of the last layer, goldfish among them. What does the network think belongs to each?",
        _classes,
    ),
    Experiment(
        "Let it dream",
        "The cat's picture, and the network sees more and more of what it knows. What grows out of the fur?",
        _dream,
    ),
)
