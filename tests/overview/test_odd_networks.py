"""Networks that are built otherwise than most: what is shown of them, and what each channel unfolds into."""

import keras
import numpy as np
import pytest

from explorer import overview, trace
from explorer.activations import feature_maps
from explorer.errors import LayerError, ModelError
from explorer.models import Classifier
from explorer.models.graph import visits
from explorer.ui.glance_unit import opposite

L, ops = keras.layers, keras.ops


# Keras advises against it; old networks have it.
pytestmark = pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`:UserWarning")


def head(x, classes=3):
    """Scores of some classes."""
    x = x if len(x.shape) == 2 else L.Flatten()(x)
    return L.Dense(classes, name="scores")(x)


def rows(inputs):
    x = L.Conv1D(4, 3, name="along")(L.Reshape((16, 12), name="rows")(inputs))
    return head(L.GlobalAveragePooling1D()(x))


def convolutional_head(inputs):
    return L.Flatten()(L.Conv2D(3, 8, name="scores")(inputs))


def one_convolution(inputs):
    return L.Activation("sigmoid")(L.Flatten()(L.Conv2D(1, 8, name="score")(inputs)))


def other_axis(inputs):
    return head(L.BatchNormalization(axis=1, name="norm")(L.Conv2D(4, 3, name="conv")(inputs)))


def attention(inputs):
    x = L.Reshape((64, 3))(inputs)
    keys, values = L.Dense(5, name="keys")(x), L.Dense(4, name="values")(x)
    weights = ops.softmax(ops.matmul(keys, ops.transpose(keys, (0, 2, 1))))
    return head(L.GlobalAveragePooling1D()(ops.matmul(weights, values)))


def two_outputs(inputs):
    left, right = ops.split(L.Conv2D(6, 1, name="wide")(inputs), 2, axis=-1)
    x = L.Conv2D(2, 3, name="after")(right)
    return head(L.Concatenate(name="both")([L.Conv2D(2, 3, name="other")(left), x]))


def leaking(inputs):
    return head(L.Conv2D(2, 3, name="conv")(L.ReLU(negative_slope=0.5, name="leak")(L.Conv2D(4, 3)(inputs))))


def before_the_sum(inputs):
    """Normalisation and activation ahead of the convolution, as in ResNetV2 and DenseNet."""
    x = L.Conv2D(4, 1, name="stem")(inputs)
    y = L.ReLU(name="alone")(x)
    x = L.Add(name="add")([x, L.Conv2D(4, 3, padding="same", name="conv")(y)])
    return head(x)


def squeezed(inputs):
    x = L.Conv2D(4, 3, name="conv")(inputs)
    gate = L.Dense(4, "sigmoid", name="gate")(L.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x))
    return head(L.Multiply(name="excite")([x, gate]))


def over_channels(inputs):
    x = L.Conv2D(36, 3, name="conv")(inputs)  # 6 × 6 places and as many channels
    return head(ops.mean(x, axis=-1, keepdims=True))


def laid_out_anew(inputs):
    x = L.Reshape((4, 4, 2), name="square")(L.Dense(32, "relu", name="dense")(L.Flatten()(inputs)))
    return head(L.Conv2D(2, 3, name="conv")(x))


def normalised_scores(inputs):
    return L.Softmax(name="softmax")(L.BatchNormalization(name="norm")(head(L.Conv2D(4, 3)(inputs))))


def skip_to_the_head(inputs):
    x = L.Conv2D(3, 3, padding="same", name="first")(inputs)
    y = L.Conv2D(3, 3, padding="same", name="second")(x)
    return L.Add(name="scores")([L.GlobalAveragePooling2D(name="early")(x), L.GlobalAveragePooling2D(name="late")(y)])


def enlarged(inputs):
    """A transposed convolution reads a drawn column; a normalisation has no gain."""
    x = L.Conv2D(4, 3, strides=2, padding="same", name="small")(inputs)
    x = L.Conv2DTranspose(5, 3, strides=2, padding="same", name="large")(x)
    x = L.BatchNormalization(scale=False, name="norm")(L.Conv2D(3, 3, name="conv")(x))
    return head(L.GlobalAveragePooling2D(name="mean")(x))


def adapted(inputs):
    """A dense layer with a low-rank addition, whose kernel is a sum and no variable."""
    return L.Dense(3, lora_rank=2, name="scores")(L.Flatten()(L.Conv2D(4, 3, name="conv")(inputs)))


def one_cell(inputs):
    return head(L.Flatten(name="flat")(L.Conv2D(20, 8, name="conv")(inputs)))


def channels_first(inputs):
    return head(L.Flatten(data_format="channels_first", name="flat")(L.Conv2D(4, 3, name="conv")(inputs)))


def normalised_row(inputs):
    """A row of cells that is normalised: the column shows 72 cells, and only two filters made them."""
    x = L.Flatten(name="flat")(L.Conv2D(2, 3, name="conv")(inputs))
    return head(L.BatchNormalization(name="normed")(x))


def activated_row(inputs):
    x = L.Conv2D(2, 3, name="conv_2")(L.Conv2D(2, 3, name="conv")(inputs))
    return head(L.ReLU(name="active")(L.Flatten(name="flat")(x)))


def pooled_by_operations(inputs):
    x = keras.ops.max_pool(L.Conv2D(4, 3, name="conv")(inputs), 2)
    return head(L.Flatten()(keras.ops.average_pool(x, (2, 2), padding="same")))


def sigmoid_and_nothing(inputs):
    """As under mixed precision: the probability is cast, and nothing else."""
    x = L.Dense(1, "sigmoid", name="scores")(L.Flatten()(L.Rescaling(1 / 255)(inputs)))
    return L.Activation("linear", dtype="float32", name="cast")(x)


def moved(inputs):
    """Padded on one side and cut on the other: the shape comes back, and every value stands elsewhere."""
    x = L.ZeroPadding2D(((1, 0), (1, 0)), name="padded")(L.Conv2D(4, 3, name="conv")(inputs))
    return head(L.GlobalAveragePooling2D(name="mean")(L.Cropping2D(((0, 1), (0, 1)), name="cut")(x)))


def rows_and_back(inputs):
    x = L.LayerNormalization(name="normed")(L.Reshape((36, 4))(L.Conv2D(4, 3, name="conv")(inputs)))
    return head(L.Flatten()(L.Reshape((6, 6, 4), name="back")(x)))


def added_rows(inputs):
    x = L.Dense(4, name="dense")(L.Reshape((64, 3))(inputs))
    x = L.Add(name="added")([x, L.Dense(4, name="other")(x)])
    return head(L.GlobalAveragePooling1D()(L.Concatenate(name="joined")([x, L.LayerNormalization(name="normed")(x)])))


def mean_over_channels(inputs):
    """As long as a mean over the map, for there are as many rows as channels."""
    return head(keras.ops.mean(L.Conv2D(8, 3, padding="same", name="conv")(inputs), axis=(1, 3)))


def activations_of_all(inputs):
    x = L.Conv2D(4, 3, activation=L.PReLU(shared_axes=[1, 2]), name="conv")(inputs)
    x = L.Activation("sparsemax", name="sparse")(x)
    x = L.Dense(4, activation=L.Softmax(), name="dense")(L.Flatten()(x))
    return L.Dense(3, activation=L.Softmax(), name="scores")(x)


def inverted(inputs):
    x = L.Normalization(mean=[1.0, 2, 3], variance=[4.0, 4, 9], invert=True, name="inverse")(inputs)
    return head(L.Flatten()(L.Conv2D(4, 3, name="conv")(x)))


def dotted(inputs):
    """A layer with the very path of another one, within a network of its own."""
    inner = keras.Input((8, 8, 3))
    base = keras.Model(inner, L.Conv2D(4, 3, name="conv")(inner), name="base")
    return head(L.Flatten()(L.Conv2D(2, 3, name="base.conv")(base(inputs))))


def enlarging(inputs):
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", name="same")(inputs)
    x = L.Conv2DTranspose(3, (2, 5), strides=(3, 2), name="valid", activation="relu")(x)
    x = L.Conv2DTranspose(3, 4, strides=2, padding="same", name="even")(L.AveragePooling2D(4)(x))
    x = L.Conv2DTranspose(3, 3, dilation_rate=2, padding="same", name="dilated")(x)
    x = L.Conv2DTranspose(3, 2, strides=3, name="apart")(x)
    return head(L.UpSampling2D((2, 3), name="repeated")(x))


def smooth(inputs):
    return head(L.UpSampling2D(2, interpolation="bilinear", name="smooth")(L.Conv2D(3, 3)(inputs)))


def extremes(inputs):
    one, other = L.Conv2D(4, 3, name="one")(inputs), L.Conv2D(4, 3, name="other")(inputs)
    least = L.Minimum(name="least")([one, other, L.GlobalMaxPooling2D(keepdims=True)(one)])
    return head(L.Concatenate()([L.Maximum(name="most")([one, other]), L.ReLU()(least)]))


def normalised_by_place(inputs):
    x = L.LayerNormalization(name="layer")(L.Conv2D(6, 3, name="conv")(inputs))
    x = L.RMSNormalization(name="rms")(L.Conv2D(6, 1)(x))
    x = L.GroupNormalization(3, name="groups")(L.Conv2D(6, 1)(x))
    x = L.GroupNormalization(-1, center=False, scale=False, name="instance")(L.Conv2D(6, 1)(x))
    x = L.UnitNormalization(name="length")(L.Conv2D(6, 1)(x))
    x = L.LayerNormalization(rms_scaling=True, name="spread")(L.Conv2D(6, 1)(x))
    x = L.LayerNormalization(axis=[1, 2, 3], name="all")(L.Conv2D(6, 1)(x))
    x = L.LayerNormalization(name="vector")(L.Dense(5)(L.Flatten()(x)))
    return L.Dense(3, activation="softmax", name="classes")(x)


def numbers(inputs):
    x = L.Conv2D(4, 3, name="conv")(inputs)
    x = x * L.ReLU(6.0)(x + 3.0) * (1 / 6)
    x = keras.ops.divide(1 - L.Conv2D(4, 1)(x), 2) - 0.5
    return head(2 - x * np.float32([1, -2, 3, 0.5]))


def numbers_by_row(inputs):
    x = L.Conv2D(4, 5, name="conv")(inputs) * np.float32([[[1]], [[2]], [[3]], [[4]]])
    return head(L.ReLU()(L.Conv2D(4, 1)(x)))


def rows_on_maps(inputs):
    x = L.Conv2D(4, 5, name="conv")(inputs)
    return head(L.Add(name="sum")([x, L.Reshape((4, 4))(L.Dense(16)(L.Flatten()(x)))]))


def joined_rows(inputs):
    x = L.Reshape((16, 6))(L.Conv2D(6, 2, strides=2)(inputs))
    return head(L.Reshape((4, 4, 10))(L.Concatenate(axis=2, name="joined")([x, L.Dense(4)(x)])))


def shifted_sigmoid(inputs):
    x = L.BatchNormalization(name="norm")(L.Dense(1, name="one")(L.GlobalAveragePooling2D()(inputs)))
    return L.Activation("sigmoid", name="chance")(0.01 * x + 0.5)


class CustomScaleLayer(L.Layer):
    """As in Keras's Inception-ResNet."""

    scale = 0.17

    def call(self, inputs):
        return inputs[0] + inputs[1] * self.scale


def scaled_sum(inputs):
    x = L.Conv2D(4, 3, padding="same", name="conv")(inputs)
    return head(L.ReLU()(CustomScaleLayer(name="scaled")([x, L.Conv2D(4, 1, name="branch")(x)])))


def tokens(inputs):
    x = L.Reshape((16, 6))(L.Conv2D(6, 2, strides=2, name="patches")(inputs))
    y = L.Dense(6, name="second")(L.Dense(12, activation="gelu", name="first")(L.LayerNormalization()(x)))
    return L.Dense(3, activation="softmax")(L.GlobalAveragePooling1D(name="mean")(L.Add(name="sum")([x, y])))


BUILDS = {
    build.__name__: build
    for build in (
        rows, convolutional_head, one_convolution, other_axis, attention, two_outputs, leaking, before_the_sum,
        squeezed, over_channels, laid_out_anew, normalised_scores, skip_to_the_head, enlarged, adapted, one_cell,
        channels_first, normalised_row, activated_row, pooled_by_operations, sigmoid_and_nothing, moved, rows_and_back,
        added_rows, mean_over_channels, activations_of_all, inverted, dotted, enlarging, smooth, extremes,
        normalised_by_place, numbers, scaled_sum, tokens, numbers_by_row,
        rows_on_maps, joined_rows, shifted_sigmoid,
    )
}  # fmt: skip


def built(name):
    """A classifier with weights of both signs."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, BUILDS[name](inputs), name=name)
    rng = np.random.default_rng(2)
    drawn = [rng.normal(0, 0.4, weight.shape) for weight in model.weights]
    model.set_weights(
        [np.abs(d) + 0.1 if w.path.endswith("variance") else d for d, w in zip(drawn, model.weights, strict=True)]
    )
    return Classifier(model, tuple("abc")[: max(2, model.outputs[0].shape[-1])], name)


def pixels_of(net):
    return net.fit(np.random.default_rng(3).integers(0, 256, net.input_shape, np.uint8))[0][0]


def looked(net, **options):
    plan = overview.plan(net.model, input_shape=net.input_shape)
    pixels = pixels_of(net)
    measured = overview.measure(net, plan, pixels)
    return plan, overview.glance(plan, measured, lambda path: feature_maps(net, pixels, path)[path][0], **options)


@pytest.mark.parametrize("name", BUILDS)
def test_it_is_shown_folded_without_another_pass_and_unfolded(name):
    net = built(name)
    plan = overview.plan(net.model)
    pixels = pixels_of(net)
    folded = overview.glance(plan, overview.measure(net, plan, pixels), {}.__getitem__)
    _, unfolded = looked(net, opened=[group.id for group in plan.groups()])
    for found in (folded, unfolded):
        assert found.columns[0].column.level == 0
        assert all(np.isfinite(edge.strength) for edge in found.edges)
        assert {edge.end for edge in found.edges} >= {len(found.columns) - 1}


@pytest.mark.parametrize("name", BUILDS)
def test_what_is_said_of_a_channel_is_what_keras_computes(name):
    net = built(name)
    wiring = trace.wired(net, pixels_of(net))
    for path, call in wiring.calls.items():
        values = wiring.value(call.outputs[0])
        channel = values.shape[-1] - 1
        found = trace.unfold(wiring, path, channel)
        np.testing.assert_array_equal(found.result, values[..., channel])
        if found.form == "other":
            continue
        x = found.total.astype(np.float64)
        assert x.shape == found.result.shape
        for step, after in zip(found.steps, found.after, strict=True):
            if step.normalisation is not None:
                x = step.normalisation(x)
            elif step.call is not None:
                x = np.asarray(step.call(np.float32(np.atleast_2d(x)))).reshape(x.shape)
            elif step.kind != "same":
                x = after
            np.testing.assert_allclose(x, after, atol=1e-4 * max(1.0, float(np.abs(after).max())))


@pytest.mark.parametrize("name", BUILDS)
def test_a_value_is_traced_to_keras_s_own_or_not_at_all(name):
    net = built(name)
    picture = np.random.default_rng(3).integers(0, 256, net.input_shape, np.uint8)
    values = trace.wired(net, picture)
    for path, call in values.calls.items():
        given = values.value(call.outputs[0])
        at = (given.shape[0] - 1, given.shape[1] - 1) if given.ndim == 3 else (0, 0)
        try:
            found = trace.trace_unit(net, picture, path, *at, 0)
        except LayerError:
            continue
        assert found.output == given[(*at, 0) if given.ndim == 3 else 0]
        if all(step.kind == "same" for step, _ in found.steps):
            assert found.total == pytest.approx(found.output, abs=1e-4 * max(1.0, float(np.abs(given).max())))


@pytest.mark.parametrize("name", ["moved", "rows_and_back", "mean_over_channels"])
def test_what_does_not_stay_in_its_place_is_not_told_as_a_sum(name):
    net = built(name)
    wiring = trace.wired(net, pixels_of(net))
    path = {"moved": "cut", "rows_and_back": "back", "mean_over_channels": None}[name]
    path = path or next(path for path in wiring.calls if path.startswith("mean"))
    assert trace.unfold(wiring, path, 1).form == "other"
    with pytest.raises(LayerError):
        trace.trace_unit(net, np.zeros(net.input_shape, np.uint8), path, 0, 0, 1)


KNOWN = {
    "enlarging": {"same": "convolution", "valid": "convolution", "repeated": "copy"},
    "smooth": {"smooth": "other"},
    "extremes": {"most": "maximum", "least": "minimum"},
    "scaled_sum": {"scaled": "sum"},
    "added_rows": {"added": "sum"},
    "rows_on_maps": {"sum": "other"},
    "joined_rows": {"joined": "copy"},
    "tokens": {"patches": "convolution", "first": "convolution", "second": "convolution", "sum": "sum", "mean": "mean"},
}


@pytest.mark.parametrize("name", KNOWN)
def test_how_a_layer_makes_its_values_is_known(name):
    net = built(name)
    wiring = trace.wired(net, pixels_of(net))
    assert {path: trace.unfold(wiring, path, 0).form for path in KNOWN[name]} == KNOWN[name]


@pytest.mark.parametrize(("name", "unknown"), [("normalised_by_place", {"all"}), ("numbers", set())])
def test_what_follows_a_sum_is_told_in_numbers(name, unknown):
    net = built(name)
    wiring = trace.wired(net, pixels_of(net))
    steps = {step.path: step for path in wiring.calls for step in trace.unfold(wiring, path, 0).steps}
    assert {path for path, step in steps.items() if step.kind == "other"} == unknown
    assert any(step.normalisation for step in steps.values())


def test_a_softmax_that_is_a_layer_ends_a_network():
    net = built("activations_of_all")
    assert net.predict(np.zeros((1, *net.input_shape), np.uint8)).sum() == pytest.approx(1)
    paths = [call.path for call in visits(built("dotted").model)]
    assert len(set(paths)) == len(paths)


def test_a_probability_that_is_only_cast_has_a_rest_to_one():
    net = built("sigmoid_and_nothing")
    found = trace.unfold(trace.wired(net, pixels_of(net)), "cast", 0)
    other = opposite(found)
    assert other.result.item() == pytest.approx(1 - found.result.item())
    assert [each.item() for each in other.after] == pytest.approx([1 - each.item() for each in found.after])
    assert other.total.item() == pytest.approx(-found.total.item())


def test_a_slope_below_zero_counts_by_its_magnitude():
    net = built("leaking")
    plan = overview.plan(net.model)
    measured = overview.measure(net, plan, pixels_of(net))
    leak = next(call for call in visits(net.model) if call.path == "leak")
    values = feature_maps(net, pixels_of(net), "leak")["leak"][0]
    assert (values < 0).any()
    np.testing.assert_allclose(measured.amounts.sizes[leak.outputs[0]], np.abs(values).sum(axis=(0, 1)), rtol=1e-4)


def test_an_activation_that_stands_alone_is_a_step():
    net = built("before_the_sum")
    found = trace.unfold(trace.wired(net, pixels_of(net)), "alone", 1)
    assert (found.form, [step.name for step in found.steps]) == ("copy", ["relu"])
    np.testing.assert_allclose(np.maximum(found.total, 0), found.result)


def test_a_gate_multiplies():
    net = built("squeezed")
    found = trace.unfold(trace.wired(net, pixels_of(net)), "excite", 2)
    one, other = found.sources
    np.testing.assert_allclose(one.values * other.values, found.result, rtol=1e-5)


def test_what_follows_the_last_sum_may_turn_the_sign():
    signs = {}
    for gain in (1.0, -1.0):
        net = built("normalised_scores")
        net.model.get_layer("norm").gamma.assign([gain] * 3)
        _, found = looked(net)
        signs[gain] = {(e.out, e.into): e.sign for e in found.edges if e.end == len(found.columns) - 1}
        order = found.columns[-1].channels.tolist()
        signs[gain] = {(out, order[into]): sign for (out, into), sign in signs[gain].items()}
    shared = signs[1.0].keys() & signs[-1.0].keys()
    assert shared
    assert all(signs[1.0][edge] == -signs[-1.0][edge] for edge in shared)


def test_the_other_of_two_classes_has_every_step_turned_round():
    net = built("shifted_sigmoid")
    wiring = trace.wired(net, pixels_of(net))
    found = opposite(trace.unfold(wiring, "chance", 0))
    x = float(found.total)
    for step, after in zip(found.steps, found.after, strict=True):
        x = step.normalisation(x) if step.normalisation else float(step.call(np.float32([x]))[0])
        assert x == pytest.approx(float(after), rel=1e-4)
    chance = net.predict(np.random.default_rng(3).integers(0, 256, net.input_shape, np.uint8))[0, 0]
    assert float(found.result) == pytest.approx(chance, rel=1e-4)


def test_places_laid_out_anew_have_no_exact_edges():
    net = built("laid_out_anew")
    plan, found = looked(net)
    names = [shown.column.group.told.path for shown in found.columns]
    edges = [edge for edge in found.edges if edge.end == names.index("conv")]
    assert edges or "conv" not in names
    assert plan.stages


def test_weights_that_are_no_numbers_are_a_sentence():
    net = built("before_the_sum")
    net.model.get_layer("conv").bias.assign([np.nan] * 4)
    plan = overview.plan(net.model)
    with pytest.raises(ModelError, match="not a number"):
        overview.measure(net, plan, pixels_of(net))


def test_a_padded_value_is_not_traced_to_the_wrong_place():
    inputs = keras.Input((8, 8, 3))
    x = L.ZeroPadding2D(1, name="pad")(L.Conv2D(2, 3, name="conv")(inputs))
    net = Classifier(keras.Model(inputs, head(x)), tuple("abc"), "padded")
    with pytest.raises(LayerError, match="not known"):
        trace.trace_unit(net, pixels_of(net), "pad", 0, 0, 0)
    assert trace.unfold(trace.wired(net, pixels_of(net)), "pad", 0).form == "other"


def test_a_class_that_is_asked_for_is_among_those_shown():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, head(L.GlobalAveragePooling2D()(inputs), 30))
    net = Classifier(model, [str(each) for each in range(30)], "many")
    _, plain = looked(net)
    hidden = next(index for index in range(30) if index not in plain.columns[-1].channels)
    _, found = looked(net, pinned={"scores": [hidden]})
    assert hidden in found.columns[-1].channels
    assert len(found.columns[-1].channels) == 8


def test_shared_layers_are_counted_once():
    inputs = keras.Input((8, 8, 3))
    conv = L.Conv2D(3, 1, name="conv")
    model = keras.Model(inputs, head(L.Add()([conv(inputs), conv(conv(inputs))])))
    plan = overview.plan(model)
    assert sum(overview.parameters_of(group, plan.parameters) for group in plan.stages) == 12


def test_a_network_of_thousands_of_layers_is_planned():
    inputs = x = keras.Input((4, 4, 1))
    for _ in range(900):
        x = L.MaxPooling2D(1)(x)
    plan = overview.plan(keras.Model(inputs, head(x)))
    assert len(plan.stages) <= 9


@pytest.mark.parametrize(("name", "told"), [("leaking", True), ("one_cell", False), ("channels_first", False)])
def test_a_sum_is_told_map_by_map_where_the_row_keeps_the_maps_cells_in_order(name, told):
    net = built(name)
    found = trace.unfold(trace.wired(net, pixels_of(net)), "scores", 1)
    assert found.form == "dense"
    assert (found.flattened is not None) == told
    assert (found.sources[0].place is None) == (name == "channels_first")
