"""Imported by the spare process: TensorFlow, and one step of a tiny network, so that the first real one is quick."""

import keras
import numpy as np

from explorer import device
from explorer.training import learning

device.prepare()
WARM = keras.Sequential(
    [keras.Input((2, 2, 1)), keras.layers.Conv2D(1, 1), keras.layers.Flatten(), keras.layers.Dense(2)]
)
WARM.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
WARM.fit(np.zeros((2, 2, 2, 1), np.float32), np.eye(2, dtype=np.float32), verbose=0)
READY = learning.work
"""What the process goes on with."""
