"""Routes for what an operator signs of a wallet: statements, their codes, attestations."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.models import StatementCodeBody, StatementCodeView
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.statements.camt053_form import Camt053Form
from jiaozi.operator.statements.csv_form import COLUMNS, CsvForm
from jiaozi.operator.statements.forms import Form
from jiaozi.operator.statements.issue import check_size
from jiaozi.operator.statements.model import period_of
from jiaozi.operator.statements.pdf_form import PdfForm
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.statement_code import read_operators_code, signing_key
from jiaozi.service.openapi import may_refuse, raw_answer, raw_content

FORMS: Mapping[str, type[Form]] = {"csv": CsvForm, "camt053": Camt053Form, "pdf": PdfForm}
_STATEMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The statement, in pieces as it is read. One that breaks off before its "
        "closing record, closing tag or end of file is none.",
        "content": raw_content("text/csv", ",".join(COLUMNS))
        | raw_content("application/xml", "<Document>...</Document>")
        | raw_content("application/pdf", b"%PDF-1.4".hex()),
    }
}


def statement_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["statements"])

    @router.get(
        "/wallets/{number}/statements",
        response_class=StreamingResponse,
        responses=_STATEMENT,
        openapi_extra=may_refuse(Code.STATEMENT_NOT_READY, Code.NAME_NOT_PROVEN, Code.TOO_LARGE),
    )
    async def statement(
        request: Request,
        number: Number,
        first: Annotated[date, Query(alias="from", description="First day, UTC+8.")],
        last: Annotated[
            date | None,
            Query(alias="to", description="Last day, UTC+8; without it up to now."),
        ] = None,
        form_name: Annotated[Literal["csv", "camt053", "pdf"], Query(alias="format")] = "csv",
        holder: Annotated[bool, Query(description="Whether it shall bear your name.")] = False,
    ) -> StreamingResponse:
        """Give all that settled in a period between two balances; up to now, the registry's."""
        own = await access.of_wallet_numbered(request, number)
        period = period_of(first, last, operator.now_ms())
        name = await operator.holder_name(own) if holder else None
        head = await operator.issue_statement.head(own.number, period, name)
        form = FORMS[form_name]
        check_size(head, form)
        file_name = f"statement-{number}-{first}.{form.suffix}"
        return StreamingResponse(
            operator.issue_statement.pieces(head, form(head)),
            media_type=form.media_type,
            headers={"content-disposition": f'attachment; filename="{file_name}"'},
        )

    @router.get(
        "/wallets/{number}/attestation",
        response_class=Response,
        responses=raw_answer(
            "application/cbor", "The attestation: COSE_Sign1 by the operator's certify key", b"\xd2"
        ),
    )
    async def attestation(request: Request, number: Number) -> Response:
        """Attest for an hour that the key which signed is this wallet's, for payment requests."""
        own = await access.of_wallet_numbered(request, number)
        return Response(operator.attest_wallet(own), media_type="application/cbor")

    @router.post(
        "/statements/check",
        openapi_extra=may_refuse(
            Code.SIGNATURE_INVALID, Code.NOT_CANONICAL, Code.TOO_LARGE, Code.SUITE_UNSUPPORTED
        ),
    )
    async def check(body: StatementCodeBody) -> StatementCodeView:
        """Tell what a verification code says, if this operator signed it, under an old key too."""
        return await _view(operator, body)

    return router


async def _view(operator: Operator, body: StatementCodeBody) -> StatementCodeView:
    network, known = operator.joined.network.id, operator.registry.block_keys
    present = operator.issue_statement.certify.public_key
    if (operator.code, present) not in known.certify.spans and signing_key(body.code) == present:
        await known.learn()
    code = read_operators_code(body.code, keys=known.certify, network=network)
    if code.operator != operator.code:
        raise refuse(Code.SIGNATURE_INVALID)
    return StatementCodeView(
        operator=f"{code.operator:04d}",
        wallet=format_number(code.wallet),
        from_ms=code.from_ms,
        until_ms=code.until_ms,
        opening_fen=code.opening_fen,
        incoming_fen=code.incoming_fen,
        outgoing_fen=code.outgoing_fen,
        closing_fen=code.closing_fen,
        entries=code.entries,
        digest=code.digest.hex(),
        height=code.height,
        issued_ms=code.issued_ms,
        bears_name=code.holder is not None,
        holder_matches=None if body.holder is None else code.names(body.holder),
    )
