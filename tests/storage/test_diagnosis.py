import pytest

from jiaozi.storage.diagnosis import explain


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ('PANIC:  could not write to file "x": No space left on device', "disk that holds /d is"),
        ("FATAL:  database files are incompatible with server", "made by PostgreSQL 15, and"),
        ("LOG:  could not bind: Address already in use", "in use by another program"),
        ("FATAL:  could not map anonymous shared memory", "too little memory"),
        ('FATAL:  could not access file "global": Permission denied', "cannot read a file"),
        ('FATAL:  invalid value for parameter "jit": "x"', "refused a setting"),
        ("initdb: error: could not look up effective user ID 7", "no entry in the list of users"),
        ("LOG:  a\nFATAL:  something new", "Its last words:\nLOG:  a\nFATAL:  something new\n"),
        ("", "It wrote nothing."),
    ],
)
def test_the_error_says_what_happened_and_that_nothing_is_lost(output: str, said: str) -> None:
    error = str(explain(output, home="/d", data_version="15"))
    assert said in error
    assert "Nothing that was acknowledged is lost." in error
