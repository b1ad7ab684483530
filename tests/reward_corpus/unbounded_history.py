# expect: interpreted
visited = {}

def reward_function(params):
    index = params['closest_waypoints'][0]
    if index in visited:
        visited[index] += 1
    else:
        visited[index] = 1
    return 1.0 / visited[index]
