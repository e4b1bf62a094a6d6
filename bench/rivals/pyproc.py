import time

from pyproc_worker import expose, run_worker


@expose
def echo(body):
    return body


def _ready_once_bound():
    while not os.path.exists(socket_path):
        time.sleep(0.001)
    ready()


threading.Thread(target=_ready_once_bound, daemon=True).start()
run_worker(socket_path)
