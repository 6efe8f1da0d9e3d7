"""Frameworks that say `import mariadb`, with mariadb_py in its place. Each runs in an interpreter of its own.

They come with the extra `frameworks`, which `make test` installs; without them these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START = """
import json, sys, warnings
from mariadb_py.compat import install_as_mariadb
install_as_mariadb()
arguments = json.loads(sys.stdin.read())
"""
PEEWEE = """
import peewee
from playhouse.mysql_ext import MariaDBConnectorDatabase

database = MariaDBConnectorDatabase(arguments.pop("database"), **arguments)

class Person(peewee.Model):
    name = peewee.CharField(unique=True)
    born = peewee.DateField(null=True)

    class Meta:
        database = database
        table_name = "compat_person"

database.create_tables([Person])
print(type(database.connection()).__module__)
print(Person.create(name="a", born="2020-01-02").id)
Person.insert_many([{"name": "b"}, {"name": "c"}]).execute()
print([(person.name, person.born) for person in Person.select().order_by(Person.name)])
try:
    with database.atomic():
        Person.create(name="d")
        raise LookupError
except LookupError:
    print(Person.select().where(Person.name == "d").count())
with database.atomic():
    with database.atomic() as inner:
        Person.delete().where(Person.name == "b").execute()
        inner.rollback()
    print(Person.update(name="e").where(Person.name == "c").execute())
try:
    Person.create(name="a")
except peewee.IntegrityError as error:
    print(error.args[0])
print(sorted(person.name for person in Person.select()), "compat_person" in database.get_tables())
database.drop_tables([Person])
database.close()
"""
PANDAS = """
import mariadb
import pandas

with mariadb.connect(**arguments) as connection:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = pandas.read_sql(
            "SELECT seq AS n, seq / 2 AS half, DATE('2020-01-02') AS day FROM seq_1_to_4 WHERE seq > ?",
            connection,
            params=(1,),
        )
    print([(warning.category.__name__, "SQLAlchemy" in str(warning.message)) for warning in caught])
    print(list(frame.columns), frame.n.tolist(), str(frame.n.dtype), [float(half) for half in frame.half])
"""


def run(program: str, arguments: dict[str, Any]) -> list[str]:
    """The lines that a program prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", START + program],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protocol'}"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def needs(module: str) -> pytest.MarkDecorator:
    reason = f"{module} is not installed; it comes with the extra: pip install 'mariadb_py[frameworks]'"
    return pytest.mark.skipif(find_spec(module) is None, reason=reason)


@needs("peewee")
def test_peewee(connect_args: dict[str, Any]) -> None:
    assert run(PEEWEE, connect_args) == [
        "mariadb_py.connection",
        "1",
        "[('a', datetime.date(2020, 1, 2)), ('b', None), ('c', None)]",
        "0",
        "1",
        "Duplicate entry 'a' for key 'person_name'",
        "['a', 'b', 'e'] True",
    ]


@needs("pandas")
def test_pandas_read_sql(connect_args: dict[str, Any]) -> None:
    """pandas warns of every connection that is not SQLAlchemy's."""
    assert run(PANDAS, connect_args) == [
        "[('UserWarning', True)]",
        "['n', 'half', 'day'] [2, 3, 4] int64 [1.0, 1.5, 2.0]",
    ]
