"""Where the keys of a network are kept after its ceremony.

::

    DIRECTORY/
      genesis.cbor                 what every party begins with
      network-id                   its hash in hexadecimal: what genesis is compared with
      certificates/*.cbor          one per key, signed by the root
      root/root.key
      registry/block.key
      auditor/auditor.key
      officers/LABEL/officer.key   and person: the random id, in hexadecimal
      operators/CODE/certify.key, vault.key, transport.key

==========  ==================  =====================  ==============  ===========================
key         holder              place                  rotation        when lost or stolen
==========  ==================  =====================  ==============  ===========================
root        central bank        offline, in a safe     never           a new network
officer     one person          the person's own       `certify`,      `revoke` by two others;
                                device                 before its end  two must always remain
block       registry's service  beside the service     a new network   stop the registry
                                                       for now
auditor     auditor             the auditor's own      `certify`       `revoke`
certify     operator            operator's service     `certify`       `revoke`; wallets opened
                                                                       with it are looked through
vault       operator            operator's service     `certify`       `revoke` at once: it spends
                                                                       the operator's own stock
transport   operator            operator's service     `certify`       `revoke`: it reads what the
                                                                       operator may read
==========  ==================  =====================  ==============  ===========================

Each holder's directory is a key store of its own with a passphrase of its own, to be handed over
as a whole. What the files look like is `jiaozi.service.keys`.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT_KEY = "root"
BLOCK_KEY = "block"
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
