"""The Training page: a network learns while one watches, and then is asked what it gets wrong."""

from explorer.ui import (
    frame,
    links,
    trained,
    training_asking,
    training_compare,
    training_explanation,
    training_judging,
    training_options,
    training_stage,
    visitors,
)

with frame.page(
    "Train it live",
    "Press *Train* and watch a network learn: its mistakes on every batch, its filters, and what it says of pictures "
    "that it has never seen.",
):
    visit = links.restore("training", training_options.CONTROLS)
    missing = training_options.without_layers(visit)
    frame.notes([*visit.notes, *([missing] if missing else [])])
    training_options.choose()
    seen = training_stage.look(arrived=visit.arrived)
    links.share("training", training_options.CONTROLS)
    training_stage.draw(seen)

    frame.explain(
        "training",
        training_options.TABS,
        training_explanation.explanation(seen),
        {
            "wrong": lambda: training_judging.draw(seen.run, seen.story),
            "ask": lambda: training_asking.draw(seen.run, seen.story),
            "network": lambda: training_stage.draw_described(seen),
            "compare": training_compare.draw,
        },
    )
    visitors.remember()
    trained.warm()
