# expect: compiled
def reward_function(params):
    seed = int(params['steps']) * 1103515245 + 12345
    seed = (seed ^ (int(abs(params['x']) * 1000))) % 2147483648
    return (seed % 1000) / 1000
