"""What the spare process does before it is needed: it trains a tiny network, so that a real one begins at once.

It goes the way of a real one, because Keras and TensorFlow import and make much when it is needed first.
"""

import numpy as np
import tensorflow as tf

from explorer import device
from explorer.augmentation import Augmentation
from explorer.augmentation.feeding import feeds
from explorer.blocks import CONVOLUTION, DENSE, DROPOUT, FLATTEN, MAX_POOLING, Block, loss_name
from explorer.models.recipes import build
from explorer.training import learning
from explorer.training.config import TrainConfig

STACK = tuple(Block(kind) for kind in (CONVOLUTION, MAX_POOLING, FLATTEN, DROPOUT, DENSE))
SHAPE, CLASSES, PICTURES = (8, 8, 1), 3, 4


def warm() -> None:
    """Build, train and ask the tiny network once."""
    device.prepare()
    model = build(STACK, SHAPE, CLASSES)
    model.compile(
        optimizer=learning.optimizer_of(TrainConfig()),
        loss=loss_name(CLASSES),
        metrics=[learning.accuracy_of(CLASSES)],
    )
    pictures = np.zeros((PICTURES, *SHAPE), np.uint8), np.arange(PICTURES) % CLASSES
    train, validation = feeds(pictures, pictures, Augmentation(), batch_size=PICTURES, classes=CLASSES)
    model.fit(train, validation_data=validation, shuffle=False, verbose=0)
    learning.asker(model)(tf.zeros((PICTURES, *SHAPE)))
