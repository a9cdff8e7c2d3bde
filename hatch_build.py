"""Put the migrations and the example into the wheel, beside the code that uses them.

A hook, and not ``force-include``: that would freeze a copy of both in an editable install.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = {
    "migrations": "fade_server/migrations",
    "examples/countdown": "fadewatch/examples/countdown",
}


class ShipFolders(BuildHookInterface[Any]):
    """Map repository folders into the packages of a standard wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders, unless the install is editable."""
        if version == "standard":
            build_data["force_include"].update(SHIPPED)
