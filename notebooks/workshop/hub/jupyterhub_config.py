"""One machine for a class: JupyterHub with a private copy of the student edition for everybody.

On a Linux machine of your own, as root, since each learner becomes a user of the system:

    python notebooks/workshop/editions.py student --out /srv/cam/student
    pip install '.[lab,measure]' jupyterhub jupyterhub-idle-culler
    npm install -g configurable-http-proxy
    CLASS_PASSWORD=... jupyterhub -f notebooks/workshop/hub/jupyterhub_config.py

Learners choose any name and give the class's password. `values.yaml` beside this file says the same
for Zero to JupyterHub; for The Littlest JupyterHub put this file into its configuration folder
(neither was tried). README.md says what thirty learners need.
"""

import os
import shutil
import sys
from pathlib import Path

from jupyterhub.auth import DummyAuthenticator, LocalAuthenticator

EDITION = Path(os.environ.get("CLASS_EDITION", "/srv/cam/student"))
PASSWORD = os.environ.get("CLASS_PASSWORD", "")
IDLE_MINUTES = 20
FOLDER = "cam"

if not PASSWORD:
    sys.exit(
        "Set CLASS_PASSWORD: without one, everybody who finds this machine can run code on it."
    )
if not EDITION.is_dir():
    sys.exit(f"No student edition in {EDITION}: make it, or name its folder in CLASS_EDITION.")


class ClassAuthenticator(LocalAuthenticator, DummyAuthenticator):
    """Any name with the class's password; each name is a user of the system of its own."""


def lay_out(spawner) -> None:
    """Give a learner a private, writable copy, once: saved work is never written over."""
    import pwd

    account = pwd.getpwnam(spawner.user.name)
    home = Path(account.pw_dir)
    home.chmod(0o700)
    place = home / FOLDER
    if place.exists():
        return
    unfinished = home / f".{FOLDER}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(EDITION, unfinished)
    for path in [unfinished, *unfinished.rglob("*")]:
        os.chown(path, account.pw_uid, account.pw_gid)
    unfinished.rename(place)


c = get_config()  # noqa: F821 (JupyterHub gives it)
c.JupyterHub.authenticator_class = ClassAuthenticator
c.DummyAuthenticator.password = PASSWORD
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = r"[a-z][a-z0-9]{0,20}"
c.LocalAuthenticator.create_system_users = True
c.LocalAuthenticator.add_user_cmd = ["useradd", "--create-home", "--shell", "/usr/sbin/nologin"]
c.JupyterHub.bind_url = os.environ.get("CLASS_ADDRESS", "http://:8000")
c.JupyterHub.cleanup_servers = False  # a new hub finds the learners' servers as they were
c.JupyterHub.db_url = os.environ.get("CLASS_DATABASE", "sqlite:///jupyterhub.sqlite")
c.JupyterHub.concurrent_spawn_limit = 10
c.Spawner.pre_spawn_hook = lay_out
c.Spawner.cmd = [str(Path(sys.executable).with_name("jupyterhub-singleuser"))]
c.Spawner.notebook_dir = f"~/{FOLDER}"
c.Spawner.default_url = "/lab/tree/00_start_here.ipynb"
c.Spawner.http_timeout = c.Spawner.start_timeout = 180
# One thread a kernel: thirty kernels with a thread a core each would stand in each other's way.
c.Spawner.environment = {"OMP_NUM_THREADS": "1"}
c.Spawner.args = [
    f"--MappingKernelManager.cull_idle_timeout={60 * IDLE_MINUTES}",
    "--MappingKernelManager.cull_interval=60",
    "--MappingKernelManager.cull_connected=True",
]
culler = [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={180 * IDLE_MINUTES}"]
c.JupyterHub.services = [{"name": "culler", "command": culler}]
c.JupyterHub.load_roles = [
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]
if "CLASS_TOKEN" in os.environ:  # load_test.py stands in for learners with it
    c.JupyterHub.services.append({"name": "load-test", "api_token": os.environ["CLASS_TOKEN"]})
    c.JupyterHub.load_roles.append(
        {
            "name": "load-test",
            "services": ["load-test"],
            "scopes": ["admin:users", "admin:servers", "access:servers", "tokens"],
        }
    )
