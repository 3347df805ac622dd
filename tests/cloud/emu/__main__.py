"""Starts the emulator, says where it is, and ends it in good order."""

import argparse
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def options():
    parser = argparse.ArgumentParser(prog="tests/cloud/emulator", description=__doc__)
    parser.add_argument("folder", help="where it keeps its data; made anew, and removed at the end")
    parser.add_argument("--port", type=int, default=0, help="0, as it is, for a free one")
    parser.add_argument("--host", default="127.0.0.1", choices=["127.0.0.1", "localhost"],
                        help="what instances give as their endpoint's address")
    parser.add_argument("--times", default="", help="seconds in each status: default=0.3,creating=1,db:deleting=2")
    parser.add_argument("--quotas", default="", help="instances=40,manual-snapshots=100,copies=20 and so on")
    parser.add_argument("--no-data", action="store_true", help="no database servers: instances of statuses alone")
    parser.add_argument("--no-presigned", action="store_true",
                        help="encrypted copies from another region need no pre-signed request")
    parser.add_argument("--iam", action="store_true", help="policies are enforced from the start")
    parser.add_argument("--demo", type=int, nargs="?", const=1_000_000, metavar="ROWS",
                        help="with the data of tests/cloud/seed in it, before it says that it is ready")
    return parser.parse_args()


def pairs(text, known=None):
    found = {}
    for one in filter(None, text.split(",")):
        name, _, value = one.partition("=")
        if known and name not in known:
            sys.exit(f"there is no {name} to set; known are {', '.join(known)}")
        found[name] = value
    return found


def state_folder(path):
    path = os.path.realpath(path)
    if os.path.exists(path) and os.listdir(path):
        sys.exit(f"{path} is not empty: the emulator wants a folder of its own, which it removes at the end")
    os.makedirs(path, exist_ok=True)
    # Servers run as another user, who must get through.
    os.chmod(path, 0o711)
    return path


def watch_parent(stop):
    """Ends the emulator when whoever started it has ended, or has closed the pipe to it."""
    parent = os.getppid()
    if stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode):
        threading.Thread(target=lambda: (read_to_end(), stop()), name="stdin", daemon=True).start()

    def look():
        while os.getppid() == parent:
            time.sleep(0.25)
        stop()

    threading.Thread(target=look, name="parent", daemon=True).start()


def read_to_end():
    try:
        while os.read(0, 65536):
            pass
    except OSError:
        pass


def main():
    asked = options()
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ.pop(name, None)
    quotas = {"instances": 40, "clusters": 40, "manual-snapshots": 100, "manual-cluster-snapshots": 100, "copies": 20}
    quotas |= {name: int(value) for name, value in pairs(asked.quotas, quotas).items()}
    times = {"default": 0.3, "modify-lag": 0.1, "initializing": 0.6}
    times |= {name: float(value) for name, value in pairs(asked.times).items()}
    folder = state_folder(asked.folder)

    from .keeper import Keeper
    keeper = Keeper(folder)
    try:
        serve(asked, folder, keeper, times, quotas)
    finally:
        keeper.end()


def serve(asked, folder, keeper, times, quotas):
    from werkzeug.serving import make_server

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    from . import tls
    from .control import Control
    from .faults import Faults
    from .gateway import Calls, Gateway
    from .guard import Guard
    from .rds import service
    from .rds.catalog import Catalog
    from .rds.state import State
    from .servers import Servers

    authority = tls.make(folder)
    cache = subprocess.run([os.path.join(HERE, "../../servers/install"), "where"], capture_output=True, text=True,
                           check=True).stdout.strip()
    servers = Servers(keeper, folder, cache, asked.host, authority)
    if not servers.engines:
        sys.exit("no database servers here; run tests/servers/install")
    state = State(times, quotas, servers, not asked.no_data)
    service.install(state, Catalog(servers.engines), not asked.no_presigned)

    class Handler(MotoRequestHandler):
        # Else a small answer waits for the client's word on its first half.
        disable_nagle_algorithm = True

        def log(self, *_):
            pass

    calls, rules, guard = Calls(), Faults(), Guard("AKIAFIREDRILLROOT000", state)
    guard.enforced, state.judge = asked.iam, guard.judge_token
    info = {}
    control = Control(state, calls, rules, guard, info)
    gateway = Gateway(DomainDispatcherApplication(create_backend_app), control, calls, rules, guard, service.known)
    server = make_server("127.0.0.1", asked.port, gateway, threaded=True, request_handler=Handler)
    server.daemon_threads = True

    stopping = threading.Event()

    def stop(*_):
        if not stopping.is_set():
            stopping.set()
            threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    watch_parent(stop)
    info |= {
        "endpoint": f"http://127.0.0.1:{server.server_port}", "account": "123456789012",
        "ca_bundle": os.path.join(folder, tls.CA), "root_access_key_id": guard.root_key, "pid": os.getpid(),
        "engines": {name: list(offered) for name, offered in service.offered.versions.items()},
    }
    threading.Thread(target=lambda: (demo(asked, info), print(json.dumps(info), flush=True)), daemon=True).start()
    server.serve_forever()


def demo(asked, info):
    """Fills a new emulator as `tests/cloud/seed` does."""
    if asked.demo is None:
        return
    done = subprocess.run([sys.executable, "-m", "emu.seed", "--endpoint", info["endpoint"], "--ca", info["ca_bundle"],
                           "--rows", str(asked.demo)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if done.returncode == 0:
        info["demo"] = json.loads(done.stdout)
    else:
        print("the demonstration could not be made", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGTERM)


main()
os._exit(0)
