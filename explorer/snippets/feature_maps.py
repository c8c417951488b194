"""The program of the Feature maps page: what one layer makes of a picture."""

from collections.abc import Sequence


def feature_maps_program(layer: str, channels: Sequence[int], scale: str, *, nested: bool, own_layers: bool) -> str:
    """The program for the Feature maps page.

    It reads ``picture.png`` and ``network.keras``, both from the page's downloads, and writes ``maps.npy`` and, for
    a layer with maps, ``grid.png``.

    Args:
        layer: dotted path of the layer.
        channels: those of the grid, in its order; none for a layer without maps.
        scale: one of ``maps.SCALES``.
        nested: Keras's own ``get_layer`` does not reach it, see :func:`explorer.models.graph.in_reach`.
        own_layers: the network begins with a preprocessing layer of this project.

    >>> "get_layer('stem')" in feature_maps_program("stem", [0], "each", nested=False, own_layers=False)
    True
    """
    own = ["import explorer.models.preprocessing  # the network's first layer"] if own_layers else []
    own += ["from explorer.models import tap  # reaches what get_layer does not"] if nested else []
    if nested:
        look = [f"maps = tap(model, [{layer!r}])(pixels)[{layer!r}]"]
    else:
        look = [
            f"layer = keras.Model(model.inputs[0], model.get_layer({layer!r}).output)",
            "maps = layer(pixels, training=False)",
        ]
    return "\n".join(
        [
            *["import cv2", "import keras", "import numpy as np"],
            *(["", *own] if own else []),
            "",
            'picture = cv2.imread("picture.png", cv2.IMREAD_UNCHANGED)',
            "picture = picture[..., None] if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)",
            "pixels = picture[None].astype(np.float32)  # 0 to 255: the preprocessing is inside the network",
            'model = keras.saving.load_model("network.keras")',
            *look,
            "maps = keras.ops.convert_to_numpy(maps)[0]",
            'np.save("maps.npy", maps)',
            'print("shape", maps.shape, "minimum", maps.min(), "maximum", maps.max())',
            *_grid_lines(channels, scale),
            "",
        ]
    )


_SCALED = {
    "each": "(one - one.mean()) / max(one.std(), 1e-12) * 64 + 128  # each map alone",
    "shared": "(one - maps.mean()) / max(maps.std(), 1e-12) * 64 + 128  # one scale for the layer",
    "raw": "(one - maps.min()) * (255 / max(np.ptp(maps), 1e-12))  # from the lowest to the highest value",
}


def _grid_lines(channels: Sequence[int], scale: str) -> list[str]:
    """The maps side by side, scaled as on the page."""
    if not channels:
        return []
    columns = 12
    return [
        "",
        f"channels = {list(channels)}",
        "tiles = []",
        "for channel in channels:",
        "    one = maps[..., channel].astype(np.float64)",
        f"    one = {_SCALED[scale]}",
        "    tiles.append(np.clip(one, 0, 255).astype(np.uint8))",
        f"tiles += [np.full_like(tiles[0], 128)] * (-len(tiles) % {columns})",
        f"rows = [np.hstack(tiles[i : i + {columns}]) for i in range(0, len(tiles), {columns})]",
        'cv2.imwrite("grid.png", cv2.applyColorMap(np.vstack(rows), cv2.COLORMAP_VIRIDIS))',
    ]
