"""The same network before it learned anything."""

import keras

from explorer.models.classifier import Classifier


def untrained(classifier: Classifier, *, seed: int = 0) -> Classifier:
    """A network of the same layers, with weights drawn anew by their own initializers.

    What a Normalization layer measured on pictures is no weight that was learned; it stays.

    Args:
        classifier: the network; it is not changed.
        seed: the same seed draws the same weights.

    >>> net = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    >>> trained = Classifier(net, ("cat", "dog"), "cats and dogs")
    >>> untrained(trained).name, untrained(trained).key == untrained(trained).key, untrained(trained).key == trained.key
    ('cats and dogs, untrained', True, False)
    """
    drawn = iter(range(seed * 1_000_003, 2**31))
    made: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def fresh(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        for name, initializer in config.items():
            if name.endswith("initializer") and isinstance(initializer, dict) and "seed" in initializer["config"]:
                initializer["config"]["seed"] = next(drawn)
        made.append((layer, type(layer).from_config(config)))
        return made[-1][1]

    model = keras.models.clone_model(classifier.model, clone_function=fresh, recursive=True)
    for old, new in made:
        if isinstance(old, keras.layers.Normalization) and old.get_weights():
            new.set_weights(old.get_weights())
            new.finalize_state()
    return Classifier(model, classifier.class_names, f"{classifier.name}, untrained")
