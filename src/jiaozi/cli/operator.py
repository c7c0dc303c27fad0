"""`jiaozi operator`: make an operator's keys, serve its wallets."""

from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli import (
    central_bank_approval,
    new_key,
    operator_life,
    operator_offline,
    operator_privacy,
    operator_reconcile,
    operator_screening,
)
from jiaozi.cli.arguments import address_of, network_id_of
from jiaozi.cli.configuration import Config, configured
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.new_key import OwnKeyStore
from jiaozi.cli.operator_demo import demo_deposit_command
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    add_commands,
    fail,
    print_facts,
    print_json,
    stdout,
)
from jiaozi.operator.configuration import OperatorConfiguration
from jiaozi.operator.customers.sms import HttpSms
from jiaozi.operator.http.serve import serve_operator
from jiaozi.operator.keys import KEY_NAMES, create_keys, load_keys
from jiaozi.operator.registry.join import OtherNetwork
from jiaozi.operator.screening.list_file import ListBroken, ListFile
from jiaozi.operator.screening.model import NoScreening, Screening
from jiaozi.operator.settings import OperatorSettings
from jiaozi.service.key_locations import open_store
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party


def keys_command(
    keys: Annotated[Path, typer.Option(help="The directory to put the keys in.")],
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an operator's keys; the public ones go to the central bank to be certified.

    Beside the three signing keys are three secrets, for personal data and PINs. Keep copies of all
    of them, away from the database and its backups: without wrapping.secret the data cannot be
    read.
    """
    with failures_told(as_json=as_json):
        store = open_store(key_store or str(keys), lambda: passphrase(passphrase_file, is_new=True))
        public = {KEY_NAMES[use]: key.hex() for use, key in create_keys(store, keys).items()}
    if as_json:
        print_json(public)
    else:
        print_facts(public)


def serve_command(
    config: Config = None,
    code: Annotated[int | None, typer.Option(help="The operator's code: its prefix.")] = None,
    dsn: Annotated[
        str | None, typer.Option(help="The operator's own PostgreSQL database; or JIAOZI_DSN.")
    ] = None,
    registry: Annotated[str | None, typer.Option(help="Where the central bank serves.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="The directory of `jiaozi operator keys`.")
    ] = None,
    key_store: OwnKeyStore = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; by default 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="By default 10241; 0 takes a free one.")] = None,
    network_id: Annotated[
        str | None,
        typer.Option(
            metavar="HEX",
            help="The network's id, learnt by another way; else the registry is trusted once.",
        ),
    ] = None,
    sms_url: Annotated[
        str | None, typer.Option(help="Takes codes as a POST of {phone, code} in JSON.")
    ] = None,
    demo: Annotated[
        bool | None,
        typer.Option("--demo", help="Tell codes in the answer; give deposits to whoever asks."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Address of another operator, to compare headers with; repeat it."),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Serve an operator until SIGTERM or Ctrl-C; all settings also come by file or environment."""
    given = {
        "operator_code": code,
        "dsn": dsn,
        "registry_url": registry,
        "keys": keys,
        "key_store": key_store,
        "host": host,
        "port": port,
        "network_id": network_id,
        "sms_url": sms_url,
        "demo": demo,
        "peers": None if peer is None else frozenset(peer),
        "passphrase_file": passphrase_file,
    }
    asked = configured(OperatorConfiguration, config, given)
    if asked.sms_url is None and not asked.demo:
        raise typer.BadParameter("codes need --sms-url, or --demo to tell them in the answer")
    name = f"{asked.operator_code:04d}"
    configure_logs(f"operator-{name}", level=asked.log_level)
    with failures_told():
        settings = _settings(asked)
        try:
            run_party(
                lambda: serve_operator(settings),
                host=asked.host,
                port=asked.port,
                on_ready=lambda url: stdout.print(f"Operator {name} serves at {url}"),
                drain_timeout_s=asked.drain_timeout_s,
                connections_max=asked.connections_max,
            )
        except OtherNetwork as error:
            advice = "Nothing was changed: check --registry, --network-id and --dsn"
            what = str(error).rstrip(".")
            fail("other_network", what, advice, exit_code=ExitCode.USAGE, as_json=False)


def _screening(file: Path | None) -> Screening:
    try:
        return NoScreening() if file is None else ListFile(file)
    except ListBroken as broken:
        advice = "Nothing was started: `jiaozi operator screening check` tells more"
        what = str(broken).rstrip(".")
        fail("list_broken", what, advice, exit_code=ExitCode.USAGE, as_json=False)


def _settings(asked: OperatorConfiguration) -> OperatorSettings:
    """Open what the settings name."""
    network_id = (
        None if asked.network_id is None else network_id_of(asked.network_id, "--network-id")
    )
    store = open_store(
        asked.key_store or str(asked.keys), lambda: passphrase(asked.passphrase_file)
    )
    return OperatorSettings(
        code=asked.operator_code,
        dsn=asked.dsn,
        registry_url=address_of(asked.registry_url, "--registry"),
        keys=load_keys(store, asked.keys),
        network_id=network_id,
        sms=None if asked.sms_url is None else HttpSms(asked.sms_url),
        demo=asked.demo,
        wallet_origin=asked.wallet_origin,
        peers=tuple(sorted(asked.peers)),
        batch_limits=asked.batch_limits,
        rates=asked.rates,
        screening=_screening(asked.screening_list),
        source_codes_max=asked.address_codes_per_hour,
        database_connections_max=asked.database_connections_max,
        statement_timeout_ms=asked.statement_timeout_ms,
        registry_timeout_s=asked.registry_timeout_s,
    )


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make an operator's keys, serve its wallets.",
)
add_commands(
    app,
    {
        "Keys and serving": {
            "keys": keys_command,
            "new-key": new_key.new_key_command,
            "serve": serve_command,
            "demo-deposit": demo_deposit_command,
        },
        "Wallets": {
            "freeze": operator_life.freeze_command,
            "unfreeze": operator_life.unfreeze_command,
            "rebind": operator_life.rebind_app,
            "screening": operator_screening.app,
        },
        "Devices that pay without network": {
            "guarantee": operator_offline.guarantee_app,
            "offline": operator_offline.offline_app,
        },
        "Books": {
            "reconcile": operator_reconcile.reconcile_command,
            "judge-equivocations": operator_reconcile.judge_command,
        },
        "Orders that the central bank draws up": {
            "show": central_bank_approval.show_command,
            "approve": central_bank_approval.approve_command,
        },
        "Personal data": {
            "export-person": operator_privacy.export_command,
            "apply-terms": operator_privacy.terms_command,
            "rotate-wrapping-key": operator_privacy.rotate_command,
            "drop-wrapping-key": operator_privacy.drop_command,
        },
    },
)
