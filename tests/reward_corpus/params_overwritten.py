# expect: compiled
# Corrects some of its params in place, on some ways only.


def reward_function(params):
    if params["speed"] > 2.5:
        params["speed"] = 2.5
    if params["is_offtrack"]:
        del params["progress"]
    for _ in range(20):
        params["heading"] = params["heading"] / 2
    steps = params.pop("steps", 1)
    params["pace"] = params.get("progress", 0.0) / steps
    return params["speed"] + params["pace"] + params["heading"] + ("steps" in params)
