import os
import sys
import threading

socket_path = sys.argv[1]


def ready():
    os.write(1, b"ready\n")


def _end_with_parent():
    while os.read(0, 1024):
        pass
    os._exit(0)


threading.Thread(target=_end_with_parent, daemon=True).start()
