"""A diagnosis as people and machines read it: text, JSON, SARIF, one HTML file.

``checkup``  a run -> its diagnosis; the one place that knows the engine
``text``     for a terminal
``sarif``    for code scanning
``html``     one self-contained file with charts
``charts``   the charts: what they show, and how they are drawn
"""
