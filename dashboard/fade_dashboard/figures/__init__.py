"""One file a figure: its ``data(runs)`` decides all that is shown, ``draw.figure`` draws it."""
