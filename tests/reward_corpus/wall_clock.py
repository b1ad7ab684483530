# expect: interpreted
import time

started = None

def reward_function(params):
    global started
    now = time.time()
    if started is None:
        started = now
    return 1.0 if now - started >= 0 else 0.5
