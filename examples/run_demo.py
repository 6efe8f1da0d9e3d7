"""Runs other examples against a private server: `python examples/run_demo.py pool.py pool_reuse.py`.

The server is started for them and is gone afterwards. With `--as-mariadb_py MODULE` they import that module in the
place of mariadb_py.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from mariadb_py.testing import ServerNotFound, temp_server

FOLDER = Path(__file__).parent
RUN = "import runpy, sys; sys.modules['mariadb_py'] = __import__(sys.argv[1]); runpy.run_path(sys.argv[2])"


def main() -> int:
    """Command line; the exit status is that of the first example that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="+", metavar="EXAMPLE", help="file in the folder of this one")
    parser.add_argument("--as-mariadb_py", default="mariadb_py", metavar="MODULE", dest="module")
    arguments = parser.parse_args()
    with temp_server(user="example_user", database="test") as server:
        environment = {
            **os.environ,
            "MARIADB_HOST": server.host,
            "MARIADB_PORT": str(server.port),
            "MARIADB_USER": server.user,
            "MARIADB_PASSWORD": server.password,
        }
        for example in arguments.examples:
            command = [sys.executable, "-c", RUN, arguments.module, str(FOLDER / example)]
            status = subprocess.run(command, env=environment, check=False).returncode
            if status:
                return status
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerNotFound as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
