"""What travels about lists of runs and their names."""

from pydantic import BaseModel, Field

from fade_server.routes.schemas import Wire


class RunChange(Wire):
    """New names of a run; what is left out stays."""

    name: str | None = Field(default=None, description="Null for the run's id.")
    tags: list[str] = Field(default_factory=list)
    group: str | None = None


class CountsOut(BaseModel):
    """Open alerts by severity."""

    critical: int
    warning: int


class ProjectOut(BaseModel):
    """A project that has runs."""

    project: str
    runs: int
    open_alerts: CountsOut


class ProjectsOut(BaseModel):
    """Projects, by name."""

    projects: list[ProjectOut]
