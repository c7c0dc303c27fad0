"""Where the keys of a network are kept after its ceremony.

::

    DIRECTORY/
      genesis.cbor                 what every party begins with
      network-id                   its hash in hexadecimal: what genesis is compared with
      certificates/*.cbor          one per key, signed by the root
      root/LABEL.share             of each custodian; or root.key, to try a network
      registry/block.key, list.key
      auditor/auditor.key
      officers/LABEL/officer.key   and person: the random id, in hexadecimal
      operators/CODE/certify.key, vault.key, transport.key

Each holder's directory is a key store of its own with a passphrase of its own, to be handed over
as a whole; what the files look like is `jiaozi.service.keys`. A holder with a token has none, and
the key is in the token under the same name. Who holds which key, how it is changed and what to do
when it is lost or stolen is told by docs/keys.md.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT_KEY = "root"
BLOCK_KEY = "block"
LIST_KEY = "list"
AUDITOR_KEY = "auditor"
OFFICER_KEY = "officer"
CERTIFY_KEY = "certify"
VAULT_KEY = "vault"
TRANSPORT_KEY = "transport"


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """The paths below the directory of a ceremony."""

    directory: Path

    @property
    def genesis(self) -> Path:
        """The signed genesis."""
        return self.directory / "genesis.cbor"

    @property
    def network_id(self) -> Path:
        """The network's id, to be compared by another way."""
        return self.directory / "network-id"

    @property
    def certificates(self) -> Path:
        """The directory of certificates."""
        return self.directory / "certificates"

    @property
    def root(self) -> Path:
        """The key store of the root: to be taken offline."""
        return self.directory / "root"

    @property
    def registry(self) -> Path:
        """The key store of the registry's service."""
        return self.directory / "registry"

    @property
    def auditor(self) -> Path:
        """The key store of the auditor."""
        return self.directory / "auditor"

    def officer(self, label: str) -> Path:
        """Return the key store of one officer."""
        return self.directory / "officers" / label

    def person(self, label: str) -> Path:
        """Return the file with the random id of one officer."""
        return self.officer(label) / "person"

    def operator(self, code: int) -> Path:
        """Return the key store of one operator."""
        return self.directory / "operators" / f"{code:04d}"
