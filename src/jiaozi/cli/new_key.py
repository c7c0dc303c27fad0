"""`new-key` of an institution: make a key that is to follow another, or the first of its name."""

from typing import Annotated

import typer

from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.output import AsJson, print_facts, print_json
from jiaozi.service.key_locations import KEY_STORE_VARIABLE, open_store
from jiaozi.service.keys import next_generation

KeyStoreLocation = Annotated[
    str,
    typer.Option(
        "--key-store",
        envvar=KEY_STORE_VARIABLE,
        metavar="DIRECTORY|PKCS11-URI",
        help="Where the keys are: a directory, or pkcs11:token=LABEL?module-path=MODULE.",
    ),
]
OwnKeyStore = Annotated[
    str | None,
    typer.Option(
        "--key-store",
        envvar=KEY_STORE_VARIABLE,
        metavar="DIRECTORY|PKCS11-URI",
        help="Where the signing keys are, such as pkcs11:token=LABEL?module-path=MODULE; "
        "by default beside the rest.",
    ),
]


def new_key_command(
    name: Annotated[str, typer.Argument(metavar="KEY", help="Such as block, officer, vault.")],
    key_store: KeyStoreLocation,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the successor of a key: KEY-2 after KEY. It may do nothing until it is certified."""
    with failures_told(as_json=as_json):
        store = open_store(key_store, lambda: passphrase(passphrase_file))
        made = next_generation(store, name)
        document = {"name": made, "public_key": store.create(made).public_key.hex()}
    if as_json:
        print_json(document)
    else:
        print_facts({"Name": document["name"], "Public key": document["public_key"]})
