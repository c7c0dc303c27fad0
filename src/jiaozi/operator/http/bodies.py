"""What all bodies of requests have in common."""

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A request's body: nothing unknown in it, and nothing of it in an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
