"""Runs state machines against registries on a PostgreSQL server."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from jiaozi.storage.embedded import EmbeddedPostgres


class ServerMachine(RuleBasedStateMachine):
    """Makes a database of its own on the server for each run."""

    server: EmbeddedPostgres


def run(
    kind: type[ServerMachine],
    server: EmbeddedPostgres,
    *,
    examples: int,
    steps: int,
    at_length: bool,
) -> None:
    """Run a machine; only at length what fails is made smaller, which takes minutes."""
    run_state_machine_as_test(
        type(kind.__name__, (kind,), {"server": server}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=not at_length,
            phases=(Phase.reuse, Phase.generate, Phase.shrink) if at_length else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
