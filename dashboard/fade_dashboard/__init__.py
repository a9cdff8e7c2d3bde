"""The dashboard: Dash pages on the FastAPI app, reading the HTTP API only.

``app``       ``create_dashboard`` attaches it; ``content_security_policy`` fits its pages
``api``       the HTTP API as the server side of the dashboard sees it
``shell``     header, navigation, and what every page shares
``pages``     one file a page: ``layout()`` and ``register(app, api)``
``panels``    the list of panels on a run's page
``templates`` what the browser fills: figures without numbers
``figures``   one file a figure: ``data`` decides, ``draw.figure`` draws
``kpis``      the tiles above the panels
``theme``     colours, light and dark
``labels``    what a metric is called on screen
``links``     every address that the dashboard writes
``assets``    what runs in the browser: it fetches the series and fills the figures
"""
