"""One file per figure: its ``data(runs)`` decides all that is shown, ``chart.figure`` draws it."""
