"""Every part of a recipe against its option, and the presets against the arithmetic of what they were taken from."""

from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pytest

from explorer.ascent import DREAMING, INVERTING, OPTIONS, PRESETS, Recipe, recipe_of
from explorer.errors import MethodError
from explorer.options import Choice, Flag, Number


def test_every_part_has_an_option_with_the_same_default():
    assert asdict(Recipe()) == {name: option.default for name, option in OPTIONS.items()}
    for name, option in OPTIONS.items():
        assert option.check(name, option.default) == option.default
        assert option.label
        assert option.help.endswith(".")


@pytest.mark.parametrize("name", OPTIONS)
def test_each_part_takes_its_range_and_nothing_beyond(name):
    option = OPTIONS[name]
    good, bad = {
        Number: lambda: ((option.low, option.high), (option.low - 1, option.high + 1, "1", None, True, np.nan)),
        Choice: lambda: (option.choices, ("other", "", None, 0, ["mean"])),
        Flag: lambda: ((True, False, np.True_), (1, 0, "yes", None)),
    }[type(option)]()
    for value in good:
        assert getattr(Recipe().but(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(MethodError, match=rf"^{name} is .*; it (can be|is a (whole )?number from) .*\.$"):
            Recipe(**{name: value})


def test_whole_numbers_take_no_fractions():
    whole = {name for name, option in OPTIONS.items() if isinstance(option, Number) and option.whole}
    assert whole == {"steps", "jitter", "octaves", "blur_every"}
    for name in whole:
        with pytest.raises(MethodError, match=f"{name} is 2.0; it is a whole number from "):
            Recipe(**{name: 2.0})


def test_other_parts_make_another_recipe():
    plain = Recipe()
    other = plain.but(steps=5, jitter=2)
    assert (other.steps, other.jitter, other.rule) == (5, 2, plain.rule)
    assert plain == Recipe()
    assert plain.but() == plain
    with pytest.raises(MethodError, match=r"^An ascent has no part 'momentum'; its parts: objective, steps, .*\.$"):
        plain.but(momentum=0.9)
    with pytest.raises(FrozenInstanceError):
        plain.steps = 3


def test_a_preset_by_its_name_or_a_recipe_itself():
    own = Recipe(steps=3)
    assert recipe_of(own) == own
    assert recipe_of(own, rule="adam") == Recipe(steps=3, rule="adam")
    for name, preset in PRESETS.items():
        assert recipe_of(name) == preset.recipe
        assert recipe_of(name, steps=7).steps == 7
    with pytest.raises(MethodError, match=r"^There is no preset 'deep'; there are smooth, lucid, chollet, keras\.$"):
        recipe_of("deep")
    with pytest.raises(MethodError, match="steps is 0"):
        recipe_of("keras", steps=0)


def test_presets_say_where_they_come_from():
    for preset in PRESETS.values():
        assert preset.url.startswith("https://")
        assert any(year in preset.source for year in ("2015", "2017", "2020"))
        assert preset.title
        assert preset.sentence.endswith(".")


def test_the_keras_example_in_grey_levels():
    # keras.io: img_size 180 × 180, learning rate 10 along the gradient divided by its norm, pixels of −1 to 1,
    # (uniform − 0.5) · 0.25 at the start, 30 iterations, contrast 0.15.
    recipe = PRESETS["keras"].recipe
    assert recipe.step_size == pytest.approx(10 / np.sqrt(180 * 180 * 3) * 127.5, abs=0.02)
    assert recipe.noise == pytest.approx(0.5 * 0.25 * 127.5, abs=0.1)
    assert (recipe.grey, recipe.steps, recipe.contrast, recipe.rule) == (127.5, 30, 0.15, "gradient")


def test_chollet_in_grey_levels():
    # Book: uniform(0, 1) · 20 + 128, 40 steps of 1 along the gradient divided by its root mean square, contrast 0.1.
    recipe = PRESETS["chollet"].recipe
    assert (recipe.grey - recipe.noise, recipe.grey + recipe.noise) == (128, 148)
    assert (recipe.steps, recipe.step_size, recipe.contrast, recipe.rule) == (40, 1.0, 0.1, "gradient")


def test_what_the_other_recipes_are_made_of():
    lucid, smooth = PRESETS["lucid"].recipe, PRESETS["smooth"].recipe
    assert (lucid.rule, lucid.parameterisation, lucid.decorrelate, lucid.step_size) == ("adam", "fourier", True, 0.06)
    assert all((smooth.jitter, smooth.rotation, smooth.scale, smooth.total_variation, smooth.blur))
    assert (DREAMING.start, DREAMING.objective, DREAMING.octaves) == ("picture", "dream", 3)
    assert (INVERTING.octaves, INVERTING.jitter, INVERTING.rotation, INVERTING.scale) == (1, 0, 0, 0)
