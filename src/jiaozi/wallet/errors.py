"""What can go wrong on a holder's own side, told so that the holder knows what to do.

A party's no is a `Refusal` of the protocol's catalogue. These are the rest: a file, a passphrase,
an operator that does not answer. None of them loses money; each says what to do next.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(kw_only=True, eq=False)
class WalletError(Exception):
    """Something a holder can act on.

    Attributes:
        detail: What happened, as a clause without a full stop.
    """

    code: ClassVar[str]
    advice: ClassVar[str]

    detail: str

    def __str__(self) -> str:
        return f"{self.detail}. {self.advice}."


class KeystoreMissing(WalletError):
    """There is no keystore where one was looked for."""

    code = "keystore_missing"
    advice = "Name the wallet's directory with --dir, or open a wallet with `jiaozi wallet open`"


class KeystoreExists(WalletError):
    """A keystore stands where a new one was to be written; it is never overwritten."""

    code = "keystore_exists"
    advice = "Nothing was changed. Name another directory with --dir to open a second wallet"


class KeystoreDamaged(WalletError):
    """The file is no keystore, or was changed since it was written."""

    code = "keystore_damaged"
    advice = "Put a backup of the file in its place. The money is at the registry, untouched"


class PassphraseWrong(WalletError):
    """The passphrase does not open the keystore, or the file was tampered with."""

    code = "passphrase_wrong"
    advice = "Nothing was sent. Try again; the passphrase cannot be recovered"


class PassphraseUnfit(WalletError):
    """A new passphrase is too short to protect a key."""

    code = "passphrase_unfit"
    advice = "Nothing was written. Choose a longer one, such as five unrelated words"


class PassphraseMissing(WalletError):
    """Nobody is there to be asked for the passphrase."""

    code = "passphrase_missing"
    advice = (
        "Set JIAOZI_WALLET_PASSPHRASE, name a file with --passphrase-file, or use a terminal. "
        "Nothing was sent"
    )


class CodeMissing(WalletError):
    """A code was sent to a phone, and nobody is there to type it."""

    code = "code_missing"
    advice = "No wallet was opened yet. Run the same command with --registration and --code"


class WalletNotOpen(WalletError):
    """The keystore exists, but the operator has not confirmed the wallet yet."""

    code = "wallet_not_open"
    advice = "Run `jiaozi wallet open` again: it goes on where it stopped, with the same key"


class JournalUnavailable(WalletError):
    """The wallet's journal cannot be read or written."""

    code = "journal_unavailable"
    advice = (
        "No order is sent before it is stored, and what was sent stays open in the journal. "
        "Free some disk space or restore the file, then run `jiaozi wallet resume`"
    )


class JournalMissing(WalletError):
    """The journal of an open wallet is gone, or was emptied; this is told once."""

    code = "journal_missing"
    advice = (
        "Nothing was sent. What was ordered and is not finished is not known here any more: put a "
        "backup of the file in its place. Without one, see what is paid in `jiaozi wallet history` "
        "before you pay anything again, payroll files above all, and wait 7 days for what may "
        "still be open. A new journal was begun: the same command goes on with it"
    )


class NoAnswer(WalletError):
    """No definite answer came before the deadline: what was asked may have been done."""

    code = "no_answer"
    advice = (
        "Nothing is lost, and nothing happens twice. Check the operator's address and the "
        "connection, then run the same command again"
    )


class AnswerMalformed(WalletError):
    """The operator's answer is not what the protocol promises."""

    code = "answer_malformed"
    advice = (
        "What was sent stays open in the journal. Check the operator's address and the versions "
        "on both sides, then run `jiaozi wallet resume`"
    )


class NetworkDiffers(WalletError):
    """The operator serves another network than the one this wallet belongs to."""

    code = "network_differs"
    advice = "Nothing was sent. Check the operator's address with the operator, by another way"


class OrderUnknown(WalletError):
    """The journal holds no such order."""

    code = "order_unknown"
    advice = "Take the id from `jiaozi wallet history`"


class WalletMoved(WalletError):
    """The keys were exported: the wallet goes on where they were imported."""

    code = "wallet_moved"
    advice = (
        "Nothing was sent. Use the wallet where its keys were imported, or import the exported "
        "file into another directory here. Reading and `jiaozi wallet resume` go on"
    )


class ExportDamaged(WalletError):
    """The file is no export of a wallet, or was changed since it was written."""

    code = "export_damaged"
    advice = "Nothing was changed. Take the file as it was written by `jiaozi wallet export-keys`"


class ExportFailed(WalletError):
    """The exported file cannot be read or written."""

    code = "export_failed"
    advice = "Nothing was changed: the wallet goes on where it is. Name another file"


class AlreadyPaid(WalletError):
    """An order for this has settled, or may settle yet."""

    code = "already_paid"
    advice = "Nothing was sent. Look at `jiaozi wallet history`; `resume` finishes what is open"


class RequestExpired(WalletError):
    """The payee does not wait for this payment any more."""

    code = "request_expired"
    advice = "Nothing was sent. Ask the payee for a new request"


class RequestUnproven(WalletError):
    """Nobody attests that the request is by the wallet that it asks to pay."""

    code = "request_unproven"
    advice = (
        "Nothing was sent. Compare number and amount with the payee by another way, then pay with "
        "--accept-unproven"
    )


class NotReturnable(WalletError):
    """There is nothing, or not as much, to send back."""

    code = "not_returnable"
    advice = "Nothing was sent. Take an incoming payment and what is left of it from the history"


class StatementCutOff(WalletError):
    """A statement broke off before its end."""

    code = "statement_cut_off"
    advice = "What came is no statement and was not kept. Ask for it again"


class ReaderSoftwareMissing(WalletError):
    """The library that speaks with card readers is not installed."""

    code = "reader_software_missing"
    advice = (
        "Install Debian's pcscd, libpcsclite-dev and gcc, then `pip install 'jiaozi[card]'`. "
        "Everything but cards works without"
    )


class ReaderServiceDown(WalletError):
    """pcscd does not run, or does not let us in."""

    code = "reader_service_down"
    advice = (
        "Start pcscd (`systemctl start pcscd`), or name the socket of the one that runs in "
        "PCSCLITE_CSOCK_NAME. Then do the same again: a card pays nothing twice"
    )


class ReaderUnknown(WalletError):
    """No reader has that name, or there is none at all."""

    code = "reader_unknown"
    advice = (
        "Plug the reader in, or name one that is there with --reader; then do the same again: a "
        "card pays nothing twice"
    )


class ReaderUnnamed(WalletError):
    """There are several readers, and none was named."""

    code = "reader_unnamed"
    advice = "Name one with --reader, or in JIAOZI_READER"


class CardAbsent(WalletError):
    """No card is in the reader."""

    code = "card_absent"
    advice = "Put the card in, or hold it to the reader"


class CardBusy(WalletError):
    """Another program holds the card."""

    code = "card_busy"
    advice = "Close the other program that uses the card, or wait until it has done"


class CardPulled(WalletError):
    """The card left the reader before it had answered."""

    code = "card_pulled"
    advice = (
        "Put the same card in and do the same again: it repeats what it said before and pays "
        "nothing twice"
    )


class CardUnreadable(WalletError):
    """The card does not answer as a card does."""

    code = "card_unreadable"
    advice = (
        "Clean the card, put it in the right way round and do the same again, or try another "
        "reader: what it has paid it says again, and pays nothing twice"
    )


class CardNotPurse(WalletError):
    """The card is no card of this system, or not in the state for what is asked."""

    code = "card_not_purse"
    advice = "Nothing moved. Use a card that was issued with `jiaozi card issue`"


class CardIssued(WalletError):
    """The card has a purse already; it is never overwritten."""

    code = "card_issued"
    advice = "Nothing was changed. Use it as it is, or take a blank card"


class CardPinNeeded(WalletError):
    """The card wants its PIN, and nobody gave it."""

    code = "card_pin_needed"
    advice = "Nothing moved. Do the same again with the PIN"


@dataclass(kw_only=True, eq=False)
class CardPinWrong(WalletError):
    """The card does not take the PIN or PUK."""

    code = "card_pin_wrong"
    advice = "Nothing moved. Try again with the right one, or unblock the card with its PUK"

    tries_left: int


class CardPinBlocked(WalletError):
    """The PIN, or the PUK, was wrong too often."""

    code = "card_pin_blocked"
    advice = (
        "The money stays on the card: `jiaozi card pin unblock` takes the PUK. Where that is "
        "blocked too, `jiaozi card lost` gives a named card's money back"
    )


class CardPinUnfit(WalletError):
    """A new PIN is too easy to guess."""

    code = "card_pin_unfit"
    advice = "Nothing was changed. Take 6 to 12 digits, three different ones at least"


class CardFailed(WalletError):
    """The card could not store its state, or does not take what it should."""

    code = "card_failed"
    advice = "Nothing moved. Try again; if it stays so, `jiaozi card lost` gives the money back"


class CardDiffers(WalletError):
    """Another card began this payment and may have paid already."""

    code = "card_differs"
    advice = (
        "Nothing moved. Take the payment from the card that began it, or give the sale up with "
        "`jiaozi pos cancel`: what that card may have paid comes in all the same"
    )


class PaymentWaits(WalletError):
    """A payment of the same amount broke off, and its payee does not take it from here any more."""

    code = "payment_waits"
    advice = (
        "Nothing new was paid. What was paid belongs to the other purse all the same: to pay this "
        "amount once more, synchronise the purse that pays, which hands the first one in"
    )


class SaleOpen(WalletError):
    """An earlier sale was not finished: its card may have paid already."""

    code = "sale_open"
    advice = (
        "Nothing moved. Finish it with its own amount and card, or give it up with "
        "`jiaozi pos cancel`"
    )


class SalesUnavailable(WalletError):
    """The list of sales cannot be read or written."""

    code = "sales_unavailable"
    advice = (
        "Make room on the disk or give the file back, then take the sale from the same card: what "
        "it has paid it says again, and pays nothing twice"
    )


class PurseMissing(WalletError):
    """There is no purse where one was looked for."""

    code = "purse_missing"
    advice = "Make one with `jiaozi wallet offline enrol`, while there is network"


class PurseExists(WalletError):
    """A purse stands where a new one was to be made; it is never overwritten."""

    code = "purse_exists"
    advice = (
        "Nothing was changed. To make another, empty this one with `jiaozi wallet offline unload` "
        "or report it lost; then move purse.sqlite and purse-key.json out of the directory"
    )


class PurseUnavailable(WalletError):
    """The purse's file cannot be read or written."""

    code = "purse_unavailable"
    advice = "In this purse nothing moved. Make room on the disk, or give the file back"


class PurseDamaged(WalletError):
    """The file is no purse, or not the one of this key."""

    code = "purse_damaged"
    advice = (
        "Nothing moved. Put no older copy in its place: a purse that is set back pays twice and is "
        "convicted. Find it with `jiaozi wallet offline devices`, report it lost with `jiaozi "
        "wallet offline lost`, and claim what is left"
    )


class DeviceLeftBehind(WalletError):
    """The operator that certified a purse failed, and no other can give it a checkpoint or load."""

    code = "device_left_behind"
    advice = (
        "What it paid and took is settled all the same. Empty it with `jiaozi wallet offline "
        "unload`, report it lost and claim the rest; then make another"
    )


class DeviceNotLost(WalletError):
    """What is on a device that works is not claimed: the device pays it."""

    code = "device_not_lost"
    advice = (
        "Nothing moved. Unload it, or report it lost with `jiaozi wallet offline lost` and claim "
        "after the wait"
    )


class DeviceUnknown(WalletError):
    """The wallet has no such device."""

    code = "device_unknown"
    advice = "Nothing was changed. `jiaozi wallet offline devices` lists those of this wallet"


class NothingToClaim(WalletError):
    """The registry has seen nothing on a device."""

    code = "nothing_to_claim"
    advice = "Nothing moved. What others still hand in for it comes first; then claim again"


class MessageNotGiven(WalletError):
    """A purse has done its step, and what it says could not be written where it was asked for."""

    code = "message_not_given"
    advice = (
        "What the purse did stands. Run the same command again, with another place for the "
        "message: it says the same, and nothing is paid or taken twice"
    )


class FramesUnfit(WalletError):
    """What was scanned or read is not one whole message."""

    code = "frames_unfit"
    advice = "Nothing moved. Scan again, all codes of the one message; their order does not matter"
