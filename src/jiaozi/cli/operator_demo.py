"""`jiaozi operator demo-deposit`: money in a deposit account, from an operator in demo mode."""

from typing import Annotated

import httpx
import typer

from jiaozi.cli.output import AsJson, ExitCode, fail, print_json, stdout
from jiaozi.protocol.money import parse_yuan


def demo_deposit_command(
    phone: Annotated[str, typer.Argument(help="With country code, such as +8613800138000.")],
    amount: Annotated[str, typer.Argument(metavar="YUAN", help="An amount, such as 500.00.")],
    operator: Annotated[
        str, typer.Option(envvar="JIAOZI_OPERATOR_URL", help="The operator's address.")
    ] = "http://127.0.0.1:10241",
    as_json: AsJson = False,
) -> None:
    """Have a deposit account with money in it; operators give it in demo mode only.

    Prints the number of the account.
    """
    try:
        body = {"phone": phone, "amount_fen": parse_yuan(amount)}
        answer = httpx.post(f"{operator}/v1/demo/deposits", json=body, trust_env=False)
        if answer.status_code == httpx.codes.CREATED:
            _tell(str(answer.json()["deposit_id"]), as_json=as_json)
            return
        what = f"The operator refused it: {answer.json()['detail']}".rstrip(".")
    except httpx.TransportError as error:
        what = f"No answer from {operator} ({error})"
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="YUAN") from None
    advice = "Check the address, and that the operator runs with --demo"
    fail("no_deposit", what, advice, exit_code=ExitCode.REFUSED, as_json=as_json)


def _tell(deposit_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"deposit_id": deposit_id})
    else:
        stdout.print(deposit_id)
