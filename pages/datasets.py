"""The Datasets page: the pictures that a network will learn from, by class and split, with their flaws."""

from explorer.ui import (
    dataset_explanation,
    dataset_loading,
    dataset_options,
    dataset_stage,
    dataset_survey,
    frame,
    links,
)

with frame.page(
    "Datasets",
    "Look through the pictures before a network learns from them: a column for each class. Click one to take it along, "
    "or bring your own, sorted into folders.",
):
    visit = links.restore("datasets", dataset_options.CONTROLS)
    frame.notes(visit.notes)
    asked = dataset_options.choose()
    opened = dataset_loading.load(asked)
    seen, notes = dataset_stage.look(opened, dark=frame.is_dark())
    frame.notes(notes)
    links.share("datasets", dataset_options.CONTROLS)
    dataset_stage.draw(seen)

    frame.explain(
        "datasets",
        dataset_options.TABS,
        dataset_explanation.explanation(seen),
        {
            "means": lambda: dataset_survey.means(seen),
            "colours": lambda: dataset_survey.colours(seen),
            "copies": lambda: dataset_survey.copies(seen),
            "cues": lambda: dataset_survey.cues(seen),
        },
    )
