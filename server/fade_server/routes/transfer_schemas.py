"""What travels when whole runs do."""

from pydantic import BaseModel, Field

from fade_server.routes.schemas import RunOut


class FileIn(BaseModel):
    """A form with one file."""

    file: str = Field(json_schema_extra={"format": "binary"})


class ImportedRunOut(BaseModel):
    """One run of a log."""

    run: RunOut
    created: bool = Field(description="It was not there before.")
    accepted: int = Field(description="Steps that were stored.")
    duplicates: int = Field(description="Steps that were there already.")
    format: str
    recognised: dict[str, str] = Field(description="Our name to the log's own key.")
    unknown_keys: dict[str, int] = Field(
        description="Kept under their own names; in how many rows."
    )
    skipped: dict[str, int] = Field(description="What was left out, counted by reason.")
    warnings: list[str]


class ImportedOut(BaseModel):
    """The runs of a log."""

    runs: list[ImportedRunOut]
