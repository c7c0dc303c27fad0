"""Why the embedded PostgreSQL failed, read from what it wrote before it ended.

Pure: text in, text out.
"""

from jiaozi.storage.errors import EmbeddedServerError

# What the server writes, what happened, what to do; the first that is found counts.
_CAUSES = (
    (
        "recovery ended before configured recovery target was reached",
        "The archive ends before the moment that was asked for.",
        "Name an earlier moment, or the archive that goes so far.",
    ),
    (
        "requested recovery stop point is before consistent recovery point",
        "The moment that was asked for lies before the end of the backup.",
        "Name a later moment, or take an older backup.",
    ),
    (
        "No space left on device",
        "The disk that holds {home} is full.",
        "Free some space and start again.",
    ),
    (
        "database files are incompatible with server",
        "The database in {home} was made by PostgreSQL {data_version}, and this is another.",
        "Install the release that made it, or move the data with pg_upgrade.",
    ),
    (
        "Address already in use",
        "The port or socket of the database in {home} is in use by another program.",
        "Stop that program, or choose another port.",
    ),
    (
        "could not map anonymous shared memory",
        "The database in {home} got too little memory.",
        "Give the machine more memory, or set a smaller shared_buffers.",
    ),
    (
        "could not access file",
        "The database in {home} cannot read a file of its own.",
        "Set the owner of everything in that directory back to what it was.",
    ),
    (
        "invalid value for parameter",
        "PostgreSQL refused a setting for the database in {home}.",
        "Correct the setting.",
    ),
    (
        "could not look up effective user ID",
        "The user that runs this has no entry in the list of users of this machine.",
        "Run it as a user with an entry, or give a PostgreSQL by DSN.",
    ),
)


def explain(output: str, *, home: str, data_version: str) -> EmbeddedServerError:
    """Turn the end of a server's output into an error that a person can act on.

    Args:
        output: What the server wrote since it was started.
        home: The directory of the server.
        data_version: The major version that made the data directory.
    """
    for needle, happened, remedy in _CAUSES:
        if needle in output:
            return EmbeddedServerError(
                happened=happened.format(home=home, data_version=data_version), remedy=remedy
            )
    last = "\n".join(output.strip().splitlines()[-5:]) or "It wrote nothing."
    return EmbeddedServerError(
        happened=f"The PostgreSQL of {home} stopped. Its last words:\n{last}\n",
        remedy="Start again; if it stops again, the log in that directory says more.",
    )
